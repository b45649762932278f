from __future__ import annotations

import asyncio

from agent.lesson import commands as cmd
from agent.polling import Polling
from drivers.capabilities import QuestionView
from tests.lesson.builder import LESSON, Builder


class Devices:
    """A lesson, and what its devices were told."""

    def __init__(self) -> None:
        self.room = Builder()
        self.told: list[QuestionView | None] = []
        self.polling = Polling(lambda: self.room.state, self.told.append)


def view(question: int, answered: int = 0) -> QuestionView:
    return QuestionView(question=question, kind="single", options=4, answered=answered)


async def test_devices_hear_at_once_what_opens_and_closes() -> None:
    devices = Devices()
    devices.room.open_lesson()
    devices.polling.committed()
    assert devices.told == []
    devices.room.ask()
    devices.polling.committed()
    devices.room.do(cmd.CloseQuestion(lesson=LESSON, question=1))
    devices.polling.committed()
    devices.room.ask()
    devices.polling.committed()
    assert devices.told == [view(1), None, view(2)]
    devices.polling.stop()


async def test_a_question_that_follows_at_once_is_told_too() -> None:
    devices = Devices()
    devices.room.open_lesson()
    for _ in range(2):
        devices.room.ask()  # the second closes the first, in one commit
        devices.polling.committed()
    assert devices.told == [view(1), view(2)]
    devices.polling.stop()


async def test_counts_are_told_now_and_then() -> None:
    devices = Devices()
    devices.room.open_lesson()
    devices.room.ask()
    devices.polling.committed()
    for keypad in ("0A", "0B", "0C"):
        devices.room.press(keypad, "A")
        devices.polling.committed()
    assert devices.told == [view(1)]
    while len(devices.told) == 1:
        await asyncio.sleep(0.005)
    assert devices.told == [view(1), view(1, answered=3)]
    devices.polling.stop()
