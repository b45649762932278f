"""Where the agent's processor time goes on a full line.

    ./dev bench profile [--seconds 60] [--hz 720]

The real agent between a receiver and a stub of the school, sampled by its own processor time; the
kernel's account says how much each thread used, and how much of it inside the kernel.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
from pathlib import Path
from typing import NamedTuple

import msgspec

from agent.demo.broker import free_port
from benchmarks.machine import machine
from benchmarks.rig.board import Board
from benchmarks.rig.line import Line, Order
from benchmarks.rig.meter import CLOCK_HZ
from benchmarks.rig.school import School


class Cpu(NamedTuple):
    """Of a thread: in our code, and in the kernel."""

    user_s: float
    kernel_s: float


def threads(pid: int) -> dict[str, Cpu]:
    """By name. Python names only its own since 3.14: the first is the loop's."""
    found: dict[str, Cpu] = {}
    for folder in sorted(Path(f"/proc/{pid}/task").iterdir()):
        fields = (folder / "stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        name = "event loop" if folder.name == str(pid) else f"thread {len(found)}"
        found[name] = Cpu(int(fields[11]) / CLOCK_HZ, int(fields[12]) / CLOCK_HZ)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--hz", type=float, default=720)
    arguments = parser.parse_args()
    print(machine())
    with (
        tempfile.TemporaryDirectory(prefix="profile-") as name,
        School(free_port()) as school,
        Line() as line,
    ):
        folder = Path(name)
        seen_path = folder / "seen"
        board = Board(folder, ports=line.ports, cloud_url=school.url, sampled=seen_path)
        with board:
            teacher = board.teacher()
            teacher.open_lesson()
            teacher.ask()
            teacher.close()
            line.carry_out(Order(do="greet", seconds=10))
            begun = line.carry_out(Order(do="settle"))
            os.kill(board.pid, signal.SIGUSR1)
            before = threads(board.pid)
            line.carry_out(Order(do="rate", hz=arguments.hz, seconds=arguments.seconds))
            count = line.carry_out(Order(do="settle", seconds=10))
            after = threads(board.pid)
            os.kill(board.pid, signal.SIGUSR1)
        seen = msgspec.json.decode(seen_path.read_bytes(), type=dict[str, int])
    answers = count.accepted - begun.accepted
    nothing = Cpu(0.0, 0.0)
    spent = {
        thread: Cpu(*(new - old for new, old in zip(cpu, before.get(thread, nothing), strict=True)))
        for thread, cpu in after.items()
    }
    total_s = sum(cpu.user_s + cpu.kernel_s for cpu in spent.values())
    print(f"\n{1e6 * total_s / answers:.0f} ms per 1,000 answers at {arguments.hz:.0f}/s\n")
    print("| thread | ms per 1,000 in Python and libraries | in the kernel |\n|---|---|---|")
    for thread, cpu in spent.items():
        if sum(cpu) > 0:
            user, kernel = (f"{1e6 * part_s / answers:.1f}" for part_s in cpu)
            print(f"| {thread} | {user} | {kernel} |")
    samples = sum(seen.values())
    print(f"\n| part ({samples} samples) | ms per 1,000 | share |\n|---|---|---|")
    for part, times in sorted(seen.items(), key=lambda one: -one[1]):
        share = times / samples
        print(f"| {part} | {share * 1e6 * total_s / answers:.1f} | {100 * share:.0f} % |")


if __name__ == "__main__":
    main()
