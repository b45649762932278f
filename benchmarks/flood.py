"""As many answers as the agent takes: through driver, rules, journal (FULL) and uplink.

    ./dev bench flood [--receivers 1] [--seconds 5] [--runs 5]

Receivers with far larger rings than real ones press without a pause; every press is an answer to
an open question. The school is a stub that acknowledges each batch. Receivers and stub are
processes of their own, and what they cost an answer is printed beside: they must not be the
bottleneck.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import msgspec

from agent.demo.broker import free_port
from benchmarks.machine import machine
from benchmarks.rig.account import account, kept
from benchmarks.rig.board import Board
from benchmarks.rig.line import Line, Order
from benchmarks.rig.meter import usage
from benchmarks.rig.receiver import now_ns
from benchmarks.rig.school import School

RING = 8_192
DRAIN_S = 120.0


class Flood(msgspec.Struct):
    """One run. Rates are from the first press to the last receipt-worthy batch at the school."""

    answers: int
    durable_per_s: float
    school_per_s: float
    cpu_us: float
    line_cpu_us: float
    school_cpu_us: float
    written_bytes: float
    peak_rss_mb: float
    tick_p99_ms: float
    lost: int
    doubled: int
    repeats: int
    reordered: int
    not_responses: int


def flood(folder: Path, *, receivers: int, seconds: float) -> Flood:
    keep = folder / "school"
    with (
        School(free_port(), keep=keep) as school,
        Line(receivers, ring=RING) as line,
        Board(folder, ports=line.ports, cloud_url=school.url) as board,
    ):
        teacher = board.teacher()
        teacher.open_lesson()
        teacher.ask()
        line.carry_out(Order(do="greet", seconds=10))
        before, count = usage([board.pid]), line.carry_out(Order(do="settle"))
        school_before = school.taken()
        began_ns = now_ns()
        line.carry_out(Order(do="flood", seconds=seconds))
        after_line = line.carry_out(Order(do="settle", seconds=DRAIN_S))
        durable_s = (now_ns() - began_ns) / 1e9
        _until_received(school, board, after_line.settled)
        taken, spent = school.taken(), usage([board.pid]).since(before)
        result = account(kept(keep), line.times(folder))
        teacher.close()
    answers = after_line.settled - count.settled
    return Flood(
        answers=answers,
        durable_per_s=answers / durable_s,
        school_per_s=answers / ((taken.last_ns - began_ns) / 1e9),
        cpu_us=1e6 * spent.cpu_s / answers,
        line_cpu_us=1e6 * (after_line.cpu_s - count.cpu_s) / answers,
        school_cpu_us=1e6 * (taken.cpu_s - school_before.cpu_s) / answers,
        written_bytes=spent.written_bytes / answers,
        peak_rss_mb=spent.peak_rss_bytes / 1e6,
        tick_p99_ms=result.tick_p99_ms,
        lost=result.lost,
        doubled=result.doubled,
        repeats=result.repeats,
        reordered=result.reordered,
        not_responses=after_line.rejected,
    )


def _until_received(school: School, board: Board, presses: int) -> None:
    """Wait until the school has as many events as there are presses; the lesson adds a few."""
    deadline_s = time.monotonic() + DRAIN_S
    while school.taken().events < presses and time.monotonic() < deadline_s:
        board.check()
        time.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--receivers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    print(machine())
    runs = []
    for _ in range(arguments.runs):
        with tempfile.TemporaryDirectory(prefix="flood-") as folder:
            one = flood(Path(folder), receivers=arguments.receivers, seconds=arguments.seconds)
        runs.append(one)
        print(
            f"  {one.answers:8} answers  {one.school_per_s:8.0f}/s at the school"
            f"  {one.durable_per_s:8.0f}/s durable"
            f"  agent {one.cpu_us:5.1f}, receivers {one.line_cpu_us:4.2f}, school"
            f" {one.school_cpu_us:4.2f} us an answer"
        )
    for name in Flood.__struct_fields__:
        middle = statistics.median(getattr(one, name) for one in runs)
        print(f"{name:20} {middle:12.1f}")


if __name__ == "__main__":
    main()
