"""Closes the open question when all who are there have answered, where the lesson wants it so."""

from __future__ import annotations

import asyncio
import logging

from agent.errors import NotDurable
from agent.intake import Intake
from agent.lesson import commands as cmd
from agent.lesson.errors import LessonRefused
from agent.lesson.timing import awaited

log = logging.getLogger(__name__)

GRACE_S = 3.0
"""So long after the newest press: one may still be changed, and who was not expected may press."""


class EarlyClose:
    """Watches the committed state for a question that nobody is left to answer."""

    def __init__(self, intake: Intake, *, grace_s: float = GRACE_S) -> None:
        """Take everything, start nothing."""
        self._intake = intake
        self._grace_s = grace_s
        self._seen: tuple[str, int, int, int] | None = None
        self._due: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None

    def committed(self) -> None:
        """Call after each commit, and once after a start."""
        lesson = self._intake.committed.lesson
        if lesson is None or not lesson.auto_close:
            self._forget()
            return
        question = lesson.current
        if question is None or question.status != "open":
            self._forget()
            return
        seen = (lesson.id, question.number, question.presses, question.corrections)
        if seen != self._seen:
            self._forget()
            self._seen = seen
            if awaited(lesson, question, self._intake.committed.roll(lesson)) == set():
                close = cmd.CloseQuestion(
                    lesson=lesson.id, question=question.number, by="all_answered"
                )
                loop = asyncio.get_running_loop()
                self._due = loop.call_later(self._grace_s, self._begin, close)

    def stop(self) -> None:
        """Look no more."""
        self._forget()
        if self._closing is not None:
            self._closing.cancel()

    def _forget(self) -> None:
        self._seen = None
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _begin(self, close: cmd.CloseQuestion) -> None:
        self._due = None
        self._closing = asyncio.get_running_loop().create_task(self._close(close))

    async def _close(self, close: cmd.CloseQuestion) -> None:
        try:
            await self._intake.submit(close)
        except (LessonRefused, NotDurable) as problem:
            log.warning("a question that all have answered stays open: %s", problem)
