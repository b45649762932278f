"""What the room says beside answers and cards: the teacher's presenter, sensors. Pure decisions.

A kind of reading has its rule in `RULES`; one without, and one that means nothing now, becomes no
event, and the intake counts it. A presenter is the teacher's hand: its keys lead to what the same
button of the teacher's page would, so that it works though no page is open.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from agent.lesson import commands as cmd
from agent.lesson import events as ev
from agent.lesson.drawing import decide_stroke
from agent.lesson.model import Lesson, Question, State, Tool
from agent.lesson.rules import decide
from drivers.readings import Measurement, Reading, RemoteAction, RemoteKey, Stroke, ToolLifted

REMOTE_STEPS: dict[str, dict[str, str]] = {
    "open": {"next": "close", "start": "reveal", "previous": "less", "blank": "blank"},
    "closed": {"next": "reveal", "start": "reveal", "previous": "less", "blank": "blank"},
    "revealed": {"next": "reveal", "start": "reveal", "previous": "less", "blank": "blank"},
}
"""What a presenter's key does, by the state of the newest question."""
MOST_LIFTED = 32
"""More tools than all trays of a room hold."""
LESS: dict[ev.Show, ev.Show] = {"key": "distribution", "distribution": "count", "count": "hidden"}


def decide_reading(state: State, reading: Reading) -> list[ev.Event]:
    """The events that a reading leads to; none if it means nothing now."""
    rule = RULES.get(type(reading))
    return [] if rule is None else rule(state, reading)


def decide_remote_key(state: State, action: RemoteAction) -> list[ev.Event]:
    """What a presenter's key does: a step of the newest question, or what the room sees of it.

    Nothing without an open lesson and a question in it, and nothing where there is no such step.
    """
    lesson = state.lesson
    question = None if lesson is None else lesson.current
    if lesson is None or question is None:
        return []
    step = REMOTE_STEPS[question.status][action]
    command = _STEPS[step](lesson, question)
    return [] if command is None else decide(state, command)


def _close(lesson: Lesson, question: Question) -> cmd.Command:
    return cmd.CloseQuestion(lesson=lesson.id, question=question.number)


def _reveal(lesson: Lesson, question: Question) -> cmd.Command:
    return cmd.RevealQuestion(lesson=lesson.id, question=question.number)


def _show_less(lesson: Lesson, question: Question) -> cmd.Command | None:
    return _show(lesson, question, LESS.get(question.show))


def _blank(lesson: Lesson, question: Question) -> cmd.Command | None:
    """Hide what the room sees beside the question itself; a second time brings it back."""
    hidden = question.show == "hidden"
    return _show(lesson, question, question.hid if hidden else "hidden")


def _show(lesson: Lesson, question: Question, show: ev.Show | None) -> cmd.Command | None:
    if show is None:
        return None
    return cmd.ShowQuestion(lesson=lesson.id, question=question.number, show=show)


_STEPS: dict[str, Callable[[Lesson, Question], cmd.Command | None]] = {
    "close": _close,
    "reveal": _reveal,
    "less": _show_less,
    "blank": _blank,
}


def _remote_key(state: State, key: RemoteKey) -> list[ev.Event]:
    return decide_remote_key(state, key.action)


def _measured(_: State, one: Measurement) -> list[ev.Event]:
    if not math.isfinite(one.value):
        return []
    return [ev.Measured(device=one.device, quantity=one.quantity, value=one.value, unit=one.unit)]


def _tool_lifted(state: State, one: ToolLifted) -> list[ev.Event]:
    away = Tool(one.device, one.tool) in state.lifted
    if away is one.lifted or (one.lifted and len(state.lifted) >= MOST_LIFTED):
        return []
    return [ev.TrayChanged(device=one.device, tool=one.tool, lifted=one.lifted)]


RULES: dict[type[Reading], Callable[[State, Any], list[ev.Event]]] = {
    RemoteKey: _remote_key,
    Measurement: _measured,
    Stroke: decide_stroke,
    ToolLifted: _tool_lifted,
}
