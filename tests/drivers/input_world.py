"""Input devices that umockdev puts in the place of the machine's: what is there, and what it says.

Only version, name, ids and axes are answered: clock, grab and slots are not known there.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from drivers.evdev import EV_KEY, EV_SYN, RECORD, InputEvent
from drivers.ports import Axis

USB_BUS = 3
STEP_US = 4_000


def record(event: InputEvent) -> bytes:
    """An event as the kernel writes it."""
    seconds, micros = divmod(event.time_us, 1_000_000)
    return RECORD.pack(seconds, micros, event.type, event.code, event.value)


def pressed(codes: Iterable[int], began_us: int = 100_000) -> list[InputEvent]:
    """The events of keys pressed one after the other; a negative code is that key's release alone.

    Time goes on by `STEP_US` an event.
    """
    events: list[InputEvent] = []
    at_us = began_us
    for code in codes:
        for value in (1, 0) if code >= 0 else (0,):
            events.append(InputEvent(at_us, EV_KEY, abs(code), value))
            events.append(InputEvent(at_us, EV_SYN, 0, 0))
            at_us += STEP_US
    return events


class World:
    """Files that describe devices, and the command that runs a program with them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._arguments: list[str] = []
        self._number = 4

    def add(
        self,
        usb: str,
        name: str,
        keys: Sequence[int],
        events: Sequence[InputEvent],
        axes: Mapping[int, Axis] | None = None,
    ) -> str:
        """A device that says `events`, from the start of the program on. Its path."""
        self._number += 1
        node, path = f"event{self._number}", f"/dev/input/event{self._number}"
        vendor, product = usb.split(":")
        bits = sum(1 << code for code in keys)
        words = [f"{bits >> shift & (1 << 64) - 1:x}" for shift in range(704, -1, -64)]
        parent = f"/devices/pci0/usb1/1-{self._number}/input/input{self._number}"
        described = f"""\
P: {parent}
E: SUBSYSTEM=input
A: name={name}
A: id/vendor={vendor}
A: id/product={product}
A: capabilities/key={" ".join(words)}

P: {parent}/{node}
N: input/{node}
E: DEVNAME={path}
E: SUBSYSTEM=input
L: device=../../input{self._number}
"""
        ids = struct.pack("<4H", USB_BUS, int(vendor, 16), int(product, 16), 1)
        answers = f"@DEV {path}\nEVIOCGVERSION 0 01000100\nEVIOCGID 0 {ids.hex().upper()}\n"
        for code, axis in (axes or {}).items():
            known = struct.pack("<6i", axis.value, axis.lowest, axis.highest, 0, 0, axis.per_mm)
            answers += f"EVIOCGABS{f'({code})' if code else ''} 0 {known.hex().upper()}\n"
        said = []
        for event in events:
            seconds, micros = divmod(event.time_us, 1_000_000)
            at_us = seconds * 1_000_000 + max(micros, 100_000)  # it takes 012 for an octal number
            at_s = at_us / 1_000_000
            said.append(f"E: {at_s:.6f} {event.type:04x} {event.code:04x} {event.value}\n")
        for flag, ending, text in (
            ("-d", "umockdev", described),
            ("-i", "ioctl", answers),
            ("-e", "events", "".join(said)),
        ):
            file = self._folder / f"{node}.{ending}"
            file.write_text(text, encoding="utf-8")
            self._arguments += [flag, str(file) if flag == "-d" else f"{path}={file}"]
        return path

    def command(self, *program: str) -> list[str]:
        """What runs a program with these devices."""
        return ["umockdev-run", *self._arguments, "--", *program]
