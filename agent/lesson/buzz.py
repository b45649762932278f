"""The order of a buzz-in, from what was recorded of it: which places each may have."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

import msgspec

from agent.lesson.model import Buzz, ClassRoll, Moment, Question, respondent

ASSUMED_UNCERTAINTY_NS = 500_000_000
"""Of a press of a device that knows nothing of its own delays."""
WAIT_NS = 500_000_000
"""So long is waited at most for presses that were earlier and come later."""


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """One respondent in the order of a buzz-in.

    Attributes:
        place: the best one they may have: 1 more than how many were certainly earlier.
        last_place: the worst one: those of whom nobody knows whether they were earlier come
            before. The same as `place` if all others can be told apart from them.
        behind_ns: after the first; None over a restart of the board, where nobody knows.
        give_or_take_ns: how far `behind_ns` may be off.
        final: nothing that may change their place is expected any more.
        late: it came after the order up to there had been called final.
    """

    who: str
    place: int
    last_place: int
    behind_ns: int | None
    give_or_take_ns: int
    final: bool
    late: bool


def uncertainty_ns(buzz: Buzz) -> int:
    """How far its time may be off."""
    return ASSUMED_UNCERTAINTY_NS if buzz.uncertainty_ns is None else buzz.uncertainty_ns


def order(question: Question, roll: ClassRoll | None) -> list[Placed]:
    """The respondents by the times of their first presses."""
    firsts: dict[str, Buzz] = {}
    for keypad, buzz in question.buzzes.items():
        who = respondent(roll, keypad)
        if who not in firsts or buzz.when < firsts[who].when:
            firsts[who] = buzz
    ranked = sorted(firsts.items(), key=lambda one: one[1].when)
    # A press is certainly earlier than another if its latest is before the other's earliest.
    latest = sorted(_shifted(buzz, 1) for _, buzz in ranked)
    earliest = sorted(_shifted(buzz, -1) for _, buzz in ranked)
    placed: list[Placed] = []
    for who, buzz in ranked:
        before = bisect_left(latest, _shifted(buzz, -1))
        not_after = bisect_right(earliest, _shifted(buzz, 1))
        first = ranked[0][1]
        alone = buzz is first
        placed.append(
            Placed(
                who=who,
                place=before + 1,
                last_place=not_after,
                behind_ns=_between_ns(first.when, buzz.when),
                give_or_take_ns=0 if alone else uncertainty_ns(first) + uncertainty_ns(buzz),
                final=_final(question, buzz),
                late=buzz.late,
            )
        )
    return placed


def _shifted(buzz: Buzz, side: int) -> Moment:
    return Moment(buzz.when.boot, buzz.when.mono_ns + side * uncertainty_ns(buzz))


def _between_ns(first: Moment, then: Moment) -> int | None:
    return then.mono_ns - first.mono_ns if first.boot == then.boot else None


def pending(question: Question) -> list[Buzz]:
    """Presses whose place is provisional, in their order."""
    buzzes = (one for one in question.buzzes.values() if not _final(question, one))
    return sorted(buzzes, key=lambda one: one.when)


def _final(question: Question, buzz: Buzz) -> bool:
    return question.settled is not None and buzz.when <= question.settled


def settles_upto(question: Question, complete_ns: int, now: Moment) -> int | None:
    """Up to which time of this boot the order is final now; None if no press becomes so.

    Args:
        question: a buzz-in.
        complete_ns: every receiver has reported its presses before that time.
        now: the time.
    """
    upto_ns: int | None = None
    for buzz in pending(question):
        if buzz.when.boot != now.boot:
            upto_ns = 0
            continue
        reported = buzz.when.mono_ns + uncertainty_ns(buzz) <= complete_ns
        if not reported and now.mono_ns < buzz.when.mono_ns + WAIT_NS:
            break
        upto_ns = buzz.when.mono_ns
    return upto_ns
