"""Which serial ports there are, and which drivers could be behind them. It only looks.

No port is opened: opening alone can reset a board. A bridge chip's id is no proof of a device,
so nothing is claimed by it; the person who plugged it in chooses.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec
from serial.tools import list_ports

from drivers.registry import load, names

LINK_FOLDERS = (Path("/dev/classroom"), Path("/dev/serial/by-id"), Path("/dev/serial/by-path"))
"""Where names lie that outlast replugging, the best first."""
BRIDGES = {
    (0x1A86, 0x7523): "CH340",
    (0x1A86, 0x55D4): "CH9102",
    (0x10C4, 0xEA60): "CP2102",
    (0x0403, 0x6001): "FT232R",
    (0x067B, 0x2303): "PL2303",
}


class ListedPort(Protocol):
    """A serial port as pyserial lists it."""

    device: str
    description: str
    vid: int | None
    pid: int | None


class FoundPort(msgspec.Struct, frozen=True, kw_only=True):
    """One serial port.

    Attributes:
        port: the name to use in the settings, one that outlasts replugging if there is any.
        device: the kernel's own name.
        usb: "1a86:7523", "" if it is not on USB.
        says: what it says of itself.
        bridge: the bare bridge chip that it is, "" if it is none that we know.
        used_by: the device of the settings that has this port, None if none has.
        drivers: those that take a serial port, so that any of them could fit.
        why_not_sure: why none of them is chosen.
        snippet: lines for the settings, "" if it is in use there.
    """

    port: str
    device: str
    usb: str
    says: str
    bridge: str
    used_by: str | None
    drivers: list[str]
    why_not_sure: str
    snippet: str


def drivers_of_serial_ports() -> list[str]:
    """The drivers whose options have a `port` and its speed."""
    options = {name: load(name).Options.model_fields for name in names()}
    return [name for name, fields in options.items() if {"port", "baud"} <= fields.keys()]


def find_ports(
    used: Mapping[str, str],
    *,
    listed: Iterable[ListedPort] | None = None,
    link_folders: Iterable[Path] = LINK_FOLDERS,
) -> list[FoundPort]:
    """All serial ports.

    Args:
        used: ports in the settings, with the device that has each.
        listed: the ports of this machine; None: ask the kernel.
        link_folders: where lasting names lie.
    """
    links = _links(link_folders)
    drivers = drivers_of_serial_ports()
    owners = {os.path.realpath(port): device for port, device in used.items()}
    ports = list_ports.comports() if listed is None else listed
    found = []
    for number, port in enumerate(sorted(ports, key=lambda one: one.device), 1):
        real = os.path.realpath(port.device)
        name = links.get(real, port.device)
        vid, pid = port.vid, port.pid
        bridge = BRIDGES.get((vid or 0, pid or 0), "")
        owner = owners.get(real)
        found.append(
            FoundPort(
                port=name,
                device=port.device,
                usb="" if vid is None or pid is None else f"{vid:04x}:{pid:04x}",
                says=port.description if port.description != "n/a" else "",
                bridge=bridge,
                used_by=owner,
                drivers=drivers,
                why_not_sure=_why(bridge),
                snippet="" if owner else snippet(name, drivers, number),
            )
        )
    return found


def _links(folders: Iterable[Path]) -> dict[str, str]:
    """Real paths to the best of their lasting names."""
    links: dict[str, str] = {}
    for folder in folders:
        if folder.is_dir():
            for link in sorted(folder.iterdir()):
                links.setdefault(os.path.realpath(link), str(link))
    return links


def _why(bridge: str) -> str:
    chip = f"a {bridge} bridge chip" if bridge else "a serial port"
    return f"{chip} does not say what hangs behind it: choose what you have plugged in"


def snippet(port: str, drivers: list[str], number: int) -> str:
    """Lines for the settings; the first driver is an example among its alternatives."""
    first, *others = (f'"{name}"' for name in drivers)
    alternatives = f"  # or {', '.join(others)}" if others else ""
    return f'[[devices]]\nid = "device-{number}"\ndriver = {first}{alternatives}\nport = "{port}"\n'
