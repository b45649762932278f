"""Eight receivers at 200 presses a second each for a minute: nothing lost, how much processor?

    ./dev bench eight_receivers [--receivers 8] [--rate 200] [--seconds 60]

Virtual receivers in a process of their own, as a hub has them, with 16 clickers each and the usual
memory for 64 presses; the real agent with its usual limits, a question open; a real mosquitto, and
behind it a school that keeps every batch and sends its receipts. The agent's processor time is the
kernel's account of its process. Exits with 1 if a press was lost or came twice.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from benchmarks.beside.cloud import Cloud
from benchmarks.machine import machine
from benchmarks.rig.account import account, kept
from benchmarks.rig.board import Board
from benchmarks.rig.line import Line, Order
from benchmarks.rig.meter import usage

CLICKERS = 16
GREET_S = 10.0
SETTLE_S = 30.0
GOAL_CPU_PERCENT = 25.0


class Figures(msgspec.Struct):
    """One run.

    Attributes:
        refused: presses that a receiver's memory had no room for; they got no light.
        unticked: presses that never got their light.
        not_responses: presses that were recorded, and counted for nothing.
        lost: presses that got a light and are not at the school.
        cpu_percent: of one core, of the agent while presses were made.
        tick_p99_ms: from the press to its light.
        school_p99_ms: from the frame on the line to the batch at the school.
    """

    pressed: int
    refused: int
    unticked: int
    not_responses: int
    lost: int
    doubled: int
    cpu_percent: float
    cpu_us: float
    tick_p50_ms: float
    tick_p99_ms: float
    school_p50_ms: float
    school_p99_ms: float
    peak_rss_mb: float

    @property
    def is_whole(self) -> bool:
        """Whether every press got its light and is at the school once."""
        wrong = self.refused + self.unticked + self.not_responses + self.lost + self.doubled
        return self.pressed > 0 and wrong == 0


def run(folder: Path, *, receivers: int, rate: float, seconds: float) -> Figures:
    """Press, wait until all of it is at the school, and hold it against what was pressed."""
    with (
        Cloud(folder / "cloud", text=False) as cloud,
        Line(receivers, clickers=CLICKERS) as line,
        Board(
            folder,
            ports=line.ports,
            cloud_url=f"mqtt://127.0.0.1:{cloud.port}",
            usual_limits=True,
        ) as board,
    ):
        teacher = board.teacher()
        teacher.open_lesson()
        teacher.ask()
        teacher.close()
        line.carry_out(Order(do="greet", seconds=GREET_S))
        before = usage([board.pid])
        line.carry_out(Order(do="rate", hz=rate * receivers, seconds=seconds))
        spent = usage([board.pid]).since(before)
        count = line.carry_out(Order(do="settle", seconds=SETTLE_S))
        deadline_s = time.monotonic() + SETTLE_S
        keep = folder / "cloud" / "came"
        while True:
            found = account(kept(keep), line.times(folder))
            if not found.lost or time.monotonic() > deadline_s:
                break
            time.sleep(0.2)
    return Figures(
        pressed=count.made,
        refused=count.refused,
        unticked=count.made - count.settled,
        not_responses=count.rejected,
        lost=found.lost,
        doubled=found.doubled,
        cpu_percent=100 * spent.cpu_s / seconds,
        cpu_us=1e6 * spent.cpu_s / count.made,
        tick_p50_ms=found.tick_p50_ms,
        tick_p99_ms=found.tick_p99_ms,
        school_p50_ms=found.p50_ms,
        school_p99_ms=found.p99_ms,
        peak_rss_mb=spent.peak_rss_bytes / 1e6,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--receivers", type=int, default=8)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="eight-") as folder:
        figures = run(
            Path(folder),
            receivers=arguments.receivers,
            rate=arguments.rate,
            seconds=arguments.seconds,
        )
    for name in Figures.__struct_fields__:
        print(f"{name:16} {getattr(figures, name):12,.1f}")
    goal = "reached" if figures.cpu_percent <= GOAL_CPU_PERCENT else "NOT reached"
    print(f"goal             agent <= {GOAL_CPU_PERCENT:.0f} % of one core: {goal}")
    sys.exit(not figures.is_whole)


if __name__ == "__main__":
    main()
