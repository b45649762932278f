"""The figures that are promised, each beside its goal.

    sudo ./dev bench figures [--runs 5] [--receivers 1]

Medians. Steady work and starts are measured between a serial line and a real mosquitto with a
school behind it, the flood with a stub of the school. The bytes on the disk need root.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks import disk, growth
from benchmarks.beside import peers, trials
from benchmarks.flood import flood
from benchmarks.machine import machine

QUESTIONS = 10
LINE_ANSWERS = 14_400


class Goal(NamedTuple):
    """What is promised. `most`: the figure must not be larger; else not smaller."""

    what: str
    unit: str
    bound: float
    most: bool = True


GOALS = {
    "cpu": Goal("processor per 1,000 answers at 720/s", "ms", 72),
    "p50": Goal("frame to cloud at 720/s, p50", "ms", 15),
    "p99": Goal("frame to cloud at 720/s, p99", "ms", 30),
    "rss": Goal("memory of the agent at most", "MB", 55),
    "flood": Goal("flood, at the school", "/s", 100_000, most=False),
    "start": Goal("start to the first light", "s", 0.5),
    "start_million": Goal("kill -9 with a million answers, to the first light", "s", 1.5),
    "line_4096": Goal("disk at 720/s, blocks of 4 KiB", "bytes an answer", 500),
    "line_1024": Goal("disk at 720/s, blocks of 1 KiB", "bytes an answer", 500),
    "class_4096": Goal("disk, class of 48 over 10 s, 4 KiB", "bytes an answer", 2_500),
    "class_1024": Goal("disk, class of 48 over 10 s, 1 KiB", "bytes an answer", 2_500),
}
Figures = dict[str, float]


def steady() -> Figures:
    found = trials.run("steady", peers.Ours)
    return {
        "cpu": found["cpu_ms_per_1000@720"],
        "p50": found["p50_ms@720"],
        "p99": found["p99_ms@720"],
        "rss": found["rss_mb"],
    }


def start() -> Figures:
    return {"start": trials.run("start", peers.Ours)["accepted_s"]}


def start_with_a_million() -> Figures:
    size = growth.Size(1_000_000, 1, growth.LINE_HZ)
    with tempfile.TemporaryDirectory(prefix="figures-") as folder:
        return {"start_million": growth.measure(Path(folder), size).start_s}


def on_disk() -> Figures:
    found: Figures = {}
    for block_bytes in (4096, 1024):
        one = disk.measure(block_bytes, answers=LINE_ANSWERS, questions=QUESTIONS)
        found[f"line_{block_bytes}"] = one.line
        found[f"class_{block_bytes}"] = one.question + one.checkpoint
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--receivers", type=int, default=1, help="of the flood")
    arguments = parser.parse_args()

    def flooded() -> Figures:
        with tempfile.TemporaryDirectory(prefix="figures-") as folder:
            one = flood(Path(folder), receivers=arguments.receivers, seconds=5)
        return {"flood": one.school_per_s}

    parts: list[Callable[[], Figures]] = [steady, flooded, start, start_with_a_million]
    print(machine())
    print("\n| what | goal | measured (median, least to most) | |\n|---|---|---|---|")
    for part in parts:
        _print([part() for _ in range(arguments.runs)])
    if os.geteuid() == 0:
        _print([on_disk()])  # medians over its questions, and sums over thousands of answers


def _print(runs: list[Figures]) -> None:
    for name in runs[0]:
        goal = GOALS[name]
        values = sorted(one[name] for one in runs)
        middle = statistics.median(values)
        kept = middle <= goal.bound if goal.most else middle >= goal.bound
        sign = "<=" if goal.most else ">="
        among = f" ({values[0]:,.4g} to {values[-1]:,.4g})" if len(values) > 1 else ""
        print(
            f"| {goal.what} | {sign} {goal.bound:,g} {goal.unit} | {middle:,.4g}{among} |"
            f" {'reached' if kept else 'not reached'} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
