from __future__ import annotations

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
    ],
)
def test_what_is_no_answer_says_why(kind: QuestionKind, pressed: str, code: str) -> None:
    with pytest.raises(KeyInvalid, match=code):
        normalise(kind, 4, pressed)


@given(st.sampled_from(["single", "multiple", "true_false", "number"]), st.text(max_size=40))
def test_any_text_is_an_answer_or_a_named_refusal(kind: QuestionKind, pressed: str) -> None:
    try:
        recorded = normalise(kind, 4, pressed)
    except KeyInvalid:
        return
    assert normalise(kind, 4, recorded) == recorded


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
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    kind: QuestionKind, options: list[str], key: list[str] | None, code: str
) -> None:
    with pytest.raises(LessonRefused, match=code):
        check_question(kind, options, key)


def test_right_is_unknown_without_a_key() -> None:
    assert is_right("A", None) is None
    assert is_right("A", ["A"]) is True
    assert is_right("B", ["A"]) is False
