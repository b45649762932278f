"""Aiken: a text, options that begin with letters, and a line `ANSWER: B`."""

from __future__ import annotations

import re
from typing import NamedTuple

from agent.lesson.questions import LETTERS
from agent.sets.items import Gathering, ItemInvalid, item

_OPTION = re.compile("\\s*([A-Za-z\uff21-\uff3a])\\s*[.)\uff0e\uff09、]\\s*(.*)")
_BEGUN = re.compile(r"^\s*[Aa]\s*[.)][^\n]*\n\s*[Bb]\s*[.)]", re.MULTILINE)
_ENDED = re.compile(
    r"^[ \t]*[A-Za-z]\s*[.)\uff0e\uff09、][^\n]*\n\s*(?:ANSWER|答案)\s*[:：]",
    re.IGNORECASE | re.MULTILINE,
)
_ANSWER = re.compile(r"\s*(?:ANSWER|答案)\s*[:：]\s*(.*)", re.IGNORECASE)


def is_aiken(text: str) -> bool:
    """Whether a file looks like it: an option above an answer, or options and nothing in braces."""
    if _ENDED.search(text):
        return True
    return "{" not in text and _BEGUN.search(text) is not None


class _Question:
    """What was read of a question so far."""

    def __init__(self, line: int) -> None:
        self.line = line
        self.text: list[str] = []
        self.options: list[_Option] = []

    @property
    def shown(self) -> str:
        return "\n".join(self.text) or "; ".join(option.text for option in self.options)


class _Option(NamedTuple):
    letter: str
    text: str


def read(text: str, into: Gathering) -> None:
    """Take all questions of a file."""
    now: _Question | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            if now is not None and now.options:
                _unfinished(now, into)
                now = None
            continue
        if now is None:
            now = _Question(number)
        answer, option = _ANSWER.fullmatch(line), _OPTION.fullmatch(line)
        if answer is not None:
            _take(now, answer[1], into)
            now = None
        elif option is not None and (now.text or now.options):
            now.options.append(_Option(_letter(option[1]), option[2]))
        elif now.options:
            hint = f"line {number} is no option; end the question with ANSWER: and a letter"
            into.leave(now.line, "unfinished", hint, now.shown)
            now = _Question(number)
            now.text.append(line.strip())
        else:
            now.text.append(line.strip())
    if now is not None:
        _unfinished(now, into)


def _letter(said: str) -> str:
    code = ord(said)
    return chr(code - 0xFEE0) if code > 0xFF00 else said.upper()  # noqa: PLR2004 (full width)


def _unfinished(now: _Question, into: Gathering) -> None:
    into.leave(now.line, "unfinished", "the line ANSWER: and its letter are missing", now.shown)


def _take(now: _Question, answer: str, into: Gathering) -> None:
    letters = [option.letter for option in now.options]
    said = [_letter(char) for char in answer if char.isalpha()]
    if letters != list(LETTERS[: len(letters)]):
        hint = f"the options are {', '.join(letters)}; they must be A, B, C and so on"
        into.leave(now.line, "options_count", hint, now.shown)
    elif not said:
        into.leave(now.line, "key_missing", "ANSWER: names no letter", now.shown)
    elif len(said) > 1:
        into.leave(now.line, "two_keys", "a question has one right answer here", now.shown)
    elif said[0] not in letters:
        into.leave(now.line, "key_invalid", f"there is no option {said[0]}", now.shown)
    else:
        options = [option.text for option in now.options]
        try:
            made = item("single", "\n".join(now.text), options=options, key=said)
        except ItemInvalid as error:
            into.leave(now.line, error.code, error.hint, now.shown)
        else:
            into.take(now.line, made)
