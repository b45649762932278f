"""Answers in words: the one way they are written, and when two of them are equal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

MAX_ANSWER_CHARS = 200
MAX_RAW_CHARS = 2 * MAX_ANSWER_CHARS
"""Of what is sent; more than an answer has, since signs that nobody sees are dropped."""
MAX_MARKS = 3
"""Accents on one letter; more of them grow over the lines around."""
_UNSEEN = {"Cc", "Cf", "Cs", "Co"}
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_MARKS = {"Mn", "Me"}
_CJK = "\u2e80-\u9fff\uf900-\ufaff"
_LOOSE_SPACE = re.compile(rf" (?=[^\w]|[{_CJK}])|(?<=[^\w]) |(?<=[{_CJK}]) ")


def clean(text: str) -> str:
    """A text as it is recorded: NFKC, one line, without what changes how others are read."""
    seen = " ".join(unicodedata.normalize("NFKC", text).split())
    seen = "".join(
        one for one in seen if one not in _BLANK and unicodedata.category(one) not in _UNSEEN
    )
    kept: list[str] = []
    marks = 0
    for one in " ".join(unicodedata.normalize("NFKC", seen).split()):
        marks = marks + 1 if unicodedata.category(one) in _MARKS else 0
        if marks <= MAX_MARKS:
            kept.append(one)
    return "".join(kept)


@lru_cache(maxsize=512)
def fold(text: str) -> str:
    """What equal answers have in common: case, and spaces that part no words, do not count."""
    return _LOOSE_SPACE.sub("", unicodedata.normalize("NFKC", clean(text).casefold()))


def is_right_text(answer: str, key: Sequence[str]) -> bool:
    """Whether it is one of the answers that count, but for case and spaces."""
    return fold(answer) in {fold(entry) for entry in key}
