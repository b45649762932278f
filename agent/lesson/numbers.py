"""Numbers as answers and as keys: exact, within a tolerance, or between two."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

MAX_NUMBER_CHARS = 20
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_TOLERANCE = re.compile(r"(.+?)\s*(?:±|\+/-|\+-)\s*(.+)")
_RANGE = re.compile(r"(.+?)\s*(?:\.\.+|~|…)\s*(.+)")


def one_number(text: str) -> str:
    """The one way this number is written.

    Raises:
        ValueError: it is none, or longer than anybody types.
    """
    if len(text) > MAX_NUMBER_CHARS or not _NUMBER.fullmatch(text):
        raise ValueError("no number")
    value = Decimal(text).normalize()
    return "0" if value == 0 else format(value, "f")


def number_key(text: str) -> str:
    """The one way a key is written: "12.5", "12.5±0.1" or "10..12"; both ends count.

    Raises:
        ValueError: it is none of these, the tolerance is negative, or the ends are reversed.
    """
    plain = text.strip()
    if found := _TOLERANCE.fullmatch(plain):
        value, tolerance = (one_number(part) for part in found.groups())
        if tolerance.startswith("-"):
            raise ValueError("a negative tolerance")
        return value if tolerance == "0" else f"{value}±{tolerance}"
    if found := _RANGE.fullmatch(plain):
        low, high = (one_number(part) for part in found.groups())
        if Decimal(low) > Decimal(high):
            raise ValueError("the ends are reversed")
        return low if low == high else f"{low}..{high}"
    return one_number(plain)


def fits(answer: str, entry: str) -> bool:
    """Whether a number as it is recorded is what one entry of a key asks for."""
    if answer == entry:
        return True
    ends = _ends(entry)
    return ends is not None and ends[0] <= Decimal(answer) <= ends[1]


def is_span(entry: str) -> bool:
    """Whether an entry of a key is met by several numbers."""
    return _ends(entry) is not None


@lru_cache(maxsize=64)
def _ends(entry: str) -> tuple[Decimal, Decimal] | None:
    value, sign, tolerance = entry.partition("±")
    if sign:
        return Decimal(value) - Decimal(tolerance), Decimal(value) + Decimal(tolerance)
    low, sign, high = entry.partition("..")
    return (Decimal(low), Decimal(high)) if sign else None
