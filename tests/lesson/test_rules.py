from __future__ import annotations

import pytest

from agent.lesson import commands as cmd
from agent.lesson import events as ev
from agent.lesson import rules
from agent.lesson.errors import IllegalTransition, LessonRefused, NotThere
from agent.lesson.model import answers_by_respondent, present
from drivers.capabilities import Outcome
from tests.lesson.builder import LESSON, PLACE, Builder

ACCEPTED, CHANGED = Outcome("accepted"), Outcome("changed")


@pytest.fixture
def class_room() -> Builder:
    room = Builder()
    room.open_lesson()
    return room


def test_a_press_counts_for_the_open_question(class_room: Builder) -> None:
    question = class_room.ask()
    assert class_room.press("0A", "B") == ACCEPTED
    assert question.answers["0A"].key == "B"


def test_the_last_press_wins_and_every_press_is_kept(class_room: Builder) -> None:
    question = class_room.ask()
    class_room.press("0A", "B")
    assert class_room.press("0A", "C") == CHANGED
    assert question.answers["0A"].key == "C"
    assert question.presses == 2
    assert sum(isinstance(one.event, ev.ResponseRecorded) for one in class_room.log) == 2


def test_the_first_press_wins_where_asked_so(class_room: Builder) -> None:
    question = class_room.ask(policy="first_wins")
    class_room.press("0A", "B")
    assert class_room.press("0A", "C") == Outcome("rejected", "first_answer_counts")
    assert question.answers["0A"].key == "B"
    assert isinstance(class_room.log[-1].event, ev.ResponseRejected)


def test_an_answer_can_be_taken_back(class_room: Builder) -> None:
    question = class_room.ask()
    class_room.press("0A", "B")
    assert class_room.press("0A", "") == CHANGED
    assert answers_by_respondent(question, None) == {}


def test_an_option_that_does_not_exist_is_rejected_and_kept(class_room: Builder) -> None:
    question = class_room.ask(options=3)
    assert class_room.press("0A", "D") == Outcome("rejected", "option_unknown")
    assert question.answers == {}
    rejected = class_room.log[-1].event
    assert isinstance(rejected, ev.ResponseRejected)
    assert (rejected.key, rejected.code) == ("D", "option_unknown")


def test_presses_outside_a_question_or_a_lesson_are_events(class_room: Builder) -> None:
    empty = Builder()
    for room, lesson in ((class_room, LESSON), (empty, None)):
        assert room.press("0A", "B") == Outcome("rejected", "no_question_open")
        event = room.log[-1].event
        assert isinstance(event, ev.PressUnasked)
        assert event.lesson == lesson


def test_a_press_counts_for_the_question_open_when_it_was_pressed(class_room: Builder) -> None:
    first = class_room.ask()
    pressed_ns = class_room.now_ns + 1
    second = class_room.ask()
    assert class_room.press("0A", "B", mono_ns=pressed_ns) == ACCEPTED
    assert first.answers["0A"].key == "B"
    assert second.answers == {}


def test_a_press_between_two_questions_counts_for_none(class_room: Builder) -> None:
    question = class_room.ask()
    class_room.do(cmd.CloseQuestion(lesson=LESSON, question=1))
    between_ns = class_room.now_ns + 1
    class_room.ask()
    assert class_room.press("0A", "B", mono_ns=between_ns).code == "no_question_open"
    assert question.answers == {}


def test_a_late_press_finds_its_question_after_the_lesson(class_room: Builder) -> None:
    question = class_room.ask()
    pressed_ns = class_room.now_ns + 1
    class_room.do(cmd.EndLesson(lesson=LESSON))
    assert class_room.press("0A", "B", mono_ns=pressed_ns) == ACCEPTED
    assert question.answers["0A"].key == "B"


def test_a_press_kept_over_a_power_cut_counts_for_the_question_still_open(
    class_room: Builder,
) -> None:
    question = class_room.ask()
    class_room.boot, class_room.now_ns = 2, 5_000_000_000
    assert class_room.press("0A", "B", mono_ns=-3_000_000_000) == ACCEPTED
    assert class_room.press("0B", "C") == ACCEPTED
    assert set(question.answers) == {"0A", "0B"}


def test_the_same_press_counts_once_and_is_told_the_same(class_room: Builder) -> None:
    question = class_room.ask()
    class_room.press("0A", "B", token="R.1.1")
    recorded = len(class_room.log)
    assert class_room.press("0A", "B", token="R.1.1") == ACCEPTED
    assert len(class_room.log) == recorded
    assert question.presses == 1


def test_the_same_tap_is_recorded_once(class_room: Builder) -> None:
    tap = rules.decide_tap(class_room.state, "reader", "card-1", "t1")
    assert tap is not None
    class_room.record(tap)
    assert rules.decide_tap(class_room.state, "reader", "card-1", "t1") is None
    for device, token in (("reader", "t2"), ("other", "t1"), ("reader", None)):
        assert rules.decide_tap(class_room.state, device, "card-1", token) is not None


def test_the_same_token_of_another_device_is_another_press(class_room: Builder) -> None:
    class_room.ask()
    class_room.press("0A", "B", token="1")
    assert class_room.press("0B", "C", token="1", device="receiver-2") == ACCEPTED
    assert class_room.question.presses == 2


def test_a_phone_names_its_question(class_room: Builder) -> None:
    class_room.ask()
    class_room.do(cmd.JoinPhone(lesson=LESSON, seat="seat-1"))
    class_room.ask()
    late = class_room.press("seat-1", "A", item=1, device="phones")
    assert late == Outcome("rejected", "question_closed")
    assert class_room.press("seat-1", "A", item=2, device="phones") == ACCEPTED
    assert class_room.press("seat-1", "A", item=9, device="phones").code == "no_question_open"


def test_opening_a_question_closes_the_one_before(class_room: Builder) -> None:
    first = class_room.ask()
    class_room.ask()
    assert first.status == "closed"
    closed = [one.event for one in class_room.log if isinstance(one.event, ev.QuestionClosed)]
    assert [event.by for event in closed] == ["next"]


def test_closing_twice_changes_nothing(class_room: Builder) -> None:
    class_room.ask()
    close = cmd.CloseQuestion(lesson=LESSON, question=1)
    assert len(class_room.do(close)) == 1
    assert class_room.do(close) == []


def test_revealing_closes_first_and_tells_the_key(class_room: Builder) -> None:
    question = class_room.ask(key=["B"])
    events = class_room.do(cmd.RevealQuestion(lesson=LESSON, question=1))
    assert [type(event) for event in events] == [ev.QuestionClosed, ev.QuestionRevealed]
    assert isinstance(events[1], ev.QuestionRevealed)
    assert events[1].key == ["B"]
    assert (question.status, question.show) == ("revealed", "key")


def test_the_key_shows_only_by_revealing(class_room: Builder) -> None:
    class_room.ask(key=["B"])
    with pytest.raises(LessonRefused, match="not_revealed"):
        class_room.do(cmd.ShowQuestion(lesson=LESSON, question=1, show="key"))


def test_an_ended_lesson_takes_no_question(class_room: Builder) -> None:
    class_room.do(cmd.EndLesson(lesson=LESSON))
    with pytest.raises(IllegalTransition):
        class_room.ask()


def test_only_one_lesson_is_open(class_room: Builder) -> None:
    with pytest.raises(LessonRefused, match="lesson_open"):
        class_room.open_lesson(lesson="lesson-2")


def test_what_does_not_exist_is_named(class_room: Builder) -> None:
    with pytest.raises(NotThere, match="lesson_unknown"):
        class_room.ask(lesson="lesson-9")
    with pytest.raises(NotThere, match="question_unknown"):
        class_room.do(cmd.CloseQuestion(lesson=LESSON, question=3))
    with pytest.raises(NotThere, match="class_unknown"):
        class_room.do(cmd.ChangeClass(lesson=LESSON, class_id="7-9"))


@pytest.mark.parametrize("timer_s", [0, 4, 3601])
def test_a_timer_must_make_sense(class_room: Builder, timer_s: int) -> None:
    with pytest.raises(LessonRefused, match="timer_out_of_range"):
        class_room.ask(timer_s=timer_s)


class TestClass:
    """Lessons with a roster."""

    @pytest.fixture
    def room(self) -> Builder:
        room = Builder()
        room.do(cmd.ReplaceRoster(class_id="7-3", students=["s1", "s2"], keypads={"0A": "s1"}))
        return room

    def test_binding_a_keypad_files_its_answers_anew(self, room: Builder) -> None:
        room.open_lesson("7-3")
        question = room.ask()
        room.press("0A", "B")
        room.press("0C", "D")
        roll = room.state.classes["7-3"]
        assert set(answers_by_respondent(question, roll)) == {"s1", "0C"}
        room.do(cmd.Bind(class_id="7-3", student="s2", keypad="0C"))
        assert answers_by_respondent(question, roll)["s2"].key == "D"
        room.do(cmd.Unbind(class_id="7-3", keypad="0C"))
        assert set(answers_by_respondent(question, roll)) == {"s1", "0C"}

    def test_changing_the_class_files_anew_and_back(self, room: Builder) -> None:
        room.open_lesson()
        question = room.ask()
        room.press("0A", "B")
        lesson = room.state.lesson
        assert lesson is not None
        for class_id, who in (("7-3", "s1"), (None, "0A")):
            room.do(cmd.ChangeClass(lesson=LESSON, class_id=class_id))
            assert set(answers_by_respondent(question, room.state.roll(lesson))) == {who}

    def test_a_student_with_two_keypads_answers_once(self, room: Builder) -> None:
        room.do(cmd.Bind(class_id="7-3", student="s1", keypad="0B"))
        room.open_lesson("7-3")
        roll = room.state.classes["7-3"]
        last = room.ask()
        room.press("0A", "B")
        room.press("0B", "C")
        assert {who: one.key for who, one in answers_by_respondent(last, roll).items()} == {
            "s1": "C"
        }
        first = room.ask(policy="first_wins")
        room.press("0A", "B")
        assert room.press("0B", "C").code == "first_answer_counts"
        assert answers_by_respondent(first, roll)["s1"].key == "B"

    def test_a_card_marks_attendance(self, room: Builder) -> None:
        room.do(cmd.Bind(class_id="7-3", student="s2", card="hash-2"))
        room.open_lesson("7-3")
        room.record(ev.CardTapped(device="reader", card="hash-2", lesson=LESSON))
        room.record(ev.CardTapped(device="reader", card="hash-9", lesson=LESSON))
        lesson = room.state.lesson
        assert lesson is not None
        assert present(lesson, room.state.roll(lesson)) == {"s2"}

    def test_bindings_follow_a_replaced_roster(self, room: Builder) -> None:
        room.do(cmd.Bind(class_id="7-3", student="s2", keypad="0B"))
        room.do(cmd.ReplaceRoster(class_id="7-3", students=["s3", "s1"]))
        assert room.state.classes["7-3"].keypads == {"0A": "s1"}

    def test_binding_refuses_what_it_does_not_know(self, room: Builder) -> None:
        with pytest.raises(NotThere, match="student_unknown"):
            room.do(cmd.Bind(class_id="7-3", student="s9", keypad="0A"))
        with pytest.raises(LessonRefused, match="binding_unclear"):
            room.do(cmd.Bind(class_id="7-3", student="s1"))
        assert room.do(cmd.Bind(class_id="7-3", student="s1", keypad="0A")) == []


def test_the_place_is_in_the_lesson() -> None:
    room = Builder()
    room.open_lesson()
    opened = room.log[-1].event
    assert isinstance(opened, ev.LessonOpened)
    assert opened.place == PLACE
