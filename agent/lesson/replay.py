"""Events to state: `apply` is the only thing that changes a state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from agent.lesson import events as ev
from agent.lesson.ink import Ink
from agent.lesson.model import (
    ACCEPTED,
    ASKED_ITEMS,
    CHANGED,
    RECENT_LESSONS,
    TEACHER,
    Answer,
    AskedItem,
    Buzz,
    ClassRoll,
    LastMeasurement,
    LastPress,
    Lesson,
    LessonSpan,
    Moment,
    Position,
    Question,
    Seen,
    State,
    Surface,
    Timer,
    Tool,
    Verdict,
    WallClock,
    moment,
)

UNASKED: Verdict = ("rejected", "no_question_open")


class Stamped(msgspec.Struct, frozen=True, gc=False):
    """An event with its name and its time, as it lies in the journal.

    `boot` numbers the boots of this board from 1.
    """

    epoch: int
    seq: int
    boot: int
    mono_ns: int
    event: ev.Event


def apply(state: State, stamped: Stamped) -> State:
    """Advance `state` by one event and return it."""
    event = stamped.event
    state.epoch, state.seq = stamped.epoch, stamped.seq
    if type(event) is ev.ResponseRecorded:  # what nearly every event is
        _responses_recorded(state, event, (stamped,))
        return state
    step = _STEPS.get(type(event))
    if step is not None:
        step(state, event, stamped)
    return state


def apply_all(state: State, stamped: Sequence[Stamped]) -> None:
    """Advance `state` by these events in order; answers in a row cost less than one by one."""
    start, count = 0, len(stamped)
    while start < count:
        end = start + 1
        first = stamped[start].event
        if type(first) is not ev.ResponseRecorded:
            apply(state, stamped[start])
        else:
            while end < count and _go_together(first, stamped[end].event):
                end += 1
            last = stamped[end - 1]
            state.epoch, state.seq = last.epoch, last.seq
            _responses_recorded(state, first, stamped[start:end])
        start = end


def _go_together(one: ev.ResponseRecorded, other: ev.Event) -> bool:
    """Whether both answer the same question through the same device."""
    return (
        type(other) is ev.ResponseRecorded
        and one.device == other.device
        and one.question == other.question
        and one.lesson == other.lesson
    )


def replay(stamped: Iterable[Stamped], state: State | None = None) -> State:
    """The state after these events."""
    state = State() if state is None else state
    for one in stamped:
        apply(state, one)
    return state


def copy_of(state: State) -> State:
    """An independent copy."""
    return _decode_state(_encode_state(state))


_encode_state = msgspec.msgpack.Encoder().encode
_decode_state = msgspec.msgpack.Decoder(State).decode


def _lesson(state: State, lesson: str) -> Lesson | None:
    span = state.spans.get(lesson)
    if span is not None:
        span.last = Position(state.epoch, state.seq)
    newest = state.lessons[-1] if state.lessons else None
    return newest if newest is not None and newest.id == lesson else state.find(lesson)


def _question(state: State, lesson: str, number: int) -> Question | None:
    found = _lesson(state, lesson)
    if found is None or not 1 <= number <= len(found.questions):
        return None
    return found.questions[number - 1]


def _pressed(state: State, keypad: str) -> None:
    press = state.last_press
    press.keypad = keypad
    press.count += 1


def _note(state: State, device: str, token: str | None, verdict: Verdict) -> None:
    if token is not None:
        seen = state.seen.get(device)
        if seen is None:
            seen = state.seen[device] = Seen()
        seen.note(token, verdict)


def _clock_learnt(state: State, event: ev.ClockLearnt, _: Stamped) -> None:
    state.clocks[event.boot] = WallClock(event.offset_ns, event.uncertainty_ns)


def _roster_replaced(state: State, event: ev.RosterReplaced, _: Stamped) -> None:
    roll = state.classes.setdefault(event.class_id, ClassRoll())
    roll.changes += 1
    roll.students = list(event.students)
    known = set(event.students)
    roll.keypads = {keypad: who for keypad, who in roll.keypads.items() if who in known}
    roll.cards = {card: who for card, who in roll.cards.items() if who in known}


def _binding_made(state: State, event: ev.BindingMade, _: Stamped) -> None:
    roll = state.classes.setdefault(event.class_id, ClassRoll())
    roll.changes += 1
    if event.keypad is not None:
        roll.keypads[event.keypad] = event.student
    if event.card is not None:
        roll.cards[event.card] = event.student


def _binding_removed(state: State, event: ev.BindingRemoved, _: Stamped) -> None:
    roll = state.classes.get(event.class_id)
    if roll is not None:
        roll.changes += 1
        roll.keypads.pop(event.keypad or "", None)
        roll.cards.pop(event.card or "", None)


def _lesson_opened(state: State, event: ev.LessonOpened, at: Stamped) -> None:
    opened = Moment(at.boot, at.mono_ns)
    state.lessons.append(
        Lesson(id=event.lesson, title=event.title, class_id=event.class_id, opened=opened)
    )
    del state.lessons[: -RECENT_LESSONS - 1]
    state.spans[event.lesson] = LessonSpan(
        id=event.lesson,
        title=event.title,
        class_id=event.class_id,
        opened=opened,
        first=Position(at.epoch, at.seq),
        last=Position(at.epoch, at.seq),
    )
    state.last_press = LastPress(count=state.last_press.count)


def _lesson_class_changed(state: State, event: ev.LessonClassChanged, at: Stamped) -> None:
    lesson = _lesson(state, event.lesson)
    if lesson is not None:
        lesson.class_id = event.class_id
        state.spans[event.lesson].class_id = event.class_id


def _lesson_ended(state: State, event: ev.LessonEnded, at: Stamped) -> None:
    lesson = _lesson(state, event.lesson)
    if lesson is not None:
        lesson.ended = Moment(at.boot, at.mono_ns)
        state.spans[event.lesson].ended = True


def _question_opened(state: State, event: ev.QuestionOpened, at: Stamped) -> None:
    lesson = _lesson(state, event.lesson)
    if lesson is None:
        return
    for number in range(len(lesson.questions) + 1, event.question):
        lesson.questions.append(_lost_question(number, Moment(at.boot, at.mono_ns)))
    opened, questions, repeats = Moment(at.boot, at.mono_ns), lesson.questions, event.repeats
    if repeats is not None and 1 <= repeats <= len(questions):
        place = questions[repeats - 1].place
    else:
        place = 1 + max((one.place for one in questions), default=0)
    timer = None if event.timer_s is None else Timer(event.timer_s * 1000, True, opened)
    questions.append(
        Question(
            number=event.question,
            kind=event.kind,
            options=event.options,
            key=event.key,
            timer_s=event.timer_s,
            policy=event.policy,
            opened=opened,
            repeats=repeats,
            round=event.round,
            place=place,
            timer=timer,
            text=event.text,
            points=event.points,
            prepared=event.prepared,
        )
    )
    state.spans[event.lesson].questions = event.question
    if event.prepared is not None:
        state.asked.append(AskedItem(event.prepared, event.lesson))
        del state.asked[:-ASKED_ITEMS]


def _lost_question(number: int, when: Moment) -> Question:
    """In place of a question whose opening could not be read any more."""
    return Question(
        number=number,
        place=number,
        kind="single",
        options=[],
        key=None,
        timer_s=None,
        policy="last_wins",
        opened=when,
        closed=when,
        status="closed",
    )


def _question_closed(state: State, event: ev.QuestionClosed, at: Stamped) -> None:
    question = _question(state, event.lesson, event.question)
    if question is not None:
        question.status = "closed"
        question.closed = Moment(at.boot, at.mono_ns)


def _question_reopened(state: State, event: ev.QuestionReopened, at: Stamped) -> None:
    question = _question(state, event.lesson, event.question)
    if question is not None and question.closed is not None:
        question.gaps.append((question.closed, Moment(at.boot, at.mono_ns)))
        question.status, question.closed, question.timer = "open", None, None


def _question_voided(state: State, event: ev.QuestionVoided, _: Stamped) -> None:
    question = _question(state, event.lesson, event.question)
    if question is not None:
        question.void = question.was_void = True
        question.corrections += 1


def _question_restored(state: State, event: ev.QuestionRestored, _: Stamped) -> None:
    question = _question(state, event.lesson, event.question)
    if question is not None:
        question.void = False
        question.corrections += 1


def _timer_changed(state: State, event: ev.TimerChanged, at: Stamped) -> None:
    question = _question(state, event.lesson, event.question)
    if question is not None:
        changes = 1 if question.timer is None else question.timer.changes + 1
        since = Moment(at.boot, at.mono_ns)
        question.timer = Timer(event.left_ms, event.running, since, changes)


def _auto_close_set(state: State, event: ev.AutoCloseSet, _: Stamped) -> None:
    lesson = _lesson(state, event.lesson)
    if lesson is not None:
        lesson.auto_close = event.on


def _answer_entered(state: State, event: ev.AnswerEntered, at: Stamped) -> None:
    lesson, question = state.find(event.lesson), _question(state, event.lesson, event.question)
    if lesson is None or question is None:
        return
    question.corrections += 1
    if event.key is None:
        question.entered.pop(event.who, None)
        return
    order = at.epoch << 32 | at.seq
    question.entered[event.who] = Answer(event.key, TEACHER, order, at.mono_ns)
    if event.who not in lesson.entered:
        lesson.entered.append(event.who)


def _question_revealed(state: State, event: ev.QuestionRevealed, at: Stamped) -> None:
    question = _question(state, event.lesson, event.question)
    if question is not None:
        question.status = "revealed"
        question.show, question.hid = "key", None


def _projector_changed(state: State, event: ev.ProjectorChanged, at: Stamped) -> None:
    question = _question(state, event.lesson, event.question)
    if question is not None:
        question.hid = question.show if event.show == "hidden" else None
        question.show = event.show


def _group_shown(state: State, event: ev.GroupShown, _: Stamped) -> None:
    question = _question(state, event.lesson, event.question)
    if question is not None:
        question.shown[event.group] = event.text


def _group_hidden(state: State, event: ev.GroupHidden, _: Stamped) -> None:
    question = _question(state, event.lesson, event.question)
    if question is not None:
        question.shown.pop(event.group, None)


def _phone_joined(state: State, event: ev.PhoneJoined, at: Stamped) -> None:
    lesson = _lesson(state, event.lesson)
    if lesson is not None:
        lesson.seats[event.seat] = event.number


def _responses_recorded(state: State, first: ev.ResponseRecorded, run: Sequence[Stamped]) -> None:
    """Answers to one question through one device; `first` is the first of them."""
    device = first.device
    lesson = _lesson(state, first.lesson)
    question = None
    if lesson is not None and 1 <= first.question <= len(lesson.questions):
        question = lesson.questions[first.question - 1]
        question.presses += len(run)
        keypads, answers = lesson.keypads, question.answers
    seen = state.seen.get(device)
    for at in run:
        event: Any = at.event
        keypad, token, verdict = event.keypad, event.token, ACCEPTED
        if question is not None:
            keypads[keypad] = device
            earlier = answers.get(keypad)
            if earlier is not None and earlier.key:
                verdict = CHANGED
            answers[keypad] = Answer(event.key, device, at.epoch << 32 | at.seq, at.mono_ns)
            if question.kind == "buzz":
                _buzzed(question, event, at)
        if token is not None:
            if seen is None:
                seen = state.seen[device] = Seen()
            seen.note(token, verdict)
    press = state.last_press
    press.keypad = keypad
    press.count += len(run)


def _buzzed(question: Question, event: ev.ResponseRecorded, at: Stamped) -> None:
    when = moment(at.boot, at.mono_ns)
    late = question.settled is not None and when <= question.settled
    question.buzzes[event.keypad] = Buzz(when, event.uncertainty_ns, late)


def _buzz_settled(state: State, event: ev.BuzzSettled, at: Stamped) -> None:
    question = _question(state, event.lesson, event.question)
    if question is not None:
        question.settled = moment(at.boot, event.upto_ns)


def _response_rejected(state: State, event: ev.ResponseRejected, at: Stamped) -> None:
    lesson = _lesson(state, event.lesson)
    _pressed(state, event.keypad)
    if lesson is not None:
        lesson.keypads[event.keypad] = event.device
        if 1 <= event.question <= len(lesson.questions):
            lesson.questions[event.question - 1].presses += 1
    _note(state, event.device, event.token, ("rejected", event.code))


def _press_unasked(state: State, event: ev.PressUnasked, at: Stamped) -> None:
    _pressed(state, event.keypad)
    lesson = None if event.lesson is None else _lesson(state, event.lesson)
    if lesson is not None:
        lesson.keypads[event.keypad] = event.device
        lesson.unasked_presses += 1
    _note(state, event.device, event.token, UNASKED)


def _card_tapped(state: State, event: ev.CardTapped, at: Stamped) -> None:
    lesson = None if event.lesson is None else _lesson(state, event.lesson)
    if lesson is not None:
        lesson.cards.setdefault(event.card, Moment(at.boot, at.mono_ns))
    _note(state, event.device, event.token, ACCEPTED)


def _keypad_flagged(state: State, event: ev.KeypadFlagged, at: Stamped) -> None:
    if event.lesson is not None:
        _lesson(state, event.lesson)  # it ends no earlier


def _measured(state: State, event: ev.Measured, at: Stamped) -> None:
    when = Moment(at.boot, at.mono_ns)
    value = LastMeasurement(event.quantity, event.value, event.unit, when)
    state.measured[event.device] = value


def _tray_changed(state: State, event: ev.TrayChanged, _: Stamped) -> None:
    tool = Tool(event.device, event.tool)
    state.lifted = [one for one in state.lifted if one != tool]
    if event.lifted:
        state.lifted.append(tool)


def _ink(state: State, lesson: str, number: int | None) -> Ink | None:
    if number is None:
        found = _lesson(state, lesson)
        return None if found is None else found.ink
    question = _question(state, lesson, number)
    return None if question is None else question.ink


def _stroke_drawn(state: State, event: ev.StrokeDrawn, _: Stamped) -> None:
    ink = _ink(state, event.lesson, event.question)
    if ink is not None:
        ink.draw(event)


def _ink_undone(state: State, event: ev.InkUndone, _: Stamped) -> None:
    ink = _ink(state, event.lesson, event.question)
    if ink is not None:
        ink.undo()


def _ink_cleared(state: State, event: ev.InkCleared, _: Stamped) -> None:
    ink = _ink(state, event.lesson, event.question)
    if ink is not None:
        ink.clear()


def _picture_placed(state: State, event: ev.PicturePlaced, _: Stamped) -> None:
    ink = _ink(state, event.lesson, event.question)
    if ink is not None:
        ink.place(event)
    span = state.spans.get(event.lesson)
    if span is not None and event.picture.sha256 not in span.pictures:
        span.pictures.append(event.picture.sha256)


def _picture_removed(state: State, event: ev.PictureRemoved, _: Stamped) -> None:
    ink = _ink(state, event.lesson, event.question)
    if ink is not None:
        ink.under = None


def _board_attached(state: State, event: ev.BoardAttached, _: Stamped) -> None:
    question = _question(state, event.lesson, event.question)
    lesson = state.find(event.lesson)
    if question is not None and lesson is not None:
        question.ink, lesson.ink = lesson.ink, Ink(changes=lesson.ink.changes + 1)


def _board_calibrated(state: State, event: ev.BoardCalibrated, _: Stamped) -> None:
    state.surfaces.pop(event.device, None)
    surface = Surface(list(event.corners), event.width_mm, event.height_mm)
    state.surfaces[event.device] = surface


_STEPS: dict[type[ev.Event], Callable[[State, Any, Stamped], None]] = {
    ev.ClockLearnt: _clock_learnt,
    ev.RosterReplaced: _roster_replaced,
    ev.BindingMade: _binding_made,
    ev.BindingRemoved: _binding_removed,
    ev.LessonOpened: _lesson_opened,
    ev.LessonClassChanged: _lesson_class_changed,
    ev.LessonEnded: _lesson_ended,
    ev.QuestionOpened: _question_opened,
    ev.QuestionClosed: _question_closed,
    ev.QuestionReopened: _question_reopened,
    ev.QuestionVoided: _question_voided,
    ev.QuestionRestored: _question_restored,
    ev.TimerChanged: _timer_changed,
    ev.AutoCloseSet: _auto_close_set,
    ev.AnswerEntered: _answer_entered,
    ev.QuestionRevealed: _question_revealed,
    ev.ProjectorChanged: _projector_changed,
    ev.GroupShown: _group_shown,
    ev.GroupHidden: _group_hidden,
    ev.PhoneJoined: _phone_joined,
    ev.ResponseRejected: _response_rejected,
    ev.BuzzSettled: _buzz_settled,
    ev.PressUnasked: _press_unasked,
    ev.CardTapped: _card_tapped,
    ev.KeypadFlagged: _keypad_flagged,
    ev.Measured: _measured,
    ev.TrayChanged: _tray_changed,
    ev.StrokeDrawn: _stroke_drawn,
    ev.InkUndone: _ink_undone,
    ev.InkCleared: _ink_cleared,
    ev.PicturePlaced: _picture_placed,
    ev.PictureRemoved: _picture_removed,
    ev.BoardAttached: _board_attached,
    ev.BoardCalibrated: _board_calibrated,
}
