"""Counts of each closed question for `up/sum`; counted anew when a late press changes them."""

from __future__ import annotations

from collections.abc import Callable

from agent.lesson.model import (
    Lesson,
    Question,
    State,
    answers_by_respondent,
    present,
)
from agent.lesson.questions import bar_keys, is_right
from agent.wire.payloads import RollUp
from agent.wire.roll_up import roll_up


class RollUps:
    """Watches the committed state for questions that were closed, or changed after it."""

    def __init__(self, state: Callable[[], State], publish: Callable[[RollUp], None]) -> None:
        """Take everything, start nothing. `publish`: where roll-ups go."""
        self._state = state
        self._publish = publish
        self._counted: dict[tuple[str, int], tuple[int, int]] = {}

    def start(self) -> None:
        """What was closed before this start has been published."""
        self._look(lambda _: None)

    def committed(self) -> None:
        """Call after each commit."""
        self._look(self._publish)

    def _look(self, publish: Callable[[RollUp], None]) -> None:
        state = self._state()
        alive = set()
        for lesson in state.lessons:
            for question in lesson.questions:
                if question.status == "open":
                    continue
                name = (lesson.id, question.number)
                alive.add(name)
                presses, revision = self._counted.get(name, (-1, 0))
                if presses != question.presses:
                    self._counted[name] = (question.presses, revision + 1)
                    publish(self._count(state, lesson, question, revision + 1))
        for name in self._counted.keys() - alive:
            del self._counted[name]

    @staticmethod
    def _count(state: State, lesson: Lesson, question: Question, revision: int) -> RollUp:
        roll = state.roll(lesson)
        keys = [answer.key for answer in answers_by_respondent(question, roll).values()]
        bars = bar_keys(question.kind, len(question.options)) or []
        multiple = question.kind == "multiple"
        counts = {bar: sum(bar in key if multiple else bar == key for key in keys) for bar in bars}
        right = None
        if question.key is not None:
            right = sum(is_right(key, question.key) is True for key in keys)
        return roll_up(
            lesson=lesson.id,
            question=question.number,
            kind=question.kind,
            present=len(present(lesson, roll)),
            answered=len(keys),
            options=counts,
            right=right,
            key=question.key or [],
            exclusive=not multiple,
            revision=revision,
        )
