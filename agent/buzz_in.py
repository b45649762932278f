"""Calls the order of a buzz-in final: when every receiver has reported past it, or time is up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from agent.errors import NotDurable
from agent.intake import Intake
from agent.lesson import commands as cmd
from agent.lesson.buzz import pending, settles_upto
from agent.lesson.errors import LessonRefused
from agent.lesson.model import Lesson, Moment, Question

log = logging.getLogger(__name__)

LOOK_S = 0.05
LOOKED_AT = 2
"""Questions of the newest lesson: a buzz-in, and the one that may have followed at once."""
IN_THE_QUEUE_NS = 50_000_000
"""A press whose time is its arrival has been handed in after so long."""


class BuzzIn:
    """Watches the committed state for presses whose place is provisional."""

    def __init__(
        self, intake: Intake, *, complete_ns: Callable[[int], int], now: Callable[[], Moment]
    ) -> None:
        """Take everything, start nothing.

        Args:
            intake: where the order is called final.
            complete_ns: up to which time every receiver has reported, given the time.
            now: boot and CLOCK_BOOTTIME.
        """
        self._intake = intake
        self._complete_ns = complete_ns
        self._now = now
        self._task: asyncio.Task[None] | None = None

    def committed(self) -> None:
        """Call after each commit, and once after a start."""
        if (self._task is None or self._task.done()) and self._provisional():
            self._task = asyncio.get_running_loop().create_task(self._settle(), name="buzz-in")

    def stop(self) -> None:
        """Look no more; what is provisional is looked at again after the next start."""
        if self._task is not None:
            self._task.cancel()

    def _provisional(self) -> list[tuple[Lesson, Question]]:
        lessons = self._intake.committed.lessons
        if not lessons:
            return []
        newest = lessons[-1].questions[-LOOKED_AT:]
        return [(lessons[-1], one) for one in newest if one.kind == "buzz" and pending(one)]

    async def _settle(self) -> None:
        while found := self._provisional():
            now = self._now()
            complete_ns = min(self._complete_ns(now.mono_ns), now.mono_ns - IN_THE_QUEUE_NS)
            for lesson, question in found:
                upto_ns = settles_upto(question, complete_ns, now)
                if upto_ns is None:
                    continue
                command = cmd.SettleBuzz(
                    lesson=lesson.id, question=question.number, upto_ns=upto_ns
                )
                try:
                    await self._intake.submit(command)
                except (LessonRefused, NotDurable) as problem:
                    log.warning("the order of a buzz-in stays provisional: %s", problem)
                    return  # the next commit looks again
            await asyncio.sleep(LOOK_S)
