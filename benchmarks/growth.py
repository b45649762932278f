"""Does cost grow with what is held, and with how many receivers there are?

    ./dev bench growth [--large] [--runs 3]

The same figures with 0.1 and 1 million answers in the journal (with --large 10 million too), and
with 1, 8 and 16 receivers, at 720 answers a second in all and at 720 for each receiver.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import msgspec

from agent.demo.broker import free_port
from benchmarks.machine import machine
from benchmarks.rig.account import account, kept
from benchmarks.rig.board import Board
from benchmarks.rig.line import Line, Order
from benchmarks.rig.meter import usage
from benchmarks.rig.receiver import now_ns
from benchmarks.rig.school import School
from benchmarks.rig.term import write_term

LINE_HZ = 720.0
SECONDS = 10.0
DRAIN_S = 900.0
STARTS = 3
MAX_MB = 100_000
"""Far more than the default: a board stops taking answers where its journal is full."""


class Size(NamedTuple):
    """What is varied."""

    answers: int
    receivers: int
    hz: float


class Cost(msgspec.Struct):
    """What is measured."""

    cpu_ms_per_1000: float
    tick_p50_ms: float
    tick_p99_ms: float
    school_p50_ms: float
    school_p99_ms: float
    start_s: float
    peak_rss_mb: float
    journal_mb: float
    lost: int


def measure(folder: Path, size: Size) -> Cost:
    """One run; the agent has sent what it held before anything is measured."""
    write_term(folder / "board", size.answers)
    journal_bytes = sum(file.stat().st_size for file in (folder / "board").glob("journal.db*"))
    port, keep = free_port(), folder / "school"
    with (
        Line(size.receivers) as line,
        Board(
            folder, ports=line.ports, cloud_url=f"mqtt://127.0.0.1:{port}", max_mb=MAX_MB
        ) as board,
    ):
        with School(port) as school:
            _until_received(school, board)
        teacher = board.teacher()
        teacher.open_lesson(class_id="7-3")
        teacher.ask()
        teacher.close()
        line.carry_out(Order(do="greet", seconds=10))
        with School(port, keep=keep) as school:
            _until_received(school, board)
            began_ns, before = now_ns(), usage([board.pid])
            line.carry_out(Order(do="rate", hz=size.hz, seconds=SECONDS))
            count = line.carry_out(Order(do="settle", seconds=10))
            _until_received(school, board)
            spent = usage([board.pid]).since(before)
            result = account(kept(keep), line.times(folder), since_ns=began_ns)
        peak_rss_bytes = spent.peak_rss_bytes
        start_s = statistics.median(_start_s(line, board, folder) for _ in range(STARTS))
    return Cost(
        cpu_ms_per_1000=1e6 * spent.cpu_s / count.accepted,
        tick_p50_ms=result.tick_p50_ms,
        tick_p99_ms=result.tick_p99_ms,
        school_p50_ms=result.p50_ms,
        school_p99_ms=result.p99_ms,
        start_s=start_s,
        peak_rss_mb=peak_rss_bytes / 1e6,
        journal_mb=journal_bytes / 1e6,
        lost=result.lost,
    )


def _until_received(school: School, board: Board) -> None:
    """Wait until the school has everything that the board has."""
    deadline_s = time.monotonic() + DRAIN_S
    while time.monotonic() < deadline_s:
        taken = school.taken()
        if (taken.epoch, taken.upto) == board.newest():
            return
        board.check()
        time.sleep(0.05)
    raise TimeoutError(f"not everything came in {DRAIN_S:.0f} s")


def _start_s(line: Line, board: Board, folder: Path) -> float:
    """Kill, press one key, start: how long until its light goes on, after the commit?"""
    board.kill()
    line.carry_out(Order(do="scatter", count=1))
    spawned_ns = now_ns()
    board.start()
    count = line.carry_out(Order(do="settle", seconds=60))
    ticked_ns = max(max(one.ticked_ns) for one in line.times(folder).values() if one.ticked_ns)
    board.until_ready()
    if ticked_ns < spawned_ns:
        raise RuntimeError(f"no light after the start: {count}")
    return (ticked_ns - spawned_ns) / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="10 million answers too")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    sizes = [Size(100_000, 1, LINE_HZ), Size(1_000_000, 1, LINE_HZ)]
    sizes += [Size(10_000_000, 1, LINE_HZ)] if arguments.large else []
    sizes += [Size(100_000, many, LINE_HZ) for many in (8, 16)]
    sizes += [Size(100_000, many, many * LINE_HZ) for many in (8, 16)]
    print(machine())
    print(f"\n| answers held | receivers | answers/s | {' | '.join(Cost.__struct_fields__)} |")
    print(f"|{'---|' * (3 + len(Cost.__struct_fields__))}")
    for size in sizes:
        costs = []
        for _ in range(arguments.runs):
            with tempfile.TemporaryDirectory(prefix="growth-") as folder:
                costs.append(measure(Path(folder), size))
        middle = [
            statistics.median(getattr(one, name) for one in costs)
            for name in Cost.__struct_fields__
        ]
        head = f"| {size.answers:,} | {size.receivers} | {size.hz:.0f} |"
        print(head, " | ".join(f"{value:.3g}" for value in middle), "|", flush=True)


if __name__ == "__main__":
    main()
