"""USB ids as text: "1881:0150"."""

from __future__ import annotations

import re

BRIDGES = {
    "0403:6001": "FT232R",
    "0403:6010": "FT2232",
    "0403:6011": "FT4232",
    "0403:6014": "FT232H",
    "0403:6015": "FT231X",
    "04d8:00dd": "MCP2221",
    "067b:2303": "PL2303",
    "067b:23a3": "PL2303GC",
    "067b:23c3": "PL2303GT",
    "10c4:ea60": "CP2102",
    "10c4:ea70": "CP2105",
    "10c4:ea71": "CP2108",
    "1a86:5523": "CH341",
    "1a86:55d3": "CH343",
    "1a86:55d4": "CH9102",
    "1a86:7522": "CH340K",
    "1a86:7523": "CH340",
}
"""Bare chips between USB and a serial line: their id says nothing of what hangs behind."""

_USB_ID = re.compile(r"[0-9A-Fa-f]{4}:[0-9A-Fa-f]{4}")


def is_usb_id(text: str) -> bool:
    """Whether `text` is a vendor and a product, each of four hex digits."""
    return _USB_ID.fullmatch(text) is not None


def usb_id(vendor: str, product: str) -> str:
    """Of the hex digits that the kernel writes, however many."""
    try:
        return f"{int(vendor, 16):04x}:{int(product, 16):04x}"
    except ValueError:
        return ""
