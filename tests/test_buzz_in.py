from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from agent.buzz_in import BuzzIn
from agent.clock import now_ns
from agent.intake import Intake
from agent.journal.store import Journal
from agent.lesson import commands as cmd
from agent.lesson import events as ev
from agent.lesson.buzz import WAIT_NS, order
from agent.lesson.model import Moment, Question, State
from drivers.readings import KeyPress
from tests.lesson.builder import LESSON, PLACE

MS = 1_000_000
ASK = cmd.AskQuestion(lesson=LESSON, kind="buzz", options=[])


class Room:
    """An intake on a real journal, one receiver's word for what it has reported, and a buzz-in."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder / "journal.db", boot_id="boot-a")
        self.complete_ns = 0
        self.ahead_ns = 0

    async def __aenter__(self) -> Room:
        self.journal.open()
        self.intake = Intake(
            self.journal,
            state=State(),
            window_s=0.002,
            now_ns=now_ns,
            name_card=str,
            confirm=lambda *_: None,
        )
        self.buzz_in = BuzzIn(
            self.intake,
            complete_ns=lambda now_ns: min(now_ns, self.complete_ns),
            now=lambda: Moment(self.journal.boot, now_ns() + self.ahead_ns),
        )
        self.intake.on_commit(self.buzz_in.committed)
        await self.intake.begin_epoch(ev.EpochStarted(reason="first_start"), 5)
        await self.intake.submit(cmd.OpenLesson(lesson=LESSON, title="", place=PLACE))
        await self.intake.submit(ASK)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.buzz_in.stop()
        self.intake.stop()
        self.journal.close()

    @property
    def question(self) -> Question:
        return self.intake.committed.lessons[-1].questions[0]

    async def buzz(self, keypad: str) -> int:
        at_ns = now_ns()
        press = KeyPress(
            device="receiver-1", mono_ns=at_ns, keypad=keypad, key="A", uncertainty_ns=MS
        )
        await self.intake.emit(press)
        await self.until(lambda: keypad in self.question.buzzes)
        return at_ns

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.005)

    @property
    def final(self) -> list[bool]:
        return [one.final for one in order(self.question, None)]


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with Room(tmp_path) as made:
        yield made


async def test_the_order_is_provisional_until_every_receiver_has_reported_past_it(
    room: Room,
) -> None:
    at_ns = await room.buzz("0A")
    room.complete_ns = at_ns  # not past its uncertainty
    room.ahead_ns = WAIT_NS // 2
    await asyncio.sleep(0)
    assert room.final == [False]
    room.complete_ns = at_ns + MS
    await room.until(lambda: room.final == [True])


async def test_the_order_is_final_after_a_while_though_a_receiver_is_silent(room: Room) -> None:
    await room.buzz("0A")
    assert room.final == [False]
    room.ahead_ns = WAIT_NS
    await room.until(lambda: room.final == [True])


async def test_a_press_that_comes_late_is_in_its_place_and_called_late(room: Room) -> None:
    before_ns = now_ns()
    await room.buzz("0A")
    room.ahead_ns = WAIT_NS
    await room.until(lambda: room.final == [True])
    late = KeyPress(
        device="receiver-2", mono_ns=before_ns, keypad="0B", key="A", uncertainty_ns=MS // 100
    )
    await room.intake.emit(late)
    await room.until(lambda: len(room.question.buzzes) == 2)
    placed = order(room.question, None)
    assert [(one.who, one.late) for one in placed] == [("0B", True), ("0A", False)]


async def test_what_is_provisional_when_the_lesson_ends_becomes_final_all_the_same(
    room: Room,
) -> None:
    await room.buzz("0A")
    await room.intake.submit(ASK)
    await room.intake.submit(cmd.EndLesson(lesson=LESSON))
    room.ahead_ns = WAIT_NS
    await room.until(lambda: room.final == [True])
