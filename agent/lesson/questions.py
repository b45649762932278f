"""The kinds of question: what a valid answer is, and when it is right."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from agent.lesson.errors import LessonRefused
from agent.lesson.events import QuestionKind

MAX_OPTIONS = 10
MIN_OPTIONS = 2
MAX_OPTION_CHARS = 200
MAX_TEXT_CHARS = 2000
MAX_POINTS = 10
MAX_POINT_CHARS = 40
TIMER_S = range(5, 3601)
LETTERS = "ABCDEFGHIJ"
DIGITS = "1234567890"
BUZZ = "buzz"
"""What a press of any key is written as, where only its time counts."""
MAX_NUMBER_CHARS = 20
_TRUE = {"TRUE", "T", "A", "1", "Y"}
_FALSE = {"FALSE", "F", "B", "2", "N"}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")


class KeyInvalid(ValueError):
    """A press that is no answer to the question. `code` is what its person is told."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def normalise(kind: QuestionKind, options: int, key: str) -> str:
    """The one way this answer is written; "" takes the answer back.

    A keypad with digits answers a choice by the option's number, one with letters answers
    true/false by A and B; any key is a buzz.

    Raises:
        KeyInvalid: option_unknown, one_option_only or number_unreadable.
    """
    if kind == "single" and len(key) == 1 and key in LETTERS[:options]:
        return key  # what nearly every press is
    if kind == "buzz":
        return BUZZ
    text = unicodedata.normalize("NFKC", key).strip().upper()
    if not text:
        return ""
    match kind:
        case "single":
            letter = _letter(text, options) if len(text) == 1 else None
            if letter is None:
                raise KeyInvalid("option_unknown" if len(text) == 1 else "one_option_only")
            return letter
        case "multiple":
            letters = {_letter(char, options) for char in text if char not in " ,;"}
            if None in letters or not letters:
                raise KeyInvalid("option_unknown")
            return "".join(sorted(letter for letter in letters if letter))
        case "true_false":
            if text in _TRUE:
                return "true"
            if text in _FALSE:
                return "false"
            raise KeyInvalid("option_unknown")
        case "number":
            return _number(text)


def _letter(char: str, options: int) -> str | None:
    if char in DIGITS:
        char = LETTERS[DIGITS.index(char)]
    place = LETTERS.find(char)
    return char if 0 <= place < options else None


def _number(text: str) -> str:
    if len(text) > MAX_NUMBER_CHARS or not _NUMBER.fullmatch(text):
        raise KeyInvalid("number_unreadable")
    try:
        value = Decimal(text).normalize()
    except InvalidOperation as error:
        raise KeyInvalid("number_unreadable") from error
    return "0" if value == 0 else format(value, "f")


def check_question(
    kind: QuestionKind, options: Sequence[str], key: Sequence[str] | None
) -> tuple[list[str], list[str] | None]:
    """The options and the key as the event records them.

    Raises:
        LessonRefused: options_count, option_too_long or key_invalid.
    """
    checked = [option.strip() for option in options]
    if kind in ("single", "multiple"):
        if not MIN_OPTIONS <= len(checked) <= MAX_OPTIONS:
            hint = f"give {MIN_OPTIONS} to {MAX_OPTIONS} options"
            raise LessonRefused("options_count", "options", hint)
    elif checked:
        raise LessonRefused("options_count", "options", f"a {kind} question has no options")
    if any(len(option) > MAX_OPTION_CHARS for option in checked):
        hint = f"at most {MAX_OPTION_CHARS} characters an option"
        raise LessonRefused("option_too_long", "options", hint)
    if key is None:
        return checked, None
    if kind == "buzz":
        raise LessonRefused("key_invalid", "key", "a buzz-in has no key; give null")
    # ["A", "C"] and ["AC"] are the same key of a multiple choice; elsewhere each entry is right.
    entries = ["".join(key)] if kind == "multiple" else list(key)
    try:
        right = [normalise(kind, len(checked), entry) for entry in entries]
    except KeyInvalid as error:
        raise LessonRefused("key_invalid", "key", f"the key is no answer: {error.code}") from error
    if not right or "" in right:
        raise LessonRefused("key_invalid", "key", "name at least one right answer, or give null")
    return checked, sorted(set(right))


def check_text(text: str, points: Sequence[str]) -> str:
    """The question's text as the event records it.

    Raises:
        LessonRefused: text_too_long or points_too_many.
    """
    if len(text.strip()) > MAX_TEXT_CHARS:
        raise LessonRefused("text_too_long", "text", f"at most {MAX_TEXT_CHARS} characters")
    if len(points) > MAX_POINTS or any(len(point) > MAX_POINT_CHARS for point in points):
        hint = f"at most {MAX_POINTS} knowledge points, of {MAX_POINT_CHARS} characters each"
        raise LessonRefused("points_too_many", "points", hint)
    return text.strip()


def is_right(answer: str, key: Sequence[str] | None) -> bool | None:
    """Whether a normalised answer is right; None if the question has no key."""
    return None if key is None else answer in key


def bar_keys(kind: QuestionKind, options: int) -> list[str] | None:
    """The bars a distribution always has, even empty; None where answers make them.

    A buzz-in has an order instead of bars.
    """
    if kind in ("single", "multiple"):
        return list(LETTERS[:options])
    if kind == "buzz":
        return []
    return ["true", "false"] if kind == "true_false" else None
