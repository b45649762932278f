"""What keys, presenters and touch screens do: the kernel's input events (/dev/input/event*).

A record of the kernel on a 64-bit machine: seconds and microseconds (8 bytes each), type (2),
code (2), value (4, signed), all in the machine's order (linux/input.h).
"""

from __future__ import annotations

import errno
import fcntl
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from drivers.device_file import DeviceFile
from drivers.errors import DeviceLost, DeviceMisconfigured
from drivers.ports import Axis, SlotState
from drivers.usb import is_usb_id, usb_id

SYSFS = Path("/sys/class/input")
RECORD = struct.Struct("<qqHHi")
MAX_CODE = 0x2FF
MICROSECONDS = 1_000_000
WORD_BITS = struct.calcsize("L") * 8

EV_SYN, EV_KEY, EV_REL, EV_ABS, EV_MSC, EV_SW, EV_LED, EV_SND, EV_REP = 0, 1, 2, 3, 4, 5, 17, 18, 20
RELEASED, PRESSED, HELD = 0, 1, 2
SYN_DROPPED = 3
"""Of type EV_SYN: the kernel had no room, and records are missing."""
EVIOCGVERSION = 0x80044501
EVIOCGRAB = 0x40044590
EVIOCSCLOCKID = 0x400445A0
CLOCK_BOOTTIME = 7
EVIOCGABS = 0x80184540
EVIOCGMTSLOTS = 0x8000450A
ABS_INFO = struct.Struct("6i")
"""Value, lowest, highest, fuzz, flat, units a mm."""
ABS_MT_SLOT, MAX_SLOTS = 0x2F, 64
SLOT_AXES = (0x39, 0x35, 0x36)
"""Tracking id, x and y."""
ABS_MT_PRESSURE = 0x3A

_ANY = range(-(1 << 31), 1 << 31)
_NONE = range(0)
_VALUES = {
    EV_SYN: range(2),
    EV_KEY: range(HELD + 1),
    EV_REL: _ANY,
    EV_ABS: _ANY,
    EV_MSC: _ANY,
    EV_SW: range(2),
    EV_LED: range(2),
    EV_SND: _ANY,
    EV_REP: _ANY,
}
"""What the kernel writes, by type."""


class InputEvent(NamedTuple):
    """One of the kernel's input events; `time_us` counts on the clock of the device."""

    time_us: int
    type: int
    code: int
    value: int


class InputDevice(NamedTuple):
    """An input device of this machine.

    Attributes:
        path: e.g. /dev/input/event3.
        usb: "046d:c52d"; of another bus its vendor and product all the same.
        name: what it calls itself.
        keys: the codes of the keys that it has.
        axes: the codes of its absolute axes.
    """

    path: str
    usb: str
    name: str
    keys: frozenset[int] = frozenset()
    axes: frozenset[int] = frozenset()


class EventDecoder:
    """Bytes to input events. Holds at most a record less one byte.

    A record whose fields no kernel writes is skipped byte by byte, and counted as junk.
    """

    def __init__(self) -> None:
        self.junk_bytes = 0
        self._held = b""

    def feed(self, data: bytes) -> Iterator[InputEvent]:
        """The events that `data` completes."""
        held, at = self._held + data, 0
        while len(held) - at >= RECORD.size:
            seconds, micros, kind, code, value = RECORD.unpack_from(held, at)
            in_time = seconds >= 0 and 0 <= micros < MICROSECONDS
            if in_time and code <= MAX_CODE and value in _VALUES.get(kind, _NONE):
                yield InputEvent(seconds * MICROSECONDS + micros, kind, code, value)
                at += RECORD.size
            else:
                self.junk_bytes += 1
                at += 1
        self._held = held[at:]


def devices(sysfs: Path = SYSFS) -> Iterator[InputDevice]:
    """All input devices."""
    for folder in sorted(sysfs.glob("event*")):
        about = folder / "device"
        try:
            vendor = (about / "id" / "vendor").read_text(encoding="ascii").strip()
            product = (about / "id" / "product").read_text(encoding="ascii").strip()
            name = (about / "name").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:  # pulled meanwhile
            continue
        path = f"/dev/input/{folder.name}"
        yield InputDevice(path, usb_id(vendor, product), name, *_abilities(about))


def _abilities(about: Path) -> tuple[frozenset[int], frozenset[int]]:
    return _codes(about, "key"), _codes(about, "abs")


def _codes(about: Path, kind: str) -> frozenset[int]:
    """The bits of the words that the kernel writes, the highest first."""
    try:
        words = (about / "capabilities" / kind).read_text(encoding="ascii").split()
        bits = [int(word, 16) for word in reversed(words)]
    except (OSError, ValueError):
        return frozenset()
    codes = range(len(bits) * WORD_BITS)
    return frozenset(code for code in codes if bits[code // WORD_BITS] >> code % WORD_BITS & 1)


class InputFile(DeviceFile):
    """An open input device."""

    def axis(self, code: int) -> Axis | None:
        """What the kernel knows of an axis."""
        answer = bytearray(ABS_INFO.size)
        try:
            fcntl.ioctl(self.fileno(), EVIOCGABS + code, answer)
        except OSError:  # no such axis, or it went: then reading says so
            return None
        value, lowest, highest, _, _, per_mm = ABS_INFO.unpack(answer)
        return Axis(value, lowest, highest, per_mm)

    def slots(self) -> tuple[int, Mapping[int, SlotState]]:
        """The slot that its records are of, and what is in every slot."""
        slot = self.axis(ABS_MT_SLOT)
        if slot is None or not 0 <= slot.highest < MAX_SLOTS:
            return 0, {}
        count = slot.highest + 1
        try:
            contacts, xs, ys = (self._of_slots(code, count) for code in SLOT_AXES)
            pressures: Sequence[int | None] = [None] * count
            if self.axis(ABS_MT_PRESSURE) is not None:
                pressures = self._of_slots(ABS_MT_PRESSURE, count)
        except OSError:  # as above
            return 0, {}
        return slot.value, {
            number: SlotState(contact if contact >= 0 else None, x, y, pressure)
            for number, (contact, x, y, pressure) in enumerate(
                zip(contacts, xs, ys, pressures, strict=True)
            )
        }

    def _of_slots(self, code: int, count: int) -> Sequence[int]:
        """An axis in each slot (EVIOCGMTSLOTS: its code, then as many values as there is room)."""
        words = struct.Struct(f"{1 + count}i")
        answer = bytearray(words.pack(code, *[0] * count))
        fcntl.ioctl(self.fileno(), EVIOCGMTSLOTS | words.size << 16, answer)
        return words.unpack(answer)[1:]


def open_input(port: str, *, grab: bool, key: int | None = None, sysfs: Path = SYSFS) -> InputFile:
    """Open an input device; its events then bear CLOCK_BOOTTIME.

    What only imitates an input device may know neither that clock nor `grab`: it is opened all
    the same, and its events bear its own time.

    Args:
        port: a path, or a USB id such as "046d:c52d" for the only device that has it.
        grab: keep its keys from the desktop.
        key: a key that it has: one plug may be several devices, say a keyboard and a mouse.
        sysfs: where the kernel lists them.

    Raises:
        DeviceLost: it is not there.
        DeviceMisconfigured: more than one has this USB id, another program has grabbed it, it
            may not be opened, or it is no input device.
    """
    path = port
    if is_usb_id(port):
        alike = [one for one in devices(sysfs) if one.usb == port.lower()]
        fitting = [one for one in alike if key in one.keys]
        found = [one.path for one in fitting or alike]
        if not found:
            raise DeviceLost("port_missing", port, "plug the device in, or correct `port`")
        if len(found) > 1:
            hint = f"give the path of one of them as `port`: {', '.join(found)}"
            raise DeviceMisconfigured("port_ambiguous", port, hint)
        path = found[0]
    device = InputFile(path)
    try:
        fcntl.ioctl(device.fileno(), EVIOCGVERSION, bytes(4))
        _ask(device, EVIOCSCLOCKID, struct.pack("i", CLOCK_BOOTTIME))
        if grab:
            _ask(device, EVIOCGRAB, 1)
    except OSError as error:
        device.close()
        raise _refusal(port, error) from error
    return device


def _ask(device: DeviceFile, request: int, value: bytes | int) -> None:
    """What the kernel does, and an imitation need not know."""
    try:
        fcntl.ioctl(device.fileno(), request, value)
    except OSError as error:
        if error.errno not in (errno.ENOTTY, errno.ENOENT):
            raise


def _refusal(port: str, error: OSError) -> DeviceLost | DeviceMisconfigured:
    if error.errno == 16:  # noqa: PLR2004 (EBUSY)
        hint = "another program has it for itself, or two entries name the same device"
        return DeviceMisconfigured("port_in_use", port, hint)
    if error.errno in (19, 5):  # ENODEV, EIO
        return DeviceLost("port_gone", port, "it went while it was opened; tried again")
    return DeviceMisconfigured("port_unfit", port, f"not an input device ({error.strerror})")
