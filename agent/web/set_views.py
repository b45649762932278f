"""What the pages see of prepared sets."""

from __future__ import annotations

from typing import Literal

from agent.journal.sets import SetHead
from agent.lesson.events import QuestionKind
from agent.sets.items import Item, SetProblem
from agent.web.view import View

Asked = Literal["lesson", "today"]
"""In the open lesson, or in an earlier one of the day."""


class ItemView(View, frozen=True, kw_only=True):
    """A prepared question, as its teacher sees it."""

    kind: QuestionKind
    text: str
    options: list[str]
    key: list[str] | None
    points: list[str]
    timer_s: int | None
    title: str
    asked: Asked | None

    @classmethod
    def of(cls, one: Item, asked: Asked | None) -> ItemView:
        """The view of a question."""
        return cls(
            kind=one.kind,
            text=one.text,
            options=one.options,
            key=one.key,
            points=one.points,
            timer_s=one.timer_s,
            title=one.title,
            asked=asked,
        )


class SetView(View, frozen=True, kw_only=True):
    """A set with its questions in order."""

    id: str
    name: str
    version: str
    items: list[ItemView]


class SetReport(View, frozen=True, kw_only=True):
    """What a file holds.

    `id` None: it was only read. `left_out`: so many questions were not taken.
    """

    id: str | None
    name: str
    version: str
    items: list[ItemView]
    left_out: int
    problems: list[SetProblem]


class SetsReply(View, frozen=True, kw_only=True):
    """The sets on this board, by name."""

    sets: list[SetHead]
