"""USB HID devices by /dev/hidraw*: found by their USB id, opened, read report by report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from drivers.device_file import DeviceFile
from drivers.errors import DeviceLost, DeviceMisconfigured
from drivers.usb import is_usb_id, usb_id

SYSFS = Path("/sys/class/hidraw")
NO_REPORT_NUMBER = b"\0"
"""Stands before every report that is written to a device whose reports have no number."""


class HidDevice(NamedTuple):
    """A HID device of this machine.

    Attributes:
        path: e.g. /dev/hidraw0.
        usb: "1881:0150".
        name: what it calls itself.
        serial: its serial number, "" if it has none.
    """

    path: str
    usb: str
    name: str
    serial: str


def devices(sysfs: Path = SYSFS) -> Iterator[HidDevice]:
    """All HID devices on USB."""
    for folder in sorted(sysfs.glob("hidraw*")):
        try:
            text = (folder / "device" / "uevent").read_text(encoding="utf-8", errors="replace")
        except OSError:  # pulled meanwhile
            continue
        facts = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        bus, vendor, product = (*facts.get("HID_ID", "").split(":"), "", "", "")[:3]
        if bus == "0003":
            yield HidDevice(
                path=f"/dev/{folder.name}",
                usb=usb_id(vendor, product),
                name=facts.get("HID_NAME", ""),
                serial=facts.get("HID_UNIQ", ""),
            )


def open_hid(port: str, sysfs: Path = SYSFS) -> DeviceFile:
    """Open a HID device whose reports have no number.

    Args:
        port: a path, or a USB id such as "1881:0150" for the only device that has it.
        sysfs: where the kernel lists them.

    Raises:
        DeviceLost: it is not there.
        DeviceMisconfigured: more than one has this USB id, or it may not be opened.
    """
    if not is_usb_id(port):
        return DeviceFile(port, prefix=NO_REPORT_NUMBER)
    found = [one.path for one in devices(sysfs) if one.usb == port.lower()]
    if not found:
        raise DeviceLost("port_missing", port, "plug the device in, or correct `port`")
    if len(found) > 1:
        hint = f"give the path of one of them as `port`: {', '.join(found)}"
        raise DeviceMisconfigured("port_ambiguous", port, hint)
    return DeviceFile(found[0], prefix=NO_REPORT_NUMBER)
