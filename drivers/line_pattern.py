"""What a person may write into the settings as a pattern of lines: a regular expression that ends.

Python tries every way in which a pattern could fit. Where repeats are nested, or many of them can
take the same characters, that lasts for ever on a line that almost fits; such a pattern is refused.
"""

from __future__ import annotations

import math
import re
import warnings

MAX_PATTERN_CHARS = 200
LINE_CHARS = 80
"""Longer lines are never looked at."""
MAX_TRIES = 20_000_000
"""Ways to fit a line, at the worst: about half a second."""

_ATOM = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)
_REPEAT = re.compile(r"(\*|\+|\?|\{(?:\d+(?:,\d*)?|,\d+)\})[?+]?")
_CHARS = [chr(code) for code in range(32, 127)]


class PatternRefused(ValueError):
    """Says what is wrong with a pattern, and what to write instead."""


def line_pattern(text: str) -> re.Pattern[str]:
    """The pattern, ready to search lines of at most `LINE_CHARS`.

    Raises:
        PatternRefused: it is no regular expression, has not one group, or might not end.
    """
    if len(text) > MAX_PATTERN_CHARS:
        raise PatternRefused(f"a pattern has at most {MAX_PATTERN_CHARS} characters")
    try:
        with warnings.catch_warnings(action="error"):
            pattern = re.compile(text)
    except (re.error, OverflowError, Warning) as error:
        raise PatternRefused(f"not a regular expression: {error}") from error
    if pattern.groups != 1:
        hint = "put brackets ( ) around the value alone, and (?: ) around anything else"
        raise PatternRefused(f"a pattern has one group, this one has {pattern.groups}: {hint}")
    if _tries(text) > MAX_TRIES:
        hint = "begin with ^, or say which characters may stand there, e.g. [^,]* in place of .*"
        raise PatternRefused(f"too many repeats could take the same characters: {hint}")
    return pattern


def _tries(text: str) -> int:
    """How many ways there may be to fit a line."""
    takers = dict.fromkeys(_CHARS, 0)
    choices = at = 0
    while at < len(text):
        start, is_group = at, text[at] in "()"
        if text.startswith("(?", at) and not text.startswith("(?:", at):
            raise PatternRefused("of the groups that begin with (? only (?: ) may be used")
        if text.startswith("(?:", at):
            at += 3
            continue
        atom = _ATOM.match(text, at)
        at = len(text) if atom is None else atom.end()
        piece = text[start:at]
        if piece[0] == "\\" and piece[1:].isdigit():
            raise PatternRefused("a pattern may not refer back to its group")
        choices += piece == "|"
        repeat = _REPEAT.match(text, at)
        if repeat is None or piece in ("(", "|", "^"):
            continue
        at = repeat.end()
        if repeat[1] == "?":
            choices += 1
        elif is_group:
            hint = "only single characters may repeat, e.g. \\d+ or [a-z ]*"
            raise PatternRefused(f"{piece}{repeat[0]} repeats a whole group: {hint}")
        elif repeat[1][0] != "{" or "," in repeat[1]:
            taken = re.compile(piece)
            for char in _CHARS:
                takers[char] += taken.fullmatch(char) is not None
    repeats = max(takers.values()) + (not text.startswith("^"))
    return int(math.comb(LINE_CHARS + repeats, repeats) * 2**choices)
