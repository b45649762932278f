"""How many frames a second each decoder takes on one core.

    ./dev bench decode [--seconds 1]

A driver's recordings over and over, as they would come off a line: 64 frames or so at a time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import NamedTuple

from agent.commands.decode import decoder_of
from benchmarks.decoders import recordings
from benchmarks.machine import machine
from drivers import registry
from drivers.evdev import RECORD

GOAL = 50_000
READ_FRAMES = 64


def of_size(size_bytes: int) -> Callable[[bytes], int]:
    """Frames that are all of one size."""
    return lambda data: len(data) // size_bytes


FRAMES: dict[str, Callable[[bytes], int]] = {
    "card.em4100": lambda data: data.count(b"\x03"),
    "card.keyboard": of_size(RECORD.size),
    "clicker.iclicker": of_size(64),
    "clicker.reference": lambda data: sum(map(bool, data.split(b"\0"))),
    "clicker.sunvote": lambda data: data.count(b"\xf5\xaa\xaa"),
    "clicker.xes": of_size(256),
    "presenter.keys": of_size(RECORD.size),
    "sensor.serial_line": lambda data: sum(map(bool, data.splitlines())),
}
"""How many frames are in the bytes; of others only those that give a reading are counted."""


class Pace(NamedTuple):
    """What one decoder did in a second."""

    frames: float
    readings: float
    megabytes: float


def pace(name: str, seconds: float) -> Pace:
    """Of one decoder, over `seconds` of its own time."""
    once = b"".join(one.data for one in recordings.of_driver(name))
    said = sum(len(one.lines) for one in recordings.of_driver(name))
    frames_once = FRAMES[name](once) if name in FRAMES else said
    size = max(1, len(once) * READ_FRAMES // frames_once)
    data = once * (1 + 1_000_000 // len(once))
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    decoder = decoder_of(name, "bench")
    took_s, passes, readings = 0.0, 0, 0
    while took_s < seconds:
        start_s = time.process_time()
        for number, piece in enumerate(pieces):
            readings += len(decoder.feed(piece, number * 10_000_000))
        took_s += time.process_time() - start_s
        passes += 1
    frames = passes * frames_once * (len(data) // len(once))
    return Pace(frames / took_s, readings / took_s, passes * len(data) / took_s / 1e6)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0)
    seconds = parser.parse_args().seconds
    print(machine(), "", sep="\n")
    print("| decoder | frames/s | readings/s | MB/s | goal: 50,000 frames/s |")
    print("|---|--:|--:|--:|---|")
    for name in registry.names():
        if registry.load(name).decoder("x") is not None:
            found = pace(name, seconds)
            verdict = "reached" if found.frames >= GOAL else "**missed**"
            print(
                f"| `{name}` | {found.frames:,.0f} | {found.readings:,.0f} "
                f"| {found.megabytes:.1f} | {verdict} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
