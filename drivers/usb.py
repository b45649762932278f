"""USB ids as text: "1881:0150"."""

from __future__ import annotations

import re

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
