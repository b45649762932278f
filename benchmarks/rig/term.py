"""A journal that holds a term: days of lessons, as the agent would have written them.

    python -m benchmarks.rig.term FOLDER [--answers 900000]

Written by the journal itself, one boot of the board and one start of the receiver a day, with
times from the receiver's clock as the driver maps it. `epoch` and `seq` go on from 1.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.identity import Identity
from agent.journal import snapshot
from agent.journal.errors import JournalError
from agent.journal.recovery import fresh_epoch
from agent.journal.store import Journal
from agent.lesson import events as ev
from agent.lesson.model import State
from agent.lesson.replay import Stamped, apply
from benchmarks.rig.receiver import keypads
from firmware_bridge.clock_sync import ClockSync
from firmware_bridge.message_table import TICK_NS
from firmware_bridge.messages import press_token

CLASS_ID = "7-3"
STUDENTS = 48
LESSONS_A_DAY = 6
QUESTIONS_A_LESSON = 35
ANSWERS_A_DAY = STUDENTS * LESSONS_A_DAY * QUESTIONS_A_LESSON
QUESTION_S = 75
LESSON_S = 45 * 60 + 10 * 60
RECEIVER = 0x0D33_0100
FIRST_DAY = datetime(2026, 9, 1, 7, 40, tzinfo=UTC)
PLACE = ev.Place(city="3304", county="330402", school="bench-school", room="r301")
GROUP = 2_000
_S = 1_000_000_000


class Day:
    """One school day: its events with their times, in the order in which they were decided."""

    def __init__(self, number: int, answers: int, rng: random.Random) -> None:
        self._answers = answers
        self._rng = rng
        self._boot = number + 1
        self._press = 0
        self._keypads = [pad.hex().upper() for pad in keypads(RECEIVER, STUDENTS)]
        self._clock = self._learn()

    def _learn(self) -> ClockSync:
        """The receiver's clock, off by what a resonator is off, learnt over an hour."""
        clock, rate = ClockSync(), TICK_NS * (1 + self._rng.uniform(-0.002, 0.002))
        self._ns_per_tick = rate
        for second in range(60, 3600, 60):
            sent_ns = second * _S + self._rng.randrange(400_000)
            ticks = int((sent_ns + 300_000) / rate)
            clock.add(sent_ns, ticks, ticks, sent_ns + 600_000 + self._rng.randrange(200_000))
        return clock

    def events(self) -> Iterator[tuple[int, ev.Event]]:
        """(mono_ns, event)."""
        left, begins_s = self._answers, 600
        while left > 0:
            lesson = self._rng.randbytes(5).hex()
            opened = ev.LessonOpened(lesson=lesson, title="", place=PLACE, class_id=CLASS_ID)
            yield begins_s * _S + self._rng.randrange(_S), opened
            for number in range(1, QUESTIONS_A_LESSON + 1):
                at_ns = (begins_s + number * QUESTION_S) * _S + self._rng.randrange(_S)
                yield from self._question(lesson, number, at_ns, min(left, STUDENTS))
                left -= STUDENTS
                if left <= 0:
                    break
            begins_s += LESSON_S
            yield begins_s * _S - 600 * _S + self._rng.randrange(_S), ev.LessonEnded(lesson=lesson)

    def _question(
        self, lesson: str, number: int, at_ns: int, answers: int
    ) -> Iterator[tuple[int, ev.Event]]:
        rng, right = self._rng, self._rng.choice("ABCD")
        yield (
            at_ns,
            ev.QuestionOpened(
                lesson=lesson, question=number, kind="single", options=[""] * 4, key=[right]
            ),
        )
        pads = rng.sample(self._keypads, answers)
        after_s = sorted(min(40.0, rng.lognormvariate(2.0, 0.6)) for _ in pads)
        ticks = [int((at_ns + one * _S) / self._ns_per_tick) for one in after_s]
        late_ns = at_ns + 60 * _S
        for pad, mono_ns in zip(pads, self._clock.host_times(ticks, late_ns), strict=True):
            self._press += 1
            yield (
                mono_ns,
                ev.ResponseRecorded(
                    lesson=lesson,
                    question=number,
                    device="receiver-1",
                    keypad=pad,
                    key=right if rng.random() < 0.7 else rng.choice("ABCD"),
                    token=press_token(f"{RECEIVER:016X}", self._boot, self._press),
                ),
            )
        closed = ev.QuestionClosed(lesson=lesson, question=number, by="teacher")
        yield late_ns, closed
        revealed = ev.QuestionRevealed(lesson=lesson, question=number, key=[right])
        yield late_ns + 3 * _S, revealed


class Term:
    """The whole of it. `answers` are spread over days of `ANSWERS_A_DAY`."""

    def __init__(self, path: Path, *, answers: int) -> None:
        """Take everything, write nothing. `path`: of the journal."""
        self._path = path
        self._answers = answers
        self._rng = random.Random(1)
        self._state = State()

    async def write(self) -> State:
        """Write the journal; the state after it."""
        epoch, seq = fresh_epoch(0), 0
        days = -(-self._answers // ANSWERS_A_DAY)
        for number in range(days):
            answers = min(ANSWERS_A_DAY, self._answers - number * ANSWERS_A_DAY)
            boot_id = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
            journal = Journal(self._path, boot_id=boot_id)
            journal.open()
            try:
                group: list[Stamped] = []
                for mono_ns, event in self._day(number, answers, boot_id):
                    seq += 1
                    group.append(Stamped(epoch, seq, journal.boot, mono_ns, event))
                    apply(self._state, group[-1])
                    if len(group) == GROUP:
                        await _committed(journal, group)
                        group = []
                await _committed(journal, group)
                if number == days - 1:
                    snapshot.keep(journal, self._state)
            finally:
                journal.close()
        return self._state

    def _day(self, number: int, answers: int, boot_id: str) -> Iterator[tuple[int, ev.Event]]:
        if number == 0:
            yield _S, ev.EpochStarted(reason="first_start")
            yield from self._roster()
        began = FIRST_DAY + timedelta(days=number)
        yield (
            20 * _S,
            ev.ClockLearnt(
                boot=boot_id,
                offset_ns=int(began.timestamp()) * _S + self._rng.randrange(_S),
                uncertainty_ns=20_000_000,
            ),
        )
        yield from Day(number, answers, self._rng).events()

    def _roster(self) -> Iterator[tuple[int, ev.Event]]:
        identity = Identity(bytes(32))
        students = [identity.student(str(one), FIRST_DAY.date()) for one in range(STUDENTS)]
        yield 2 * _S, ev.RosterReplaced(class_id=CLASS_ID, students=students)
        for student, pad in zip(students, keypads(RECEIVER, STUDENTS), strict=True):
            bound = ev.BindingMade(class_id=CLASS_ID, student=student, keypad=pad.hex().upper())
            yield 2 * _S, bound


async def _committed(journal: Journal, group: list[Stamped]) -> None:
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def told(error: JournalError | None) -> None:
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    journal.append(group, told)
    await done


def write_term(data_dir: Path, answers: int) -> State:
    """A journal in `data_dir` that holds so many answers; the state after it."""
    data_dir.mkdir(parents=True, exist_ok=True)
    return asyncio.run(Term(data_dir / "journal.db", answers=answers).write())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--answers", type=int, default=900_000)
    arguments = parser.parse_args()
    began_s = time.monotonic()
    state = write_term(arguments.folder, arguments.answers)
    held_bytes = sum(file.stat().st_size for file in arguments.folder.glob("journal.db*"))
    print(f"{state.seq} events in {time.monotonic() - began_s:.1f} s, {held_bytes / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
