"""The same question asked again, and what changed from one round to the next."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from agent.lesson import commands as cmd
from agent.lesson import events as ev
from agent.lesson.errors import LessonRefused
from agent.lesson.model import ClassRoll, Lesson, Question, State, answers_by_respondent
from agent.lesson.questions import is_right
from agent.lesson.steps import close_current, find_lesson, find_question

Advice = Literal["explain", "discuss", "go_on"]
DISCUSS_FROM, DISCUSS_UPTO = 0.35, 0.70
"""Between these shares of right answers a discussion wins most: Crouch and Mazur, Peer Instruction:
ten years of experience and results, American Journal of Physics 69 (2001)."""
FEWEST_ANSWERS = 2
"""From fewer nothing is advised: nobody has anybody to discuss with."""
Outcome = Literal["nobody", "all_right", "lost", "none", "low", "medium", "high"]
LOW_GAIN, HIGH_GAIN = 0.3, 0.7
"""Bounds of the normalised gain: Hake, American Journal of Physics 66 (1998)."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two rounds, of those who answered in both.

    Attributes:
        first: which round the earlier one is.
        second: which round the later one is.
        known: the key had been revealed before the later round.
        changed: so many answer differently.
        only_first: answered in the earlier round only, and are in no other figure.
        only_second: in the later one only.
        gain: (post - pre) / (1 - pre) of the shares of right answers; None where that is undefined:
            all were right before, nobody answered twice, or there is no key.
        outcome: that in a word; None without a key.
    """

    first: int
    second: int
    known: bool
    both: int
    changed: int
    only_first: int
    only_second: int
    stayed_right: int | None = None
    won: int | None = None
    lost: int | None = None
    stayed_wrong: int | None = None
    gain: float | None = None
    outcome: Outcome | None = None


def compare(first: Question, second: Question, roll: ClassRoll | None) -> Comparison:
    """What changed from one round of a question to a later one."""
    before = {who: one.key for who, one in answers_by_respondent(first, roll).items()}
    after = {who: one.key for who, one in answers_by_respondent(second, roll).items()}
    both = [who for who in before if who in after]
    figures: dict[str, Any] = {
        "first": first.round,
        "second": second.round,
        "known": first.status == "revealed" and first.key is not None,
        "both": len(both),
        "changed": sum(before[who] != after[who] for who in both),
        "only_first": len(before) - len(both),
        "only_second": len(after) - len(both),
    }
    if second.key is None:
        return Comparison(**figures)
    cells = {(was, now): 0 for was in (True, False) for now in (True, False)}
    for who in both:
        was, now = (is_right(one[who], second.key, second.kind) for one in (before, after))
        cells[bool(was), bool(now)] += 1
    won, lost = cells[False, True], cells[True, False]
    wrong_before = won + cells[False, False]
    gain = (won - lost) / wrong_before if wrong_before else None  # the shares' whole cancels out
    return Comparison(
        **figures,
        stayed_right=cells[True, True],
        won=won,
        lost=lost,
        stayed_wrong=cells[False, False],
        gain=gain,
        outcome=_outcome(gain, len(both), lost),
    )


def _outcome(gain: float | None, both: int, lost: int) -> Outcome:
    if gain is None:
        return "nobody" if both == 0 else "lost" if lost else "all_right"
    if gain <= 0:
        return "lost" if gain < 0 else "none"
    return "low" if gain < LOW_GAIN else "medium" if gain < HIGH_GAIN else "high"


def comparisons(lesson: Lesson, question: Question, roll: ClassRoll | None) -> list[Comparison]:
    """Each round up to this one with the next; void ones are left out."""
    if question.repeats is None or question.void:
        return []
    rounds = [
        one
        for one in lesson.questions[: question.number]
        if one.root == question.root and not one.void
    ]
    return [compare(one, other, roll) for one, other in itertools.pairwise(rounds)]


def advice(question: Question, right: int | None, answered: int) -> Advice | None:
    """What to do after closing, by the share of right answers; None where nothing is advised."""
    if right is None or answered < FEWEST_ANSWERS or question.status != "closed":
        return None
    share = right / answered
    if share < DISCUSS_FROM:
        return "explain"
    return "discuss" if share <= DISCUSS_UPTO else "go_on"


def _again(state: State, command: cmd.AskAgain) -> list[ev.Event]:
    lesson = find_lesson(state, command.lesson, "ask")
    asked = find_question(state, command.lesson, command.question, "again")
    if asked.kind in ("buzz", "attendance"):
        raise LessonRefused("round_unfit", "question", "this has no rounds; ask a new one")
    before = [one for one in lesson.questions if one.root == asked.root]
    same = {name: getattr(asked, name) for name in _SAME}
    opened = ev.QuestionOpened(
        lesson=lesson.id,
        question=len(lesson.questions) + 1,
        repeats=asked.root,
        round=max(one.round for one in before) + 1,
        **same,
    )
    return [*close_current(lesson, "next"), opened]


_SAME = set(ev.QuestionOpened.__struct_fields__) & set(Question.__struct_fields__) - {
    "repeats",
    "round",
}
"""What a question is, and any round of it: whatever its opening and its state both hold."""

RULES: dict[type[cmd.Command], Callable[[State, Any], list[ev.Event]]] = {cmd.AskAgain: _again}
