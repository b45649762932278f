"""A lesson with all that was in it, of whatever age."""

from __future__ import annotations

import sqlite3

from agent.journal.damage import is_damage, mark_suspect
from agent.lesson.errors import NotThere
from agent.lesson.model import Lesson, LessonSpan, State
from agent.lesson.replay import Stamped, copy_of, replay
from agent.web.context import Context
from agent.web.problems import Refusal


def lesson_of(ctx: Context, lesson: str) -> Lesson:
    """A lesson; from the journal if it is no longer in memory.

    Raises:
        NotThere: it is not on the board.
        Refusal: the journal cannot be read there.
    """
    state = ctx.intake.committed
    span = state.spans.get(lesson)
    if span is None:
        raise NotThere("lesson_unknown", lesson, "choose one of the list")
    found = state.find(lesson)
    if found is None:
        past = copy_of(State(classes=state.classes, clocks=state.clocks))
        found = replay(_journalled(ctx, span), past).find(lesson)
        if found is None:
            raise NotThere("lesson_unknown", lesson, "its events are no longer on the board")
        found.class_id = span.class_id
    return found


def _journalled(ctx: Context, span: LessonSpan) -> list[Stamped]:
    try:
        return ctx.journal.lesson_events(span)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        mark_suspect(ctx.journal.path.parent)
        hint = "this lesson cannot be read now; the board saves what it can at its next start"
        raise Refusal(503, "journal_damaged", span.id, hint) from error
