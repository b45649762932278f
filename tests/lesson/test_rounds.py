from __future__ import annotations

import pytest

from agent.lesson import commands as cmd
from agent.lesson import events as ev
from agent.lesson.errors import IllegalTransition, LessonRefused
from agent.lesson.model import ClassRoll, State
from agent.lesson.replay import replay
from agent.lesson.rounds import Comparison, advice, compare, comparisons
from drivers.capabilities import Outcome
from tests.lesson.builder import LESSON, Builder

FIGURES = ("stayed_right", "won", "lost", "stayed_wrong")


def two_rounds(before: str, after: str, key: list[str] | None = None) -> Builder:
    """A letter a keypad; "." does not answer."""
    room = Builder()
    room.open_lesson()
    room.ask(key=["A"] if key is None else key)
    for number, letters in enumerate((before, after), start=1):
        for place, letter in enumerate(letters):
            if letter != ".":
                room.press(f"{place:02X}", letter)
        room.close(number)
        if number == 1:
            room.again()
    return room


def compared(before: str, after: str) -> Comparison:
    first, second = two_rounds(before, after).state.lessons[-1].questions
    return compare(first, second, None)


def figures(one: Comparison) -> tuple[int | None, ...]:
    return tuple(getattr(one, name) for name in FIGURES)


def test_a_round_is_the_same_question_and_keeps_the_answers_before() -> None:
    room = Builder()
    room.open_lesson()
    room.ask("multiple", 3, key=["A", "C"], policy="first_wins", timer_s=60)
    room.press("0A", "AB")
    second = room.again()
    first = room.state.lessons[-1].questions[0]
    assert (first.status, first.answers["0A"].key) == ("closed", "AB")
    assert (second.number, second.repeats, second.round, second.place) == (2, 1, 2, 1)
    for same in ("kind", "options", "key", "policy", "timer_s", "text", "points", "prepared"):
        assert getattr(second, same) == getattr(first, same)
    room.press("0A", "AC")
    assert (first.answers["0A"].key, second.answers["0A"].key) == ("AB", "AC")
    third = room.again(2)  # of whatever round it is asked, the rounds are counted from the first
    assert (third.number, third.repeats, third.round) == (3, 1, 3)
    assert room.ask().place == 2


def test_a_late_press_counts_for_the_round_in_which_it_was_pressed() -> None:
    room = Builder()
    room.open_lesson()
    first = room.ask()
    pressed_ns = room.now_ns + 1
    second = room.again()
    assert room.press("0A", "B", mono_ns=pressed_ns) == Outcome("accepted")
    assert (first.answers["0A"].key, second.answers) == ("B", {})


@pytest.mark.parametrize(
    ("before", "after", "cells", "gain", "outcome"),
    [
        ("AABB", "ABAB", (1, 1, 1, 1), 0.0, "none"),
        ("ABBBB", "AAAAB", (1, 3, 0, 1), 0.75, "high"),
        ("ABBBB", "AAABB", (1, 2, 0, 2), 0.5, "medium"),
        ("BBBBB", "ABBBB", (0, 1, 0, 4), 0.2, "low"),
        ("AAB", "BBB", (0, 0, 2, 1), -2.0, "lost"),
        ("AAA", "AAA", (3, 0, 0, 0), None, "all_right"),
        ("AAA", "AAB", (2, 0, 1, 0), None, "lost"),
        ("A.", ".B", (0, 0, 0, 0), None, "nobody"),
    ],
)
def test_the_paired_table_and_its_normalised_gain(
    before: str, after: str, cells: tuple[int, ...], gain: float | None, outcome: str
) -> None:
    one = compared(before, after)
    assert figures(one) == cells
    assert (one.gain, one.outcome) == (gain, outcome)
    if gain is not None:
        pre, post = (cells[0] + cells[2]) / one.both, (cells[0] + cells[1]) / one.both
        assert gain == pytest.approx((post - pre) / (1 - pre))


def test_only_who_answered_in_both_rounds_is_compared() -> None:
    one = compared("AB.B", "A.AA")
    assert (one.both, one.only_first, one.only_second) == (2, 1, 1)
    assert figures(one) == (1, 1, 0, 0)


def test_a_student_is_paired_over_two_keypads() -> None:
    first, second = two_rounds("B.", ".A").state.lessons[-1].questions
    roll = ClassRoll(students=["s1"], keypads={"00": "s1", "01": "s1"})
    assert (compare(first, second, roll).won, compare(first, second, None).won) == (1, 0)


def test_rounds_of_a_poll_tell_who_changed_and_no_gain() -> None:
    room = Builder()
    room.open_lesson()
    room.ask()
    room.press("0A", "A")
    room.press("0B", "A")
    room.again()
    room.press("0A", "A")
    room.press("0B", "C")
    [one] = comparisons(room.state.lessons[-1], room.question, None)
    assert (one.both, one.changed, one.won, one.gain, one.outcome) == (2, 1, None, None, None)


def test_each_round_is_compared_with_the_one_before_and_void_ones_are_left_out() -> None:
    room = two_rounds("BB", "AB")
    room.again()
    room.press("00", "A")
    room.press("01", "A")
    lesson = room.state.lessons[-1]
    pairs = comparisons(lesson, room.question, None)
    assert [(one.first, one.second, one.won) for one in pairs] == [(1, 2, 1), (2, 3, 1)]
    room.void(2)
    [over] = comparisons(lesson, room.question, None)
    assert (over.first, over.second, over.won) == (1, 3, 2)


def test_a_round_after_the_key_was_revealed_says_so() -> None:
    room = two_rounds("BB", "BB")
    room.do(cmd.RevealQuestion(lesson=LESSON, question=2))
    room.again()
    room.press("00", "A")
    pairs = comparisons(room.state.lessons[-1], room.question, None)
    assert [one.known for one in pairs] == [False, True]


@pytest.mark.parametrize(
    ("right", "answered", "expected"),
    [
        (34, 100, "explain"),
        (35, 100, "discuss"),
        (70, 100, "discuss"),
        (71, 100, "go_on"),
        (1, 1, None),
        (None, 9, None),
    ],
)
def test_a_discussion_is_advised_where_it_wins_most(
    right: int | None, answered: int, expected: str | None
) -> None:
    question = two_rounds("AB", "AB").question
    assert advice(question, right, answered) == expected
    question.status = "open"
    assert advice(question, right, answered) is None


def test_a_buzz_in_and_a_void_question_have_no_next_round() -> None:
    room = Builder()
    room.open_lesson()
    room.ask("buzz")
    with pytest.raises(LessonRefused, match="round_unfit"):
        room.again()
    room.ask()
    room.void(2)
    with pytest.raises(IllegalTransition):
        room.again(2)


def test_the_key_of_a_round_stays_on_the_board_like_that_of_the_first() -> None:
    room = two_rounds("A", "A")
    opened = [one.event for one in room.log if isinstance(one.event, ev.QuestionOpened)][1]
    assert opened.key == ["A"]
    assert b'"key"' not in ev.public_body("QuestionOpened", ev.encode_body(opened))
    assert replay(room.log, State(epoch=7)) == room.state
