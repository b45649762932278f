"""What the answers to a question come to: bars, words in groups, a mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from agent.lesson.model import Answer, Question
from agent.lesson.numbers import fits, is_span
from agent.lesson.questions import bar_keys, is_right
from agent.lesson.texts import grouped
from agent.web.views import Bar, TextGroupView

MAX_NUMBER_BARS = 12
OTHER = "other"


def bars(question: Question, answers: Iterable[Answer], *, with_key: bool) -> list[Bar]:
    """The distribution. Several options of one answer each count; numbers by frequency.

    The rarest numbers and orders share a bar, but for a right one. Once the question is revealed,
    what is right within a tolerance has one bar, and stands first: its name is the key.
    """
    keys = [answer.key for answer in answers]
    known = bar_keys(question.kind, len(question.options))
    key = question.key if with_key else None
    if known is None:
        return _frequent(question, keys, key)
    if question.kind == "multiple":
        right = None if key is None else set("".join(key))
        return [
            Bar(
                key=letter,
                count=sum(letter in one for one in keys),
                right=None if right is None else letter in right,
            )
            for letter in known
        ]
    counts = Counter(keys)
    return [
        Bar(key=one, count=counts[one], right=is_right(one, key, question.kind)) for one in known
    ]


def _frequent(question: Question, keys: list[str], key: list[str] | None) -> list[Bar]:
    known = question.kind == "number" and question.status == "revealed"
    spans = [entry for entry in key or () if known and is_span(entry)]
    within = {entry: sum(fits(one, entry) for one in keys) for entry in spans}
    keys = [one for one in keys if not any(fits(one, entry) for entry in spans)]
    shown = [Bar(key=entry, count=count, right=True) for entry, count in within.items() if count]
    rest = 0
    for place, (value, count) in enumerate(Counter(keys).most_common()):
        right = is_right(value, key, question.kind)
        if place < MAX_NUMBER_BARS or right:
            shown.append(Bar(key=value, count=count, right=right))
        else:
            rest += count
    other = Bar(key=OTHER, count=rest, right=None if key is None else False)
    return [*shown, other] if rest else shown


def texts(question: Question, answers: Iterable[Answer], *, with_key: bool) -> list[TextGroupView]:
    """Answers in words, by groups; of another question nothing."""
    if question.kind != "text":
        return []
    key = question.key if with_key else None
    return [
        TextGroupView(
            group=one.group,
            text=one.text,
            count=one.count,
            right=is_right(one.text, key, question.kind),
            shown=one.shown,
        )
        for one in grouped(question, answers)
    ]


def seen_texts(
    question: Question, answers: Iterable[Answer], *, with_key: bool
) -> list[TextGroupView] | None:
    """What the room may read of answers in words."""
    if question.kind != "text":
        return None
    return [one for one in texts(question, answers, with_key=with_key) if one.shown]


def mean(question: Question, answers: Iterable[Answer]) -> float | None:
    """The mean of a scale, to a hundredth; None without answers, or of another question."""
    steps = [int(answer.key) for answer in answers] if question.kind == "scale" else []
    return round(sum(steps) / len(steps), 2) if steps else None
