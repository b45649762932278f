"""What may be deleted: events of old lessons that the school has, and never anything else.

Kept whatever its age: what has no receipt, or one that is not on the disk yet; what the newest
snapshot does not cover; the newest lessons; and what outlasts lessons (class lists, bindings,
clocks, epochs), since a newer agent does not believe an older one's snapshot and replays. What was
put aside stays too: the school may have but a word that it is there (`LessonOpened` goes all the
same, or the lesson would begin anew).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from agent.journal.reading import SEQ_BITS
from agent.lesson.model import LessonSpan, Moment, Position

KEPT_LESSONS = 20
"""The newest lessons stay, however short room gets."""
ROWS_A_STEP = 200
LASTING_KINDS = (
    "EpochStarted",
    "JournalSalvaged",
    "ClockLearnt",
    "RosterReplaced",
    "BindingMade",
    "BindingRemoved",
    "BoardCalibrated",
)


def old_lessons(
    spans: Iterable[LessonSpan],
    *,
    received: Position,
    wall: Callable[[Moment], datetime | None],
    before: datetime | None,
) -> list[LessonSpan]:
    """The lessons whose events may be deleted, oldest first.

    Args:
        spans: all lessons. Only the newest can be open: what says that another is has lost its end.
        received: up to here the school has everything.
        wall: when a moment was, None if nobody knows.
        before: only lessons opened before this; None: whatever their age.
    """
    lessons = sorted(spans, key=lambda span: span.first)
    candidates = []
    for span in lessons[: max(len(lessons) - KEPT_LESSONS, 0)]:
        if span.last > received:
            break
        candidates.append(span)
    if before is None:
        return candidates
    # A lesson whose time nobody knows is at least as old as the next one whose time is known.
    old = 0
    for index, span in enumerate(candidates, start=1):
        opened = wall(span.opened)
        if opened is not None and opened < before:
            old = index
    return candidates[:old]


def left_over(spans: Sequence[LessonSpan], *, limit: Position) -> Position | None:
    """Where a deletion of an earlier run ends that may have been cut off; None if there was none.

    Its lessons are not among `spans`, and the newest are.
    """
    return oldest_kept(spans, [], limit=limit) if len(spans) >= KEPT_LESSONS else None


def oldest_kept(
    spans: Iterable[LessonSpan], deleted: Iterable[LessonSpan], *, limit: Position
) -> Position:
    """Everything in front of this may go, but for the lasting kinds."""
    gone = {span.id for span in deleted}
    firsts = [span.first for span in spans if span.id not in gone]
    behind = Position(limit.epoch, limit.seq + 1)
    return min([*firsts, behind])


class Deletion:
    """Deletes events up to a bound, a few rows a step; called in the writer's thread.

    `complete`: a step found nothing any more. One that is given up is not, and begins anew as
    another: what its last step deleted may have been rolled back.
    """

    def __init__(self, end: Position) -> None:
        """`end`: the first event that stays."""
        self.end = end
        self.complete = False
        self.deleted = 0
        self._next_id = 0
        self._end_id = end.epoch << SEQ_BITS | end.seq

    def __call__(self, db: sqlite3.Connection) -> bool:
        """Delete a few; whether more is left."""
        marks = ",".join("?" * len(LASTING_KINDS))
        rows = db.execute(
            "select id from event where id >= ? and id < ? "  # noqa: S608 (question marks alone)
            f"and kind not in ({marks}) "
            "and (kind = 'LessonOpened' or id not in (select id from aside)) order by id limit ?",
            (self._next_id, self._end_id, *LASTING_KINDS, ROWS_A_STEP),
        ).fetchall()
        db.executemany("delete from event where id = ?", rows)
        self.deleted += len(rows)
        if rows:
            self._next_id = rows[-1][0] + 1
        self.complete = not rows
        return not self.complete


def cutoff(now: datetime, keep_days: int) -> datetime:
    """Lessons from before this are old."""
    return now - timedelta(days=keep_days)
