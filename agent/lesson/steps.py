"""The states of lessons and questions, and what each may be asked to do."""

from __future__ import annotations

from typing import Any, Literal

from agent.lesson import events as ev
from agent.lesson.errors import IllegalTransition, NotThere
from agent.lesson.model import Lesson, Question, State

QuestionState = Literal["open", "closed", "revealed", "void"]

QUESTION_STEPS: dict[QuestionState, dict[str, QuestionState]] = {
    "open": {
        "close": "closed",
        "reveal": "revealed",
        "show": "open",
        "settle": "open",
        "reopen": "open",
        "time": "open",
        "enter": "open",
        "again": "closed",
        "void": "void",
    },
    "closed": {
        "close": "closed",
        "reveal": "revealed",
        "show": "closed",
        "settle": "closed",
        "reopen": "open",
        "enter": "closed",
        "again": "closed",
        "void": "void",
    },
    "revealed": {
        "close": "revealed",
        "reveal": "revealed",
        "show": "revealed",
        "settle": "revealed",
        "reopen": "revealed",
        "enter": "revealed",
        "again": "revealed",
        "void": "void",
    },
    "void": {"settle": "void", "void": "void", "restore": "closed"},
}
LESSON_STEPS: dict[str, dict[str, str]] = {
    "open": {
        "ask": "open",
        "join": "open",
        "change_class": "open",
        "auto_close": "open",
        "end": "ended",
    },
    "ended": {"end": "ended", "change_class": "ended"},
}


def find_lesson(state: State, lesson: str, trigger: str) -> Lesson:
    """The lesson, if it can do that now.

    Raises:
        NotThere: there is none.
        IllegalTransition: not now.
    """
    found = state.find(lesson)
    if found is None:
        ended = lesson in state.spans
        raise (
            IllegalTransition("ended", trigger)
            if ended
            else NotThere("lesson_unknown", lesson, "open a lesson first")
        )
    status = "open" if found.ended is None else "ended"
    if trigger not in LESSON_STEPS[status]:
        raise IllegalTransition(status, trigger)
    return found


def find_question(state: State, lesson: str, number: int, trigger: str) -> Question:
    """The question, if it can do that now.

    Raises:
        NotThere: there is none.
        IllegalTransition: not now.
    """
    found = state.find(lesson)
    if found is None or not 1 <= number <= len(found.questions):
        raise NotThere("question_unknown", f"{lesson}/{number}", "reload the page")
    question = found.questions[number - 1]
    status: QuestionState = "void" if question.void else question.status
    if trigger not in QUESTION_STEPS[status]:
        raise IllegalTransition(status, trigger)
    return question


def close_current(lesson: Lesson, by: Any) -> list[ev.Event]:
    """What closes the open question, if there is one."""
    question = lesson.current
    if question is None or question.status != "open":
        return []
    return [ev.QuestionClosed(lesson=lesson.id, question=question.number, by=by)]
