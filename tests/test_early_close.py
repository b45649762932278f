from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.clock import now_ns
from agent.early_close import EarlyClose
from agent.intake import Intake
from agent.journal.store import Journal
from agent.lesson import commands as cmd
from agent.lesson import events as ev
from agent.lesson.model import Question, State
from drivers.readings import KeyPress
from tests.lesson.builder import LESSON, PLACE

ASK = cmd.AskQuestion(lesson=LESSON, kind="single", options=["", ""])


class Room:
    """An intake on a real journal, and who closes its questions early."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder / "journal.db", boot_id="boot-a")

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
        self.early = EarlyClose(self.intake, grace_s=0.02)
        self.intake.on_commit(self.early.committed)
        await self.intake.begin_epoch(ev.EpochStarted(reason="first_start"), 5)
        await self.intake.submit(cmd.OpenLesson(lesson=LESSON, title="", place=PLACE))
        await self.intake.submit(ASK)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.early.stop()
        self.intake.stop()
        self.journal.close()

    @property
    def question(self) -> Question:
        return self.intake.committed.lessons[-1].questions[-1]

    @property
    def is_due(self) -> bool:
        return self.early._due is not None  # noqa: SLF001 (nothing else tells that it waits)

    async def press(self, *keypads: str) -> None:
        for keypad in keypads:
            one = KeyPress(device="receiver-1", mono_ns=now_ns(), keypad=keypad, key="A")
            await self.intake.emit(one)
        while self.intake.waiting:
            await asyncio.sleep(0.001)

    async def auto_close(self, on: bool = True) -> None:
        await self.intake.submit(cmd.SetAutoClose(lesson=LESSON, on=on))

    async def until_closed(self) -> None:
        while self.question.status == "open":
            await asyncio.sleep(0.001)


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with Room(tmp_path) as room:
        yield room


async def test_a_question_closes_when_all_who_are_there_have_answered(room: Room) -> None:
    await room.auto_close()
    await room.press("0A", "0B", "0C")
    assert not room.is_due  # nobody knows yet who is there
    await room.intake.submit(ASK)
    await room.press("0A", "0B")
    assert not room.is_due
    await room.press("0C")
    await room.until_closed()
    closed = [row.body for row in room.journal.read(5, 0, 50) if row.kind == "QuestionClosed"]
    assert b'"by":"all_answered"' in closed[-1]
    await room.intake.submit(cmd.ReopenQuestion(lesson=LESSON, question=2))
    await room.press("0A")
    assert not room.is_due  # whoever opens it again closes it


async def test_only_a_lesson_that_wants_it_closes_early_and_may_want_it_in_mid_question(
    room: Room,
) -> None:
    await room.press("0A", "0B")
    await room.intake.submit(ASK)
    await room.press("0A", "0B")
    assert not room.is_due
    await room.auto_close()
    assert room.is_due
    await room.auto_close(on=False)
    assert not room.is_due
    assert room.question.status == "open"


async def test_what_comes_within_the_grace_is_waited_for(tmp_path: Path) -> None:
    async with Room(tmp_path) as room:
        room.early._grace_s = 60.0  # noqa: SLF001 (it does not run out here)
        await room.auto_close()
        await room.press("0A", "0B")
        await room.intake.submit(ASK)
        await room.press("0A", "0B")
        assert room.is_due
        one = KeyPress(device="receiver-1", mono_ns=now_ns(), keypad="0A", key="")
        await room.intake.emit(one)  # takes the answer back
        await room.press()
        assert not room.is_due
        await room.press("0A", "0D")
        assert room.is_due
