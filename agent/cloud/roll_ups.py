"""Counts of each closed question for `up/sum`; counted anew when something changes them.

That is a late press, a keypad that is given to a student, or another class of the lesson.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

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

Basis = tuple[int, int, str | None, int]
"""What counts depend on: presses and corrections of the question, class of the lesson, changes of
its roll."""


class _Counted(NamedTuple):
    basis: Basis
    counts: RollUp


class RollUps:
    """Watches the committed state for questions that were closed, or changed after it."""

    def __init__(self, state: Callable[[], State], publish: Callable[[RollUp], None]) -> None:
        """Take everything, start nothing. `publish`: where roll-ups go."""
        self._state = state
        self._publish = publish
        self._counted: dict[tuple[str, int], _Counted] = {}

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
            roll = state.roll(lesson)
            filed = (lesson.class_id, 0 if roll is None else roll.changes)
            for question in lesson.questions:
                name = (lesson.id, question.number)
                alive.add(name)
                if question.status == "open":
                    continue
                basis = (question.presses, question.corrections, *filed)
                before = self._counted.get(name)
                if before is None or before.basis != basis:
                    self._recount(state, lesson, question, basis, publish)
        for name in self._counted.keys() - alive:
            del self._counted[name]

    def _recount(
        self,
        state: State,
        lesson: Lesson,
        question: Question,
        basis: Basis,
        publish: Callable[[RollUp], None],
    ) -> None:
        """Publish a new revision, if the counts are not those of the one before."""
        name = (lesson.id, question.number)
        before = self._counted.get(name)
        revision = 1 if before is None else before.counts.revision + 1
        counts = self._count(state, lesson, question, revision)
        if before is not None:
            same = msgspec.structs.replace(counts, revision=before.counts.revision)
            if same == before.counts:
                self._counted[name] = _Counted(basis, before.counts)
                return
        self._counted[name] = _Counted(basis, counts)
        publish(counts)

    @staticmethod
    def _count(state: State, lesson: Lesson, question: Question, revision: int) -> RollUp:
        roll = state.roll(lesson)
        if question.void:
            return roll_up(
                lesson=lesson.id,
                question=question.root,
                kind=question.kind,
                present=0,
                answered=0,
                options={},
                round_=question.round,
                revision=revision,
                void=True,
            )
        keys = [answer.key for answer in answers_by_respondent(question, roll).values()]
        bars = bar_keys(question.kind, len(question.options)) or []
        multiple = question.kind == "multiple"
        counts = {bar: sum(bar in key if multiple else bar == key for key in keys) for bar in bars}
        right = None
        if question.key is not None:
            right = sum(is_right(key, question.key, question.kind) is True for key in keys)
        return roll_up(
            lesson=lesson.id,
            question=question.root,
            kind=question.kind,
            present=len(present(lesson, roll)),
            answered=len(keys),
            options=counts,
            right=right,
            key=question.key or [],
            exclusive=not multiple,
            round_=question.round,
            revision=revision,
        )
