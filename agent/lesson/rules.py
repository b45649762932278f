"""From readings and commands to events: pure decisions on a state.

`decide_press` and `decide_tap` never refuse: what hardware said becomes an event, whatever it
was. `decide` refuses a command that makes no sense, with what to do instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agent.lesson import commands as cmd
from agent.lesson import corrections, drawing, enrolment, rounds, texts, timing
from agent.lesson import events as ev
from agent.lesson.errors import LessonRefused, NotThere
from agent.lesson.model import (
    Lesson,
    Moment,
    Question,
    State,
    moment,
    respondent,
)
from agent.lesson.questions import TIMER_S, KeyInvalid, check_question, check_text, normalise
from agent.lesson.steps import close_current, find_lesson, find_question
from agent.lesson.writing import MAX_RAW_CHARS
from drivers.capabilities import Outcome
from drivers.readings import KeyPress, Token

MAX_TITLE_CHARS = 80
MAX_KEY_CHARS = 64

SHOWN_AT_ONCE: dict[ev.QuestionKind, ev.Show] = {"buzz": "distribution", "attendance": "count"}
"""What the room wants to see from the start: who is first, how many are there."""
POLICIES: dict[ev.QuestionKind, ev.Policy] = {"buzz": "first_wins", "attendance": "last_wins"}

ACCEPTED = Outcome("accepted")
CHANGED = Outcome("changed")


def decide_press(state: State, press: KeyPress, boot: int) -> tuple[ev.Event | None, Outcome]:
    """What a press is, and what its clicker is told. No event: it was recorded before."""
    token = press.token
    if token is not None:
        seen = state.seen.get(press.device)
        if seen is not None and token in seen.outcomes:
            return None, Outcome(*seen.outcomes[token])  # type: ignore[arg-type]
    when = moment(boot, press.mono_ns)
    lesson, question = _asked(state, press, when)
    if lesson is None or question is None:
        return _unasked(state, press), Outcome("rejected", "no_question_open")
    keypad, key = press.keypad, press.key[:MAX_KEY_CHARS]
    if question.kind == "text":
        key = press.key[:MAX_RAW_CHARS]
    try:
        if not question.was_open_at(when):
            raise KeyInvalid("question_closed")
        answer = normalise(question.kind, len(question.options), key)
        if question.entered:
            corrections.check_own(state, lesson, question, keypad)
        if question.kind == "buzz":
            _check_earliest(question, keypad, when)
        elif question.policy == "first_wins":
            _check_first(state, lesson, question, keypad)
    except KeyInvalid as problem:
        rejected = ev.ResponseRejected(
            lesson=lesson.id,
            question=question.number,
            device=press.device,
            keypad=keypad,
            key=key[:MAX_KEY_CHARS],
            code=problem.code,
            token=token,
        )
        return rejected, Outcome("rejected", problem.code)
    earlier = question.answers.get(keypad)
    recorded = ev.ResponseRecorded(
        lesson=lesson.id,
        question=question.number,
        device=press.device,
        keypad=keypad,
        key=answer,
        token=token,
        uncertainty_ns=press.uncertainty_ns if question.kind == "buzz" else None,
    )
    return recorded, ACCEPTED if earlier is None or not earlier.key else CHANGED


def _asked(state: State, press: KeyPress, when: Moment) -> tuple[Lesson | None, Question | None]:
    """The question a press is for: the one it names, else the one open when it was pressed."""
    if press.item is not None:
        for lesson in reversed(state.lessons):
            if press.keypad in lesson.seats or lesson.ended is None:
                known = 1 <= press.item <= len(lesson.questions)
                return (lesson, lesson.questions[press.item - 1]) if known else (lesson, None)
        return None, None
    newest = state.lessons[-1] if state.lessons else None
    if newest is not None and newest.ended is None and newest.questions:
        question = newest.questions[-1]
        if question.status == "open" and question.opened <= when:
            return newest, question  # what nearly every press is for
    for lesson in reversed(state.lessons):
        if lesson.opened <= when:
            for question in reversed(lesson.questions):
                if question.was_open_at(when):
                    return lesson, question
                if question.opened <= when and not question.was_void:
                    return lesson, None  # only beside a void one may an older one be open
            return lesson, None
    return None, None


def _check_first(state: State, lesson: Lesson, question: Question, keypad: str) -> None:
    """KeyInvalid if whoever has this keypad has answered."""
    roll = state.roll(lesson)
    who = respondent(roll, keypad)
    if any(respondent(roll, other) == who for other in question.answers):
        raise KeyInvalid("first_answer_counts")


def _check_earliest(question: Question, keypad: str, when: Moment) -> None:
    """KeyInvalid if this keypad buzzed no later: the first by its time need not come first."""
    buzzed = question.buzzes.get(keypad)
    if buzzed is not None and buzzed.when <= when:
        raise KeyInvalid("first_answer_counts")


def _unasked(state: State, press: KeyPress) -> ev.PressUnasked:
    lesson = state.lesson
    return ev.PressUnasked(
        device=press.device,
        keypad=press.keypad,
        key=press.key[:MAX_KEY_CHARS],
        lesson=None if lesson is None else lesson.id,
        token=press.token,
    )


def decide_tap(state: State, device: str, card: str, token: Token | None) -> ev.Event | None:
    """What a tap of a card (by keyed hash) is. None: it was recorded before."""
    if token is not None and device in state.seen and token in state.seen[device].outcomes:
        return None
    lesson = state.lesson
    at = None if lesson is None else lesson.id
    return ev.CardTapped(device=device, card=card, lesson=at, token=token)


def decide(state: State, command: cmd.Command) -> list[ev.Event]:
    """The events a command leads to; none if all is already as wished.

    Raises:
        LessonRefused: it makes no sense now; says why and what to do.
    """
    return _RULES[type(command)](state, command)


def _open_lesson(state: State, command: cmd.OpenLesson) -> list[ev.Event]:
    if state.lesson is not None:
        raise LessonRefused("lesson_open", state.lesson.id, "end the open lesson first")
    _known_class(state, command.class_id)
    title = command.title.strip()
    if len(title) > MAX_TITLE_CHARS:
        raise LessonRefused("title_too_long", "title", f"at most {MAX_TITLE_CHARS} characters")
    return [
        ev.LessonOpened(
            lesson=command.lesson, title=title, place=command.place, class_id=command.class_id
        )
    ]


def _known_class(state: State, class_id: str | None) -> None:
    if class_id is not None and class_id not in state.classes:
        raise NotThere("class_unknown", class_id, "send its roster first")


def _change_class(state: State, command: cmd.ChangeClass) -> list[ev.Event]:
    lesson = find_lesson(state, command.lesson, "change_class")
    _known_class(state, command.class_id)
    if lesson.class_id == command.class_id:
        return []
    return [ev.LessonClassChanged(lesson=lesson.id, class_id=command.class_id)]


def _end_lesson(state: State, command: cmd.EndLesson) -> list[ev.Event]:
    if command.lesson in state.spans and state.spans[command.lesson].ended:
        return []
    lesson = find_lesson(state, command.lesson, "end")
    return [*close_current(lesson, "lesson_end"), ev.LessonEnded(lesson=lesson.id)]


def _ask(state: State, command: cmd.AskQuestion) -> list[ev.Event]:
    lesson = find_lesson(state, command.lesson, "ask")
    options, key = check_question(command.kind, command.options, command.key)
    if command.timer_s is not None and command.timer_s not in TIMER_S:
        hint = f"{TIMER_S.start} to {TIMER_S.stop - 1} seconds, or null for none"
        raise LessonRefused("timer_out_of_range", "timer_s", hint)
    text = check_text(command.text, command.points)
    number = len(lesson.questions) + 1
    opened = ev.QuestionOpened(
        lesson=lesson.id,
        question=number,
        kind=command.kind,
        options=options,
        key=key,
        timer_s=command.timer_s,
        policy=POLICIES.get(command.kind, command.policy),
        text=text,
        points=command.points,
        prepared=command.prepared,
    )
    events = [*close_current(lesson, "next"), opened]
    if lesson.ink.under is not None:  # a picture that was laid there before is for this question
        events.append(ev.BoardAttached(lesson=lesson.id, question=number))
    at_once = SHOWN_AT_ONCE.get(command.kind)
    if at_once is not None:
        events.append(ev.ProjectorChanged(lesson=lesson.id, question=number, show=at_once))
    return events


def _close(state: State, command: cmd.CloseQuestion) -> list[ev.Event]:
    question = find_question(state, command.lesson, command.question, "close")
    if question.status != "open" or timing.outdated(question, command):
        return []
    return [ev.QuestionClosed(lesson=command.lesson, question=command.question, by=command.by)]


def _settle_buzz(state: State, command: cmd.SettleBuzz) -> list[ev.Event]:
    question = find_question(state, command.lesson, command.question, "settle")
    if question.kind != "buzz":
        raise NotThere("question_unknown", str(command.question), "only a buzz-in has an order")
    return [
        ev.BuzzSettled(lesson=command.lesson, question=command.question, upto_ns=command.upto_ns)
    ]


def _reveal(state: State, command: cmd.RevealQuestion) -> list[ev.Event]:
    question = find_question(state, command.lesson, command.question, "reveal")
    if question.status == "revealed" and question.show == "key":
        return []
    close = cmd.CloseQuestion(lesson=command.lesson, question=command.question)
    return [
        *_close(state, close),
        ev.QuestionRevealed(lesson=command.lesson, question=command.question, key=question.key),
    ]


def _show(state: State, command: cmd.ShowQuestion) -> list[ev.Event]:
    question = find_question(state, command.lesson, command.question, "show")
    if question.show == command.show:
        return []
    if command.show == "key" and question.status != "revealed":
        raise LessonRefused("not_revealed", "show", "reveal the question to show its key")
    return [
        ev.ProjectorChanged(lesson=command.lesson, question=command.question, show=command.show)
    ]


def _join(state: State, command: cmd.JoinPhone) -> list[ev.Event]:
    lesson = find_lesson(state, command.lesson, "join")
    if command.seat in lesson.seats:
        return []
    return [ev.PhoneJoined(lesson=lesson.id, seat=command.seat, number=len(lesson.seats) + 1)]


def _replace_roster(state: State, command: cmd.ReplaceRoster) -> list[ev.Event]:
    events: list[ev.Event] = [
        ev.RosterReplaced(class_id=command.class_id, students=command.students)
    ]
    class_id = command.class_id
    for keypad, who in command.keypads.items():
        events.append(ev.BindingMade(class_id=class_id, student=who, keypad=keypad))
    for card, who in command.cards.items():
        events.append(ev.BindingMade(class_id=class_id, student=who, card=card))
    return events


def _bind(state: State, command: cmd.Bind) -> list[ev.Event]:
    _known_class(state, command.class_id)
    roll = state.classes[command.class_id]
    if command.student not in roll.students:
        raise NotThere("student_unknown", command.class_id, "choose a student of this class")
    if (command.keypad is None) == (command.card is None):
        raise LessonRefused("binding_unclear", "keypad", "give either a keypad or a card")
    taken_keypad = roll.keypads.get(command.keypad or "")
    taken_card = roll.cards.get(command.card or "")
    if command.student in (taken_keypad, taken_card):
        return []
    return [
        ev.BindingMade(
            class_id=command.class_id,
            student=command.student,
            keypad=command.keypad,
            card=command.card,
        )
    ]


def _unbind(state: State, command: cmd.Unbind) -> list[ev.Event]:
    _known_class(state, command.class_id)
    roll = state.classes[command.class_id]
    if command.keypad not in roll.keypads and command.card not in roll.cards:
        return []
    return [ev.BindingRemoved(class_id=command.class_id, keypad=command.keypad, card=command.card)]


def _learn_clock(_: State, command: cmd.LearnClock) -> list[ev.Event]:
    return [
        ev.ClockLearnt(
            boot=command.boot,
            offset_ns=command.offset_ns,
            uncertainty_ns=command.uncertainty_ns,
        )
    ]


def _note_salvage(_: State, command: cmd.NoteSalvage) -> list[ev.Event]:
    return [ev.JournalSalvaged(kept=command.kept, missing=command.missing)]


_RULES: dict[type[cmd.Command], Callable[[State, Any], list[ev.Event]]] = {
    cmd.OpenLesson: _open_lesson,
    cmd.ChangeClass: _change_class,
    cmd.EndLesson: _end_lesson,
    cmd.AskQuestion: _ask,
    cmd.CloseQuestion: _close,
    cmd.SettleBuzz: _settle_buzz,
    cmd.RevealQuestion: _reveal,
    cmd.ShowQuestion: _show,
    cmd.JoinPhone: _join,
    **rounds.RULES,
    **timing.RULES,
    **corrections.RULES,
    **texts.RULES,
    cmd.ReplaceRoster: _replace_roster,
    cmd.TakeRosters: enrolment.take_rosters,
    cmd.Bind: _bind,
    cmd.Unbind: _unbind,
    cmd.DrawStroke: drawing.draw,
    cmd.UndoInk: drawing.undo,
    cmd.ClearInk: drawing.clear,
    cmd.PlacePicture: drawing.place,
    cmd.RemovePicture: drawing.remove,
    cmd.AttachBoard: drawing.attach,
    cmd.Calibrate: drawing.calibrate,
    cmd.LearnClock: _learn_clock,
    cmd.NoteSalvage: _note_salvage,
}
