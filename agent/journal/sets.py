"""The prepared sets: a file of their own beside the journal, small and rarely written.

Nothing of them is kept in memory, and every call sees what another program has written: the command
line writes beside a running agent.
"""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from agent.journal.damage import is_damage, next_aside
from agent.journal.errors import CommitFailed
from agent.lesson.errors import LessonRefused, NotThere
from agent.sets.items import QuestionSet

log = logging.getLogger(__name__)

SETS = "sets.db"
MAX_SETS = 300
MAX_BYTES = 32 * 1024 * 1024
"""What all sets may take."""
SET_ID_BYTES = 5
BUSY_S = 5.0
_T = TypeVar("_T")
_decode = msgspec.json.Decoder(QuestionSet).decode


class SetHead(msgspec.Struct, frozen=True, kw_only=True):
    """A set without its questions. `items`: how many it has."""

    id: str
    name: str
    version: str
    items: int


class SetStore:
    """The sets of this board. Every call waits for the disk."""

    def __init__(self, path: Path) -> None:
        """Take everything, open nothing."""
        self.path = path

    def heads(self) -> list[SetHead]:
        """All sets, by name."""
        rows = self._read("select id, name, version, items from question_set order by name")
        return [
            SetHead(id=one, name=name, version=version, items=items)
            for one, name, version, items in rows
        ]

    def get(self, set_id: str) -> QuestionSet:
        """A set.

        Raises:
            NotThere: there is none.
        """
        rows = self._read("select content from question_set where id = ?", set_id)
        if not rows:
            raise NotThere("set_unknown", set_id, "reload the page; it may have been deleted")
        return _decode(rows[0][0])

    def put(self, made: QuestionSet) -> SetHead:
        """Keep a set, in place of one of that name; then its id stays.

        Raises:
            LessonRefused: there are too many.
            CommitFailed: nothing was written.
        """
        content = msgspec.json.encode(made)

        def write(db: sqlite3.Connection) -> SetHead:
            row = db.execute("select id from question_set where name = ?", (made.name,)).fetchone()
            set_id = secrets.token_hex(SET_ID_BYTES) if row is None else row[0]
            others, others_bytes = db.execute(
                "select count(*), coalesce(sum(length(content)), 0) from question_set"
                " where id != ?",
                (set_id,),
            ).fetchone()
            if others >= MAX_SETS or others_bytes + len(content) > MAX_BYTES:
                hint = f"at most {MAX_SETS} sets, {MAX_BYTES // 1024 // 1024} MB; delete old ones"
                raise LessonRefused("sets_full", "sets", hint)
            head = SetHead(id=set_id, name=made.name, version=made.version, items=len(made.items))
            db.execute(
                "insert or replace into question_set values(?, ?, ?, ?, ?)",
                (head.id, head.name, head.version, head.items, content),
            )
            return head

        return self._write(write)

    def remove(self, set_id: str) -> None:
        """There is no such set any more.

        Raises:
            CommitFailed: nothing was written.
        """
        self._write(lambda db: db.execute("delete from question_set where id = ?", (set_id,)))

    def _read(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        if not self.path.exists():
            return []
        try:
            with self._open() as db:
                return db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            if not is_damage(error):
                raise self._failed(error) from error
            self._set_aside(error)
            return []

    def _write(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        try:
            with self._open() as db, db:
                db.execute("begin immediate")
                return work(db)
        except sqlite3.Error as error:
            if is_damage(error):
                self._set_aside(error)
            raise self._failed(error) from error

    def _failed(self, error: sqlite3.Error) -> CommitFailed:
        return CommitFailed(
            "not_durable", str(self.path), f"try again, or check the disk ({error})"
        )

    def _set_aside(self, error: sqlite3.Error) -> None:
        aside = next_aside(self.path.parent, "sets")
        log.error("%s is damaged (%s) and set aside as %s", self.path, error, aside.name)
        self.path.rename(aside)
        self.path.with_name(self.path.name + "-journal").unlink(missing_ok=True)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        new = not self.path.exists()
        with closing(sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)) as db:
            # With the default (full) a power cut can bring the rollback journal back.
            db.execute("pragma synchronous=extra")
            db.execute(
                "create table if not exists question_set(id text primary key, name text unique,"
                " version text, items integer, content blob) without rowid"
            )
            if new and os.geteuid() == 0:  # the command line, before the agent ever wrote one
                owner = self.path.parent.stat()
                os.chown(self.path, owner.st_uid, owner.st_gid)
            yield db
