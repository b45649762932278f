"""A question of a lesson in memory, as the API shows it."""

from __future__ import annotations

import msgspec

from agent.lesson.errors import NotThere
from agent.lesson.model import answers_by_respondent
from agent.web.context import Context
from agent.web.view import View


def asked(ctx: Context, lesson: str, number: int) -> bytes:
    """The question.

    Raises:
        NotThere: there is none.
    """
    state = ctx.intake.committed
    found = state.find(lesson)
    if found is None or not 1 <= number <= len(found.questions):
        raise NotThere("question_unknown", f"{lesson}/{number}", "reload the page")
    question, roll = found.questions[number - 1], state.roll(found)
    view = ctx.pages.question(question, answers_by_respondent(question, roll), found, roll)
    return with_id(view, number, number=number)


def with_id(view: View, identity: object, **more: object) -> bytes:
    """A view as a thing of the API, which has an id."""
    return msgspec.json.encode({"id": identity, **msgspec.to_builtins(view), **more})
