"""What is plugged in, as far as the name of a port tells. Cheap: looked at a few times a second."""

from __future__ import annotations

import os
import time
from collections.abc import Hashable
from pathlib import Path

from drivers.usb import is_usb_id

CLASSES = ("hidraw", "input")
"""Where a device that is named by its USB id turns up."""
SYSFS = Path("/sys/class")
SETTLE_S = 2.0
"""So long after a device was plugged in its rights may still be set."""


def can_be_watched(port: str) -> bool:
    """Whether a name says what to look at: a path, or a USB id."""
    return port.startswith("/") or is_usb_id(port)


def plug(port: str, sysfs: Path = SYSFS) -> Hashable:
    """A mark that is another one when what the name leads to has changed; None: nothing is there.

    Of a path: whether its file is the same, and who may open it. Of a USB id: which devices there
    are at all.
    """
    if is_usb_id(port):
        return tuple(name for one in CLASSES for name in _names(sysfs / one))
    try:
        about = os.stat(port)
    except (OSError, ValueError):
        return None
    return (about.st_dev, about.st_ino, about.st_rdev, about.st_ctime_ns)


def whole_machine(sysfs: Path = SYSFS) -> Hashable:
    """A mark that is another one when anything was plugged in or pulled."""
    folders = [*(sysfs / one for one in (*CLASSES, "tty")), sysfs.parent / "bus/usb/devices"]
    return tuple(tuple(_names(folder)) for folder in folders)


def is_settling(port: str) -> bool:
    """Whether the file of a port was made, or its rights were changed, a moment ago."""
    try:
        return abs(time.time() - os.stat(port).st_ctime) < SETTLE_S
    except (OSError, ValueError):
        return False


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
