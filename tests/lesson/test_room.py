"""What a presenter's keys do to a lesson, and what becomes of a sensor's values."""

from __future__ import annotations

import math

import pytest

from agent.lesson import commands as cmd
from agent.lesson import events as ev
from agent.lesson import room as rules
from agent.lesson.model import LastMeasurement, Moment
from agent.lesson.replay import replay
from drivers.readings import Measurement, RemoteAction, RemoteKey, Stroke, ToolLifted
from tests.lesson.builder import LESSON, Builder

ACTIONS: tuple[RemoteAction, ...] = ("next", "previous", "start", "blank")


class Lesson(Builder):
    """A lesson whose teacher has a presenter."""

    def __init__(self) -> None:
        super().__init__()
        self.open_lesson()

    def key(self, action: RemoteAction) -> list[ev.Event]:
        self.now_ns += 1_000_000
        events = rules.decide_remote_key(self.state, action)
        for event in events:
            self.record(event)
        return events

    def show(self, show: ev.Show) -> None:
        self.do(cmd.ShowQuestion(lesson=LESSON, question=self.question.number, show=show))

    @property
    def seen(self) -> tuple[str, str]:
        return self.question.status, self.question.show


@pytest.fixture
def lesson() -> Lesson:
    return Lesson()


@pytest.mark.parametrize("action", ACTIONS)
def test_without_a_lesson_or_a_question_a_key_does_nothing(action: RemoteAction) -> None:
    room = Builder()
    assert rules.decide_remote_key(room.state, action) == []
    room.open_lesson()
    assert rules.decide_remote_key(room.state, action) == []
    room.ask()
    room.do(cmd.EndLesson(lesson=LESSON))
    assert rules.decide_remote_key(room.state, action) == []


def test_next_closes_then_reveals_then_has_nothing_left(lesson: Lesson) -> None:
    lesson.ask(key=["B"])
    assert lesson.key("next") == [ev.QuestionClosed(lesson=LESSON, question=1, by="teacher")]
    assert lesson.key("next") == [ev.QuestionRevealed(lesson=LESSON, question=1, key=["B"])]
    assert lesson.seen == ("revealed", "key")
    assert lesson.key("next") == []


def test_start_reveals_and_closes_first_if_need_be(lesson: Lesson) -> None:
    lesson.ask()
    kinds = [type(event) for event in lesson.key("start")]
    assert kinds == [ev.QuestionClosed, ev.QuestionRevealed]
    assert lesson.key("start") == []


def test_blank_hides_what_the_room_sees_and_brings_it_back(lesson: Lesson) -> None:
    lesson.ask()
    assert lesson.key("blank") == []  # nothing but the question is shown
    for show in ("count", "distribution"):
        lesson.show(show)
        lesson.key("blank")
        assert lesson.seen == ("open", "hidden")
        lesson.key("blank")
        assert lesson.seen == ("open", show)
    lesson.key("start")
    lesson.key("blank")
    assert lesson.seen == ("revealed", "hidden")
    lesson.key("blank")
    assert lesson.seen == ("revealed", "key")


def test_what_was_blanked_before_the_reveal_does_not_come_back_after_it(lesson: Lesson) -> None:
    lesson.ask(key=["A"])
    lesson.show("count")
    lesson.key("blank")
    lesson.key("next")
    lesson.key("next")
    assert lesson.seen == ("revealed", "key")
    assert lesson.question.hid is None


def test_next_shows_the_key_again_that_was_hidden(lesson: Lesson) -> None:
    lesson.ask()
    lesson.key("start")
    lesson.key("blank")
    lesson.key("next")
    assert lesson.seen == ("revealed", "key")


def test_previous_shows_the_room_a_step_less(lesson: Lesson) -> None:
    lesson.ask()
    lesson.key("start")
    shown = []
    for _ in range(4):
        lesson.key("previous")
        shown.append(lesson.question.show)
    assert shown == ["distribution", "count", "hidden", "hidden"]
    assert lesson.question.status == "revealed"


def test_a_key_means_the_newest_question(lesson: Lesson) -> None:
    lesson.ask()
    lesson.ask()
    lesson.key("next")
    assert [one.status for one in lesson.state.lessons[-1].questions] == ["closed", "closed"]
    assert lesson.question.number == 2


def test_the_state_after_keys_is_that_of_a_replay(lesson: Lesson) -> None:
    lesson.ask(key=["A"])
    lesson.show("count")
    for action in ("blank", "blank", "next", "next", "previous", "blank", "start"):
        lesson.key(action)
    again = replay(lesson.log, type(lesson.state)(epoch=7))
    assert again == lesson.state


def test_the_newest_value_of_each_sensor_is_kept(lesson: Lesson) -> None:
    for device, value, at_ns in (("air", 812.0, 5), ("scale", 1.5, 6), ("air", 900.0, 7)):
        one = Measurement(device=device, mono_ns=at_ns, quantity="q", value=value, unit="u")
        [event] = rules.decide_reading(lesson.state, one)
        assert event == ev.Measured(device=device, quantity="q", value=value, unit="u")
        lesson.record(event, at_ns)
    assert lesson.state.measured == {
        "air": LastMeasurement("q", 900.0, "u", Moment(1, 7)),
        "scale": LastMeasurement("q", 1.5, "u", Moment(1, 6)),
    }


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_is_no_number_is_no_event(lesson: Lesson, value: float) -> None:
    one = Measurement(device="air", mono_ns=5, quantity="q", value=value, unit="")
    assert rules.decide_reading(lesson.state, one) == []


def test_a_reading_without_a_rule_is_no_event(lesson: Lesson) -> None:
    lesson.ask()
    known = RemoteKey(device="d", mono_ns=5, action="next")
    for one in (
        Stroke(device="d", mono_ns=5, points=((0.0, 0.0, 0),)),
        ToolLifted(device="d", mono_ns=5, tool="pen-red", lifted=True),
    ):
        assert bool(rules.decide_reading(lesson.state, one)) is (type(one) in rules.RULES)
    assert rules.decide_reading(lesson.state, known)
