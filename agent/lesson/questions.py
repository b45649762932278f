"""The kinds of question: what a valid answer is, and when it is right."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence

from agent.lesson.errors import LessonRefused
from agent.lesson.events import QuestionKind
from agent.lesson.numbers import fits, number_key, one_number
from agent.lesson.writing import MAX_ANSWER_CHARS, clean, is_right_text

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
HERE = "here"
"""What a press of any key is written as, where it is called who is there."""
MIN_ORDER, MAX_ORDER = 3, 8
_OPTIONS: dict[QuestionKind, range] = {
    "single": range(MIN_OPTIONS, MAX_OPTIONS + 1),
    "multiple": range(MIN_OPTIONS, MAX_OPTIONS + 1),
    "scale": range(MIN_OPTIONS, MAX_OPTIONS + 1),
    "order": range(MIN_ORDER, MAX_ORDER + 1),
}
"""How many options a kind may have; others have none."""
KEYLESS: tuple[QuestionKind, ...] = ("buzz", "scale", "attendance")
"""Where no answer is right or wrong."""
_TRUE = {"TRUE", "T", "A", "1", "Y"}
_FALSE = {"FALSE", "F", "B", "2", "N"}


class KeyInvalid(ValueError):
    """A press that is no answer to the question. `code` is what its person is told."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def normalise(kind: QuestionKind, options: int, key: str) -> str:
    """The one way this answer is written; "" takes the answer back.

    A keypad with digits answers a choice by the option's number, one with letters answers
    true/false by A and B and a scale by A for its first step; any key is a buzz, and is here.

    Raises:
        KeyInvalid: option_unknown, one_option_only, number_unreadable, order_incomplete or
            text_too_long.
    """
    if kind == "single" and len(key) == 1 and key in LETTERS[:options]:
        return key  # what nearly every press is
    if kind in _ANY_KEY:
        return _ANY_KEY[kind]
    if kind == "text":
        return _text(key)
    text = unicodedata.normalize("NFKC", key).strip().upper()
    return _READ[kind](text, options) if text else ""


def _single(text: str, options: int) -> str:
    letter = _letter(text, options) if len(text) == 1 else None
    if letter is None:
        raise KeyInvalid("option_unknown" if len(text) == 1 else "one_option_only")
    return letter


def _multiple(text: str, options: int) -> str:
    letters = {_letter(char, options) for char in text if char not in " ,;"}
    if None in letters or not letters:
        raise KeyInvalid("option_unknown")
    return "".join(sorted(letter for letter in letters if letter))


def _true_false(text: str, _: int) -> str:
    if text not in _TRUE | _FALSE:
        raise KeyInvalid("option_unknown")
    return "true" if text in _TRUE else "false"


def _letter(char: str, options: int) -> str | None:
    if char in DIGITS:
        char = LETTERS[DIGITS.index(char)]
    place = LETTERS.find(char)
    return char if 0 <= place < options else None


def _number(text: str, _: int) -> str:
    try:
        return one_number(text)
    except ValueError as error:
        raise KeyInvalid("number_unreadable") from error


def _step(text: str, steps: int) -> str:
    if text == str(MAX_OPTIONS) and steps == MAX_OPTIONS:
        return text
    return str(LETTERS.index(_single(text, steps)) + 1)


def _order(text: str, options: int) -> str:
    letters = [_letter(char, options) for char in text if char not in " ,;>"]
    if None in letters:
        raise KeyInvalid("option_unknown")
    if len(letters) != options or len(set(letters)) != options:
        raise KeyInvalid("order_incomplete")
    return "".join(letter for letter in letters if letter)


def _text(key: str) -> str:
    text = clean(key)
    if len(text) > MAX_ANSWER_CHARS:
        raise KeyInvalid("text_too_long")
    return text


_ANY_KEY: dict[QuestionKind, str] = {"buzz": BUZZ, "attendance": HERE}
_READ: dict[QuestionKind, Callable[[str, int], str]] = {
    "single": _single,
    "multiple": _multiple,
    "true_false": _true_false,
    "number": _number,
    "scale": _step,
    "order": _order,
}


def check_question(
    kind: QuestionKind, options: Sequence[str], key: Sequence[str] | None
) -> tuple[list[str], list[str] | None]:
    """The options and the key as the event records them.

    Raises:
        LessonRefused: options_count, option_too_long or key_invalid.
    """
    checked = [option.strip() for option in options]
    counts = _OPTIONS.get(kind)
    if counts is None and checked:
        raise LessonRefused("options_count", "options", f"a {kind} question has no options")
    if counts is not None and len(checked) not in counts:
        hint = f"give {counts.start} to {counts.stop - 1} options"
        raise LessonRefused("options_count", "options", hint)
    if any(len(option) > MAX_OPTION_CHARS for option in checked):
        hint = f"at most {MAX_OPTION_CHARS} characters an option"
        raise LessonRefused("option_too_long", "options", hint)
    if key is None:
        return checked, None
    if kind in KEYLESS:
        raise LessonRefused("key_invalid", "key", f"a {kind} question has no key; give null")
    # ["A", "C"] and ["AC"] are the same key of a multiple choice; elsewhere each entry is right.
    entries = ["".join(key)] if kind == "multiple" else list(key)
    try:
        right = [_key(kind, len(checked), entry) for entry in entries]
    except ValueError as error:
        raise LessonRefused("key_invalid", "key", f"the key is no answer: {error}") from error
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


def _key(kind: QuestionKind, options: int, entry: str) -> str:
    if kind == "number":
        plain = unicodedata.normalize("NFKC", entry)
        return number_key(plain) if plain.strip() else ""
    return normalise(kind, options, entry)


def is_right(answer: str, key: Sequence[str] | None, kind: QuestionKind) -> bool | None:
    """Whether a normalised answer is right; None if the question has no key."""
    if key is None:
        return None
    if kind == "number":
        return any(fits(answer, entry) for entry in key)
    return is_right_text(answer, key) if kind == "text" else answer in key


def bar_keys(kind: QuestionKind, options: int) -> list[str] | None:
    """The bars a distribution always has, even empty; None where answers make them.

    A buzz-in has an order instead of bars, a call a count, and texts are shown one by one.
    """
    match kind:
        case "single" | "multiple":
            return list(LETTERS[:options])
        case "true_false":
            return ["true", "false"]
        case "scale":
            return [str(step) for step in range(1, options + 1)]
        case "number" | "order":
            return None
        case "buzz" | "attendance" | "text":
            return []
