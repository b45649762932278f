from __future__ import annotations

import pytest

from agent.lesson import commands as cmd
from agent.lesson import events as ev
from agent.lesson.errors import IllegalTransition, LessonRefused, NotThere
from agent.lesson.model import TEACHER, State, answers_by_respondent, present
from agent.lesson.replay import replay
from drivers.capabilities import Outcome
from tests.lesson.builder import LESSON, Builder


@pytest.fixture
def room() -> Builder:
    room = Builder()
    room.do(cmd.ReplaceRoster(class_id="7-3", students=["s1", "s2"], keypads={"0A": "s1"}))
    room.open_lesson("7-3")
    room.ask(key=["A"])
    return room


def answers(room: Builder, number: int = 1) -> dict[str, str]:
    lesson = room.state.lessons[-1]
    found = answers_by_respondent(lesson.questions[number - 1], room.state.roll(lesson))
    return {who: one.key for who, one in found.items()}


def test_an_answer_entered_for_a_student_without_a_keypad_counts_and_is_marked(
    room: Builder,
) -> None:
    room.enter("s2", "b")
    assert answers(room) == {"s2": "B"}
    assert room.question.entered["s2"].device == TEACHER
    recorded = room.log[-1].event
    assert b'"source":"teacher"' in ev.encode_body(recorded)
    lesson = room.state.lessons[-1]
    assert "s2" in present(lesson, room.state.roll(lesson))
    assert replay(room.log, State(epoch=7)) == room.state


def test_a_correction_stands_against_the_own_presses_until_it_is_withdrawn(room: Builder) -> None:
    room.press("0A", "C")
    late_ns = room.now_ns
    room.enter("s1", "A")
    assert answers(room) == {"s1": "A"}
    told = Outcome("rejected", "answer_entered")
    assert room.press("0A", "D", mono_ns=late_ns) == told  # pressed before, comes late
    assert room.press("0A", "D") == told
    assert answers(room) == {"s1": "A"}
    room.enter("s1", "")
    assert answers(room) == {}
    room.enter("s1", None)
    assert answers(room) == {"s1": "C"}
    assert room.press("0A", "D") == Outcome("changed")
    assert answers(room) == {"s1": "D"}


def test_under_first_answer_counts_a_correction_counts_all_the_same(room: Builder) -> None:
    room.ask(policy="first_wins")
    room.press("0A", "C")
    room.enter("s1", "B", 2)
    assert answers(room, 2) == {"s1": "B"}


def test_an_answer_is_entered_after_the_close_the_key_and_the_lesson(room: Builder) -> None:
    room.close()
    room.enter("s1", "B")
    room.do(cmd.RevealQuestion(lesson=LESSON, question=1))
    room.enter("s1", "C")
    room.do(cmd.EndLesson(lesson=LESSON))
    room.enter("s1", "A")
    assert answers(room) == {"s1": "A"}
    assert room.do(cmd.EnterAnswer(lesson=LESSON, question=1, who="s1", key="A")) == []


def test_an_answer_entered_for_a_keypad_follows_it_to_its_student(room: Builder) -> None:
    room.press("0B", "C")
    room.enter("0B", "A")
    assert answers(room) == {"0B": "A"}
    room.do(cmd.Bind(class_id="7-3", student="s2", keypad="0B"))
    assert answers(room) == {"s2": "A"}
    assert room.press("0B", "D").code == "answer_entered"
    room.enter("s2", "B")  # the newest of both stands
    assert answers(room) == {"s2": "B"}
    room.enter("0B", "D")  # the keypad names its student
    assert answers(room) == {"s2": "D"}


def test_nobody_unknown_and_no_nonsense_is_entered(room: Builder) -> None:
    for who in ("s9", "0F", ""):
        with pytest.raises(NotThere, match="respondent_unknown"):
            room.enter(who, "A")
    with pytest.raises(LessonRefused, match="answer_invalid"):
        room.enter("s1", "E")
    room.ask("buzz")
    with pytest.raises(LessonRefused, match="answer_unfit"):
        room.enter("s1", "buzz", 2)


def test_in_a_call_a_student_is_entered_as_here_and_taken_out_again(room: Builder) -> None:
    room.ask("attendance")
    room.enter("s2", "A", 2)
    assert answers(room, 2) == {"s2": "here"}
    room.enter("s2", "", 2)
    assert answers(room, 2) == {}


def test_a_void_question_stays_on_record_and_the_one_before_is_there_again(room: Builder) -> None:
    first = room.question
    room.press("0A", "A")
    second = room.ask()
    room.press("0A", "B")
    late_ns = room.now_ns
    room.void(2)
    assert (second.status, second.void, second.answers["0A"].key) == ("closed", True, "B")
    assert room.state.lessons[-1].current is first
    # late presses of the time when it was open are kept with it
    assert room.press("0B", "C", mono_ns=late_ns) == Outcome("accepted")
    assert second.answers["0B"].key == "C"
    with pytest.raises(IllegalTransition):
        room.do(cmd.RevealQuestion(lesson=LESSON, question=2))
    room.restore(2)
    assert room.state.lessons[-1].current is second
    assert replay(room.log, State(epoch=7)) == room.state


def test_beside_a_void_question_the_one_before_is_opened_again_and_answered(room: Builder) -> None:
    first = room.question
    room.ask()
    room.void(2)
    room.reopen(1)
    assert room.press("0A", "D") == Outcome("accepted")
    assert first.answers["0A"].key == "D"
    with pytest.raises(LessonRefused, match="question_open"):
        room.restore(2)
    room.close(1)
    room.restore(2)
    at_ns = room.now_ns
    # a press of when the first was open again still finds it
    assert room.press("0B", "A", mono_ns=at_ns - 2_500_000) == Outcome("accepted")
    assert set(first.answers) == {"0A", "0B"}


def test_a_lesson_whose_only_question_is_void_has_none(room: Builder) -> None:
    room.void()
    assert room.state.lessons[-1].current is None
    assert room.press("0A", "A") == Outcome("rejected", "no_question_open")
    assert room.do(cmd.VoidQuestion(lesson=LESSON, question=1)) == []
    room.restore()
    assert room.do(cmd.RestoreQuestion(lesson=LESSON, question=1)) == []
