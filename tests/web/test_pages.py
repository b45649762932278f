from __future__ import annotations

import pytest

from agent.lesson import commands as cmd
from agent.lesson.events import QuestionKind
from agent.lesson.model import answers_by_respondent
from agent.web.distribution import MAX_NUMBER_BARS, bars
from tests.lesson.builder import LESSON, Builder


def distribution(
    kind: QuestionKind, presses: list[str], key: list[str] | None, *, with_key: bool = True
) -> list[tuple[str, int, bool | None]]:
    lesson = Builder()
    lesson.open_lesson()
    question = lesson.ask(kind, key=key)
    for number, press in enumerate(presses):
        lesson.press(f"{number:08X}", press)
    answers = answers_by_respondent(question, None).values()
    return [(bar.key, bar.count, bar.right) for bar in bars(question, answers, with_key=with_key)]


@pytest.mark.parametrize(
    ("kind", "presses", "key", "expected"),
    [
        (
            "single", ["A", "B", "B", ""], ["B"],
            [("A", 1, False), ("B", 2, True), ("C", 0, False), ("D", 0, False)],
        ),
        ("single", [], None, [(letter, 0, None) for letter in "ABCD"]),
        (
            "single", ["A"], ["A", "C"],
            [("A", 1, True), ("B", 0, False), ("C", 0, True), ("D", 0, False)],
        ),
        (
            "multiple", ["AC", "CA", "A", "BD"], ["A", "C"],
            [("A", 3, True), ("B", 1, False), ("C", 2, True), ("D", 1, False)],
        ),
        ("true_false", ["A", "B", "B"], ["false"], [("true", 1, False), ("false", 2, True)]),
        (
            "number", ["12.5", "12.50", "7", "-3"], ["12.5"],
            [("12.5", 2, True), ("7", 1, False), ("-3", 1, False)],
        ),
        ("number", [], ["1"], []),
        (
            "order", ["BCAD", "2314", "ABCD"], ["ABCD"],
            [("BCAD", 2, False), ("ABCD", 1, True)],
        ),
        (
            "scale", ["1", "5", "E"], None,
            [("1", 1, None), ("2", 0, None), ("3", 0, None), ("4", 0, None), ("5", 2, None)],
        ),
        ("attendance", ["A"], None, []),
        ("text", ["A"], ["a"], []),
    ],
)  # fmt: skip
def test_bars(
    kind: QuestionKind,
    presses: list[str],
    key: list[str] | None,
    expected: list[tuple[str, int, bool | None]],
) -> None:
    assert distribution(kind, presses, key) == expected
    for name, _, right in distribution(kind, presses, key, with_key=False):
        assert right is None
        assert "±" not in name


def test_what_is_right_within_a_tolerance_has_one_bar_once_the_answer_is_known() -> None:
    lesson = Builder()
    lesson.open_lesson()
    question = lesson.ask("number", key=["12.5±0.1"])
    for number, press in enumerate(["12.45", "7", "12.5", "7", "12.61", "12.6"]):
        lesson.press(f"{number:08X}", press)
    answers = question.answers.values()
    before = bars(question, answers, with_key=True)
    assert [bar.key for bar in before if bar.right] == ["12.45", "12.5", "12.6"]
    lesson.do(cmd.RevealQuestion(lesson=LESSON, question=1))
    after = [(bar.key, bar.count, bar.right) for bar in bars(question, answers, with_key=True)]
    assert after == [("12.5±0.1", 3, True), ("7", 2, False), ("12.61", 1, False)]


def test_the_rarest_numbers_share_a_bar() -> None:
    presses = [str(number) for number in range(MAX_NUMBER_BARS + 5)] + ["0", "1"]
    found = distribution("number", presses, None)
    assert found[:3] == [("0", 2, None), ("1", 2, None), ("2", 1, None)]
    assert len(found) == MAX_NUMBER_BARS + 1
    assert found[-1] == ("other", 5, None)


def test_a_right_number_has_a_bar_of_its_own_once_the_key_may_be_seen() -> None:
    presses = [str(number) for number in range(MAX_NUMBER_BARS + 5)]
    found = distribution("number", presses, ["16"])
    assert found[-2:] == [("16", 1, True), ("other", 4, False)]
    hidden = distribution("number", presses, ["16"], with_key=False)
    assert hidden[-1] == ("other", 5, None)
    assert "16" not in [key for key, _, _ in hidden]
