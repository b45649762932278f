"""Tells devices what is open: at once when that changes, now and then how many have answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from agent.lesson.model import Lesson, Question, State, answers_by_respondent
from drivers.capabilities import QuestionView

COUNT_EVERY_S = 0.5
AS_KNOWN = {"scale": "single", "attendance": "single"}
"""Kinds that a device takes for one it knows: one key is the answer."""
OPTIONS = {"attendance": 4}
"""Any of these keys says that somebody is there."""


class Polling:
    """Watches the committed state for the open question."""

    def __init__(
        self, state: Callable[[], State], show: Callable[[QuestionView | None], None]
    ) -> None:
        """Take everything, start nothing. `show`: where devices are told."""
        self._state = state
        self._show = show
        self._asked: tuple[str, int] | None = None
        self._due: asyncio.TimerHandle | None = None

    def committed(self) -> None:
        """Call after each commit."""
        lesson, question = self._open()
        asked = None if question is None or lesson is None else (lesson.id, question.number)
        if asked != self._asked:
            self._asked = asked
            self._tell()
        elif asked is not None and self._due is None:
            self._due = asyncio.get_running_loop().call_later(COUNT_EVERY_S, self._tell)

    def _open(self) -> tuple[Lesson | None, Question | None]:
        lesson = self._state().lesson
        question = None if lesson is None else lesson.current
        return lesson, question if question is not None and question.status == "open" else None

    def _tell(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        lesson, question = self._open()
        if lesson is None or question is None:
            self._show(None)
            return
        answered = answers_by_respondent(question, self._state().roll(lesson))
        self._show(
            QuestionView(
                question=question.number,
                kind=AS_KNOWN.get(question.kind, question.kind),
                options=len(question.options) or OPTIONS.get(question.kind, 0),
                answered=len(answered),
            )
        )

    def stop(self) -> None:
        """Tell nothing any more."""
        if self._due is not None:
            self._due.cancel()
