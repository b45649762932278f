"""When a question ends: its timer, closing by itself when all have answered, opening it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agent.lesson import commands as cmd
from agent.lesson import events as ev
from agent.lesson.errors import LessonRefused
from agent.lesson.model import (
    ClassRoll,
    Lesson,
    Moment,
    Question,
    State,
    Timer,
    answers_by_respondent,
    present,
    respondent,
)
from agent.lesson.steps import find_lesson, find_question

LONGEST_MS = 3_600_000
EXTEND_S = range(5, 601)
MOST_REOPENINGS = 20
SEEN_SHARE = 0.5
"""Of a class's list, so many must have been seen in the lesson to tell who is away."""
FEWEST_SEEN = 2


def left_ms(timer: Timer, at: Moment) -> int:
    """What is left of a timer; over a restart, what was left when it last was set."""
    if not timer.running or timer.since.boot != at.boot:
        return timer.left_ms
    return max(0, timer.left_ms - (at.mono_ns - timer.since.mono_ns) // 1_000_000)


def outdated(question: Question, close: cmd.CloseQuestion) -> bool:
    """Whether a timer has run out that meanwhile was paused or set anew."""
    if close.by != "timer" or close.timer_changes is None:
        return False
    return question.timer is None or question.timer.changes != close.timer_changes


def awaited(lesson: Lesson, question: Question, roll: ClassRoll | None) -> set[str] | None:
    """Who is there and has not answered; None where nobody knows who is there.

    Who is there shows in an earlier question: whoever has pressed, tapped a card or joined since
    the lesson began. Where fewer than half of the list were seen, or but one keypad, the others
    may as well be about to press: then all of the list are awaited, and without a list, nobody
    knows. A buzz-in and a call await nobody, and what was opened again is closed by hand.
    """
    if question.kind in ("buzz", "attendance") or question.gaps:
        return None
    answered = answers_by_respondent(question, roll).keys()
    here = present(lesson, roll) | {respondent(roll, seat) for seat in lesson.seats}
    earlier = any(one.number < question.number and not one.void for one in lesson.questions)
    listed = set() if roll is None else set(roll.students)
    seen = here & listed if roll is not None else here
    if not earlier or len(seen) < max(FEWEST_SEEN, SEEN_SHARE * len(listed)):
        if not listed:
            return None
        here |= listed
    return here - answered


def _reopen(state: State, command: cmd.ReopenQuestion) -> list[ev.Event]:
    lesson = find_lesson(state, command.lesson, "ask")
    question = find_question(state, command.lesson, command.question, "reopen")
    if question.status == "open":
        return []
    if question.status == "revealed":
        hint = "the room has seen the answer; ask it again as a new round"
        raise LessonRefused("reopen_revealed", "question", hint)
    if lesson.current is not question:
        hint = "another question was asked since; ask this one again as a new round"
        raise LessonRefused("reopen_passed", "question", hint)
    if len(question.gaps) >= MOST_REOPENINGS:
        raise LessonRefused("reopened_too_often", "question", "ask it again as a new round")
    return [ev.QuestionReopened(lesson=lesson.id, question=question.number)]


def _changed(command: cmd.TimerCommand, left: int, running: bool) -> list[ev.Event]:
    return [
        ev.TimerChanged(
            lesson=command.lesson, question=command.question, left_ms=left, running=running
        )
    ]


def _timer(state: State, command: cmd.TimerCommand) -> tuple[Question, Timer]:
    question = find_question(state, command.lesson, command.question, "time")
    if question.timer is None:
        raise LessonRefused("timer_none", "timer", "this question has no timer; give it time first")
    return question, question.timer


def _pause(state: State, command: cmd.PauseTimer) -> list[ev.Event]:
    _, timer = _timer(state, command)
    return _changed(command, left_ms(timer, command.at), False) if timer.running else []


def _resume(state: State, command: cmd.ResumeTimer) -> list[ev.Event]:
    _, timer = _timer(state, command)
    if timer.running and timer.since.boot == command.at.boot:
        return []
    return _changed(command, left_ms(timer, command.at), True)


def _extend(state: State, command: cmd.ExtendTimer) -> list[ev.Event]:
    question = find_question(state, command.lesson, command.question, "time")
    timer = question.timer
    left = command.by_s * 1000 + (0 if timer is None else left_ms(timer, command.at))
    if command.by_s not in EXTEND_S or left > LONGEST_MS:
        hint = f"{EXTEND_S.start} to {EXTEND_S.stop - 1} seconds more, an hour in all"
        raise LessonRefused("timer_out_of_range", "timer", hint)
    return _changed(command, left, timer is None or timer.running)


def _auto_close(state: State, command: cmd.SetAutoClose) -> list[ev.Event]:
    lesson = find_lesson(state, command.lesson, "auto_close")
    if lesson.auto_close is command.on:
        return []
    return [ev.AutoCloseSet(lesson=lesson.id, on=command.on)]


RULES: dict[type[cmd.Command], Callable[[State, Any], list[ev.Event]]] = {
    cmd.ReopenQuestion: _reopen,
    cmd.PauseTimer: _pause,
    cmd.ResumeTimer: _resume,
    cmd.ExtendTimer: _extend,
    cmd.SetAutoClose: _auto_close,
}
