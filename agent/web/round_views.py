"""What the pages are sent of a question's rounds and its timer."""

from __future__ import annotations

from agent.lesson.rounds import Advice, Outcome
from agent.web.view import View

__all__ = ["Advice", "ComparisonView", "TimerView"]


class TimerView(View, frozen=True, kw_only=True):
    """A timer of an open question. `changes` grows each time it is set, paused, or goes on."""

    left_ms: int
    running: bool
    changes: int


class ComparisonView(View, frozen=True, kw_only=True):
    """Two rounds of a question, of those who answered in both.

    Attributes:
        first: which round the earlier one is.
        second: which round the later one is.
        known: the answer had been revealed before the later one.
        both: who answered in both; the other figures are about them.
        changed: of them, whoever answers differently.
        only_first: answered in the earlier round only.
        only_second: answered in the later one only.
        won: wrong before, right now; `lost`: the other way round. None without a key.
        gain: (post - pre) / (1 - pre) of the shares of right answers; null where undefined.
        outcome: the gain in a word; null without a key.
    """

    first: int
    second: int
    known: bool
    both: int
    changed: int
    only_first: int
    only_second: int
    stayed_right: int | None
    won: int | None
    lost: int | None
    stayed_wrong: int | None
    gain: float | None
    outcome: Outcome | None
