"""60 students answer within 2 s: how long from press to page and to the school's receipt?

    ./dev bench class_of_60 [--questions 20]

54 clickers and 6 phones, everything real but the hands: see `classroom-agent demo`. Latencies hold
the commit window.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
from pathlib import Path

import msgspec

from agent.demo.broker import free_port
from agent.demo.play import Figures, play
from agent.demo.pupils import PHONES
from agent.demo.scene import Scene
from benchmarks.machine import machine


async def measure(folder: Path, students: int, questions: int, broker: str) -> Figures:
    async with Scene(
        folder,
        broker=broker,
        port=free_port(),
        rng=random.Random(1),
        clickers=students - PHONES,
    ) as scene:
        return await play(scene, questions=questions)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--students", type=int, default=60)
    parser.add_argument("--broker", default="iotcore")
    arguments = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="class-of-60-") as name:
        figures = asyncio.run(
            measure(Path(name), arguments.students, arguments.questions, arguments.broker)
        )
    for figure, value in msgspec.to_builtins(figures).items():
        print(f"{figure:24} {value}")


if __name__ == "__main__":
    main()
