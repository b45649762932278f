"""What a teacher puts right: a question that counts nowhere, an answer entered for one student."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agent.lesson import commands as cmd
from agent.lesson import events as ev
from agent.lesson.errors import LessonRefused, NotThere
from agent.lesson.model import Lesson, Question, State, respondent
from agent.lesson.questions import KeyInvalid, normalise
from agent.lesson.steps import close_current, find_question
from agent.lesson.writing import MAX_RAW_CHARS

MAX_ENTERED_CHARS = MAX_RAW_CHARS


def check_own(state: State, lesson: Lesson, question: Question, keypad: str) -> None:
    """KeyInvalid if the teacher has entered an answer for whoever has this keypad.

    What was entered stands until it is withdrawn: also against a press made before it that comes
    late.
    """
    roll = state.roll(lesson)
    who = respondent(roll, keypad)
    if any(respondent(roll, named) == who for named in question.entered):
        raise KeyInvalid("answer_entered")


def _void(state: State, command: cmd.VoidQuestion) -> list[ev.Event]:
    question = find_question(state, command.lesson, command.question, "void")
    if question.void:
        return []
    void = ev.QuestionVoided(lesson=command.lesson, question=command.question)
    lesson = state.find(command.lesson)
    open_now = lesson is not None and question.status == "open"
    return [*(close_current(lesson, "teacher") if lesson and open_now else []), void]


def _restore(state: State, command: cmd.RestoreQuestion) -> list[ev.Event]:
    lesson = state.find(command.lesson)
    if lesson is not None and 1 <= command.question <= len(lesson.questions):
        if not lesson.questions[command.question - 1].void:
            return []
        current = lesson.current
        if current is not None and current.status == "open" and current.number < command.question:
            hint = "an earlier question is open; close it first"
            raise LessonRefused("question_open", "question", hint)
    find_question(state, command.lesson, command.question, "restore")
    return [ev.QuestionRestored(lesson=command.lesson, question=command.question)]


def _enter(state: State, command: cmd.EnterAnswer) -> list[ev.Event]:
    question = find_question(state, command.lesson, command.question, "enter")
    who, key = _known(state, command.lesson, command.who), command.key
    if question.kind == "buzz":
        hint = "a buzz-in is about who is first; nobody can be entered"
        raise LessonRefused("answer_unfit", "question", hint)
    if key:  # of a call, too, nothing is no answer, though any key is one
        try:
            key = normalise(question.kind, len(question.options), key[:MAX_ENTERED_CHARS])
        except KeyInvalid as problem:
            hint = f"this is no answer to the question: {problem.code}"
            raise LessonRefused("answer_invalid", "key", hint) from problem
    entered = question.entered.get(who)
    if (None if entered is None else entered.key) == key:
        return []
    return [
        ev.AnswerEntered(
            lesson=command.lesson, question=command.question, who=who, key=key, source="teacher"
        )
    ]


def _known(state: State, lesson: str, who: str) -> str:
    """A student of the class, else a keypad or a phone of this lesson.

    Raises:
        NotThere: nobody is called so.
    """
    found = state.find(lesson)
    if found is not None:
        roll = state.roll(found)
        if roll is not None:
            who = respondent(roll, who)
            if who in roll.students:
                return who
        if who in found.keypads or who in found.seats or who in found.entered:
            return who
    raise NotThere("respondent_unknown", who, "choose a student or a keypad of this lesson")


RULES: dict[type[cmd.Command], Callable[[State, Any], list[ev.Event]]] = {
    cmd.VoidQuestion: _void,
    cmd.RestoreQuestion: _restore,
    cmd.EnterAnswer: _enter,
}
