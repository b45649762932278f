"""Answers in words in groups, and which of them the room may read.

A student's text reaches the projector only as a group that the teacher showed, in the very
spelling that was shown; whoever answers alike later only adds to its count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from agent.lesson import commands as cmd
from agent.lesson import events as ev
from agent.lesson.errors import LessonRefused, NotThere
from agent.lesson.model import Answer, Question, State, answers_by_respondent
from agent.lesson.steps import find_question
from agent.lesson.writing import fold

MAX_SHOWN = 12


class TextGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Equal answers. `text`: as the first of them was spelt, or as it was shown."""

    group: str
    text: str
    count: int
    shown: bool


def grouped(question: Question, answers: Iterable[Answer]) -> list[TextGroup]:
    """The answers in groups, the largest first, then the earliest."""
    counts: dict[str, int] = {}
    spelt: dict[str, str] = {}
    for answer in sorted(answers, key=lambda one: one.order):
        group = fold(answer.key)
        counts[group] = counts.get(group, 0) + 1
        spelt.setdefault(group, answer.key)
    shown = question.shown
    return [
        TextGroup(
            group=group, text=shown.get(group, spelt[group]), count=count, shown=group in shown
        )
        for group, count in sorted(counts.items(), key=lambda one: -one[1])
    ]


def _show(state: State, command: cmd.ShowGroup) -> list[ev.Event]:
    question = _written(state, command.lesson, command.question)
    if command.group in question.shown:
        return _let_see(question, command.lesson)
    lesson = state.find(command.lesson)
    roll = None if lesson is None else state.roll(lesson)
    groups = grouped(question, answers_by_respondent(question, roll).values())
    found = next((one for one in groups if one.group == command.group), None)
    if found is None:
        raise NotThere("group_unknown", "group", "nobody answers so any more; reload the page")
    if len(question.shown) >= MAX_SHOWN:
        hint = f"the room reads {MAX_SHOWN} answers at most; take one back first"
        raise LessonRefused("groups_full", "group", hint)
    shown = ev.GroupShown(
        lesson=command.lesson, question=command.question, group=found.group, text=found.text
    )
    return [shown, *_let_see(question, command.lesson)]


def _let_see(question: Question, lesson: str) -> list[ev.Event]:
    """What is shown is seen: the projector goes on from the count."""
    if question.show in ("distribution", "key"):
        return []
    return [ev.ProjectorChanged(lesson=lesson, question=question.number, show="distribution")]


def _hide(state: State, command: cmd.HideGroup) -> list[ev.Event]:
    question = _written(state, command.lesson, command.question)
    if command.group not in question.shown:
        return []
    return [ev.GroupHidden(lesson=command.lesson, question=command.question, group=command.group)]


def _written(state: State, lesson: str, number: int) -> Question:
    question = find_question(state, lesson, number, "show")
    if question.kind != "text":
        raise NotThere("question_unknown", str(number), "only answers in words are shown so")
    return question


RULES: dict[type[cmd.Command], Callable[[State, Any], list[ev.Event]]] = {
    cmd.ShowGroup: _show,
    cmd.HideGroup: _hide,
}
