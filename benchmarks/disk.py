"""What a journalled answer costs on the disk, counted by the kernel where the disk is.

    sudo ./dev bench disk [--answers 20000] [--questions 20]

The real agent's data lie on an ext4 of their own on a loop device, with blocks of 4 KiB as on a
board's root and of 1 KiB as mkfs.ext4 gives small disks. Counted is what reaches the device: the
journal, its checkpoints, the file system's own metadata. Once for a full line (720 a second), once
for a class of 48 that answers over 10 s, several questions. Needs root.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import statistics
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from agent.demo.broker import free_port
from benchmarks.machine import machine
from benchmarks.rig.board import Board
from benchmarks.rig.disk import LoopDisk
from benchmarks.rig.line import Line, Order
from benchmarks.rig.school import School

CLASS = 48
ANSWER_S = 10.0
LINE_HZ = 720.0


class Bytes(NamedTuple):
    """An answer's on the device.

    Attributes:
        line: at 720 a second, checkpoints included.
        question: the median over the questions of a class.
        first_question: of the first one after the start.
        checkpoint: what the checkpoint after the class's questions adds to each answer.
    """

    line: float
    question: float
    first_question: float
    checkpoint: float


def measure(block_bytes: int, *, answers: int, questions: int) -> Bytes:
    """Bytes an answer: of a class, then on a full line."""
    with (
        LoopDisk(block_bytes=block_bytes) as disk,
        tempfile.TemporaryDirectory(prefix="disk-") as folder,
        School(free_port()) as school,
        Line(clickers=CLASS) as line,
        Board(Path(folder), ports=line.ports, cloud_url=school.url, data_dir=disk.path) as board,
    ):
        teacher = board.teacher()
        teacher.open_lesson()
        line.carry_out(Order(do="greet", seconds=10))
        checkpoint(board.journal)
        by_question = []
        for question in range(questions):
            teacher.ask()
            before = disk.written_bytes()
            line.carry_out(Order(do="scatter", count=CLASS, seconds=ANSWER_S, seed=question))
            line.carry_out(Order(do="settle", seconds=10))
            by_question.append((disk.written_bytes() - before) / CLASS)
        before = disk.written_bytes()
        checkpoint(board.journal)
        share = (disk.written_bytes() - before) / (CLASS * questions)
        teacher.ask()
        count, before = line.carry_out(Order(do="settle")), disk.written_bytes()
        line.carry_out(Order(do="rate", hz=LINE_HZ, seconds=answers / LINE_HZ))
        after = line.carry_out(Order(do="settle", seconds=10))
        checkpoint(board.journal)
        changed = after.accepted - count.accepted
        assert changed == answers - after.refused, "not every press was an answer"
        on_the_line = (disk.written_bytes() - before) / changed
        teacher.close()
    return Bytes(on_the_line, statistics.median(by_question), by_question[0], share)


def checkpoint(journal: Path) -> None:
    """Bring what waits in the write-ahead log into the database, as the agent does in time."""
    db = sqlite3.connect(journal)
    try:
        db.execute("pragma wal_checkpoint(passive)")
    finally:
        db.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=20_000)
    parser.add_argument("--questions", type=int, default=20)
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("needs root, for a loop device of its own")
    print(machine())
    for block_bytes in (4096, 1024):
        found = measure(block_bytes, answers=arguments.answers, questions=arguments.questions)
        print(f"blocks of {block_bytes} bytes, bytes an answer")
        print(f"  full line              {found.line:8.0f}")
        print(f"  class of {CLASS}            {found.question + found.checkpoint:8.0f}", end="")
        print(
            f"  of it checkpoint {found.checkpoint:.0f}; first question {found.first_question:.0f}"
        )


if __name__ == "__main__":
    main()
