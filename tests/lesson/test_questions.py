from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.lesson.errors import LessonRefused
from agent.lesson.events import QuestionKind
from agent.lesson.questions import KeyInvalid, check_question, is_right, normalise


@pytest.mark.parametrize(
    ("kind", "pressed", "recorded"),
    [
        ("single", "b", "B"),
        ("single", "2", "B"),
        ("single", "\uff22", "B"),
        ("single", " ", ""),
        ("multiple", "ca", "AC"),
        ("multiple", "A,C", "AC"),
        ("multiple", "31", "AC"),
        ("multiple", "AA", "A"),
        ("true_false", "true", "true"),
        ("true_false", "B", "false"),
        ("true_false", "1", "true"),
        ("number", "12.50", "12.5"),
        ("number", "-0", "0"),
        ("number", "+3", "3"),
        ("number", "1200", "1200"),
        ("number", ".5", "0.5"),
        ("number", "\uff11\uff12", "12"),
        ("scale", "3", "3"),
        ("scale", "d", "4"),
        ("order", "bcad", "BCAD"),
        ("order", "2,3,1,4", "BCAD"),
        ("order", "B > C > A > D", "BCAD"),
        ("attendance", "", "here"),
    ],
)
def test_an_answer_has_one_way_to_be_written(
    kind: QuestionKind, pressed: str, recorded: str
) -> None:
    assert normalise(kind, 4, pressed) == recorded


@pytest.mark.parametrize(
    ("kind", "pressed", "code"),
    [
        ("single", "E", "option_unknown"),
        ("single", "5", "option_unknown"),
        ("single", "AB", "one_option_only"),
        ("single", "?", "option_unknown"),
        ("multiple", "AE", "option_unknown"),
        ("multiple", ",", "option_unknown"),
        ("true_false", "C", "option_unknown"),
        ("number", "1e9", "number_unreadable"),
        ("number", "12a", "number_unreadable"),
        ("number", "9" * 21, "number_unreadable"),
        ("number", "nan", "number_unreadable"),
        ("scale", "5", "option_unknown"),
        ("scale", "10", "one_option_only"),
        ("order", "BCA", "order_incomplete"),
        ("order", "BCAA", "order_incomplete"),
        ("order", "BCADB", "order_incomplete"),
        ("order", "BCAE", "option_unknown"),
    ],
)
def test_what_is_no_answer_says_why(kind: QuestionKind, pressed: str, code: str) -> None:
    with pytest.raises(KeyInvalid, match=code):
        normalise(kind, 4, pressed)


@given(st.sampled_from(get_args(QuestionKind)), st.text(max_size=40))
def test_any_text_is_an_answer_or_a_named_refusal(kind: QuestionKind, pressed: str) -> None:
    try:
        recorded = normalise(kind, 4, pressed)
    except KeyInvalid:
        return
    assert normalise(kind, 4, recorded) == recorded


def test_the_tenth_step_of_a_scale_is_0_on_a_keypad_with_digits() -> None:
    assert [normalise("scale", 10, key) for key in ("10", "0", "J")] == ["10"] * 3


@pytest.mark.parametrize(
    ("given", "key", "right", "wrong"),
    [
        ("12.50 ± .1", "12.5±0.1", ["12.4", "12.6", "12.50"], ["12.61", "12.39", "-12.5"]),
        ("-3+/-0.5", "-3±0.5", ["-3.5", "-2.5"], ["-2.49", "3"]),
        ("10..12", "10..12", ["10", "11.999", "12"], ["9.9", "12.01"]),
        ("-2 ~ -1", "-2..-1", ["-1.5"], ["1.5"]),
        ("5±0", "5", ["5"], ["5.01"]),
        ("\uff15\uff0e\uff15", "5.5", ["5.5"], ["5"]),
    ],
)
def test_a_number_is_right_within_its_tolerance_or_range(
    given: str, key: str, right: list[str], wrong: list[str]
) -> None:
    checked = check_question("number", [], [given])[1]
    assert checked == [key]
    assert check_question("number", [], checked)[1] == checked
    for typed in right:
        assert is_right(normalise("number", 0, typed), checked, "number")
    for typed in wrong:
        assert not is_right(normalise("number", 0, typed), checked, "number")


def test_a_key_may_be_written_in_two_ways() -> None:
    assert check_question("multiple", ["", "", ""], ["C", "A"])[1] == ["AC"]
    assert check_question("multiple", ["", "", ""], ["AC"])[1] == ["AC"]
    assert check_question("number", [], ["12.50", "13"])[1] == ["12.5", "13"]
    assert check_question("single", ["x", "y"], None) == (["x", "y"], None)


@pytest.mark.parametrize(
    ("kind", "options", "key", "code"),
    [
        ("single", ["only"], None, "options_count"),
        ("single", ["x"] * 11, None, "options_count"),
        ("number", ["x"], None, "options_count"),
        ("single", ["x", "y" * 201], None, "option_too_long"),
        ("single", ["x", "y"], ["C"], "key_invalid"),
        ("single", ["x", "y"], [], "key_invalid"),
        ("number", [], [""], "key_invalid"),
        ("number", [], ["5±-1"], "key_invalid"),
        ("number", [], ["12..10"], "key_invalid"),
        ("number", [], ["1±1±1"], "key_invalid"),
        ("number", [], ["about 5"], "key_invalid"),
        ("order", ["", ""], None, "options_count"),
        ("order", [""] * 9, None, "options_count"),
        ("order", [""] * 3, ["AB"], "key_invalid"),
        ("scale", [""], None, "options_count"),
        ("scale", [""] * 5, ["3"], "key_invalid"),
        ("text", ["x"], None, "options_count"),
        ("attendance", [], ["here"], "key_invalid"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    kind: QuestionKind, options: list[str], key: list[str] | None, code: str
) -> None:
    with pytest.raises(LessonRefused, match=code):
        check_question(kind, options, key)


def test_right_is_unknown_without_a_key() -> None:
    assert is_right("A", None, "single") is None
    assert is_right("A", ["A"], "single") is True
    assert is_right("B", ["A"], "single") is False
