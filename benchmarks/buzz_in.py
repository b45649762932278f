"""Are buzz-in presses 5 ms apart put in their right order, over lines that delay and jitter?

    ./dev bench buzz_in [--trials 10000] [--each 10] [--jitter-ms 40] [--apart-ms 5]

Two receivers, each on a line that delays every piece by 0 to 40 ms at random, each way, with
crystals of +-50 ppm that warm and cool. After 60 s a buzz-in is opened, and every other second one
presses on one of them, another 5 ms later on the other; after `--each` such trials both start
anew. Made-up time, the real Connection and ClockSync, the virtual receiver's bytes.
"""

from __future__ import annotations

import argparse
import random
import sys
from typing import NamedTuple

from benchmarks.machine import machine
from benchmarks.rig.buzz import MS, Desk, S, Told, crystal

SETTLED_S = 60
STATED_MS = 2.5


class Figures(NamedTuple):
    """What came of the trials. `outside`: presses told further off than was stated."""

    right: int
    ties: int
    swapped: int
    outside: int
    after_60_s_ns: list[int]
    stated_ns: list[int]
    bytes_up: int


def session(seed: int, trials: int, jitter_ns: int, apart_ns: int) -> Figures:
    """Two receivers from their start to the last of so many trials."""
    chance = random.Random(seed)
    times_ns = [(SETTLED_S + 2 * one + 1) * S + chance.randrange(S) for one in range(trials)]
    earlier = [chance.randrange(2) for _ in times_ns]
    told: list[list[Told]] = []
    after: list[int] = []
    bytes_up = 0
    for side in range(2):
        desk = Desk(chance, crystal(chance), jitter_ns)
        begin_ns = desk.now_ns
        desk.run(begin_ns + SETTLED_S * S)
        after.append(desk.host.uncertainty_ns(desk.now_ns) or 1 << 62)
        bytes_up += desk.bytes_up
        desk.ask()
        for time_ns, first in zip(times_ns, earlier, strict=True):
            desk.run(begin_ns + time_ns + (0 if first == side else apart_ns))
            desk.press()
        desk.run(desk.now_ns + S)
        told.append(desk.told)
    right = ties = swapped = 0
    for first, *pair in zip(earlier, *told, strict=True):
        before, behind = pair[first], pair[1 - first]
        gap_ns = behind.told_ns - before.told_ns
        if abs(gap_ns) <= before.uncertain_ns + behind.uncertain_ns:
            ties += 1
        elif gap_ns > 0:
            right += 1
        else:
            swapped += 1
    presses = [one for side_told in told for one in side_told]
    outside = sum(abs(one.told_ns - one.pressed_ns) > one.uncertain_ns for one in presses)
    stated = [one.uncertain_ns for one in presses]
    return Figures(right, ties, swapped, outside, after, stated, bytes_up)


def run(trials: int, each: int, jitter_ns: int, apart_ns: int, first_seed: int = 1) -> Figures:
    """So many trials, `each` between two starts."""
    total = Figures(0, 0, 0, 0, [], [], 0)
    for seed in range(first_seed, first_seed + -(-trials // each)):
        one = session(seed, each, jitter_ns, apart_ns)
        total = Figures(
            total.right + one.right,
            total.ties + one.ties,
            total.swapped + one.swapped,
            total.outside + one.outside,
            total.after_60_s_ns + one.after_60_s_ns,
            total.stated_ns + one.stated_ns,
            total.bytes_up + one.bytes_up,
        )
    return total


def _spread(values_ns: list[int]) -> str:
    ordered = sorted(values_ns)
    parts = [ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)], ordered[-1]]
    return " / ".join(f"{one / MS:.2f}" for one in parts) + " ms (median / 99th percentile / worst)"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="./dev bench buzz_in")
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--each", type=int, default=10, help="trials between two starts")
    parser.add_argument("--jitter-ms", type=float, default=40)
    parser.add_argument("--apart-ms", type=float, default=5)
    options = parser.parse_args()
    print(machine())
    figures = run(
        options.trials, options.each, int(options.jitter_ms * MS), int(options.apart_ms * MS)
    )
    trials = figures.right + figures.ties + figures.swapped
    stated = sum(one <= STATED_MS * MS for one in figures.after_60_s_ns)
    starts = len(figures.after_60_s_ns)
    print(f"trials                          {trials}")
    print(f"ordered right                   {figures.right} ({figures.right / trials:.3%})")
    print(f"ties                            {figures.ties}")
    print(f"swapped beyond the uncertainty  {figures.swapped}")
    print(f"presses outside what was stated {figures.outside}")
    print(f"uncertainty after {SETTLED_S} s          {_spread(figures.after_60_s_ns)}")
    print(f"  of {starts} clocks, within {STATED_MS} ms  {stated}")
    print(f"uncertainty of the presses      {_spread(figures.stated_ns)}")
    speed = figures.bytes_up / starts / SETTLED_S
    print(f"from a receiver, first {SETTLED_S} s     {speed:.0f} bytes/s")
    held = figures.right >= 0.999 * trials and not figures.swapped and not figures.outside
    sys.exit(0 if held and stated == starts else 1)


if __name__ == "__main__":
    main()
