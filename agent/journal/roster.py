"""The names of students: a file of their own, beside the journal, which knows pseudonyms only."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from agent.journal.damage import is_damage, next_aside
from agent.journal.errors import CommitFailed

log = logging.getLogger(__name__)


class StudentName(NamedTuple):
    """Who a pseudonym is."""

    student: str
    number: str
    name: str


class RosterStore:
    """Class lists on this board. Small and rarely written: every call is quick."""

    def __init__(self, path: Path) -> None:
        """Take everything, open nothing."""
        self.path = path
        self._known: dict[str, dict[str, StudentName]] | None = None

    def names(self, class_id: str | None) -> dict[str, StudentName]:
        """The students of a class by pseudonym, in the order of its list; empty if unknown."""
        if class_id is None:
            return {}
        return self._all().get(class_id, {})

    def lacks(self, class_id: str, students: Iterable[str]) -> bool:
        """Whether a student of the class has no name here: its list must be sent again."""
        return not self._all().get(class_id, {}).keys() >= set(students)

    def add(self, class_id: str, students: Sequence[StudentName]) -> None:
        """Know these students of a class too.

        Raises:
            CommitFailed: nothing was written.
        """
        known = self.names(class_id)
        self.replace(class_id, list({**known, **_by_pseudonym(students)}.values()))

    def replace(self, class_id: str, students: Sequence[StudentName]) -> None:
        """The class has these students now.

        Raises:
            CommitFailed: nothing was written.
        """
        everybody = self._all()
        rows = [(class_id, place, *one) for place, one in enumerate(students)]
        try:
            with closing(self._connect()) as db, db:
                db.execute("delete from student where class_id = ?", (class_id,))
                db.executemany("insert into student values(?, ?, ?, ?, ?)", rows)
        except sqlite3.Error as error:
            hint = f"free space or check the disk ({error})"
            raise CommitFailed("not_durable", str(self.path), hint) from error
        everybody[class_id] = _by_pseudonym(students)

    def note(self, name: str) -> bytes | None:
        """What was kept beside the lists under this name."""
        self._all()
        with closing(self._connect()) as db:
            found = db.execute("select body from note where name = ?", (name,)).fetchone()
        return None if found is None else bytes(found[0])

    def keep_note(self, name: str, body: bytes | None) -> None:
        """Keep something beside the lists, which may hold names; None: no more.

        Raises:
            CommitFailed: nothing was written.
        """
        self._all()
        try:
            with closing(self._connect()) as db, db:
                db.execute("delete from note where name = ?", (name,))
                if body is not None:
                    db.execute("insert into note values(?, ?)", (name, body))
        except sqlite3.Error as error:
            hint = f"free space or check the disk ({error})"
            raise CommitFailed("not_durable", str(self.path), hint) from error

    def look(self) -> None:
        """See whether the file reads, so that people are told before they need a name."""
        with suppress(sqlite3.Error):
            self._all()

    def _all(self) -> dict[str, dict[str, StudentName]]:
        if self._known is None:
            try:
                self._known = self._read()
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise
                aside = next_aside(self.path.parent, "roster")
                log.error("%s is damaged (%s) and set aside as %s", self.path, error, aside.name)
                self.path.rename(aside)
                self.path.with_name(self.path.name + "-journal").unlink(missing_ok=True)
                self._known = {}
        return self._known

    def _read(self) -> dict[str, dict[str, StudentName]]:
        known: dict[str, dict[str, StudentName]] = {}
        with closing(self._connect()) as db:
            for class_id, *student in db.execute(
                "select class_id, student, number, name from student order by class_id, place"
            ):
                one = StudentName(*student)
                known.setdefault(class_id, {})[one.student] = one
        return known

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path)
        # With the default (full) a power cut can bring the rollback journal back, and undo it all.
        db.execute("pragma synchronous=extra")
        db.execute(
            "create table if not exists student(class_id text, place integer, student text,"
            " number text, name text, primary key(class_id, student)) without rowid"
        )
        db.execute(
            "create table if not exists note(name text primary key, body blob) without rowid"
        )
        return db


def _by_pseudonym(students: Sequence[StudentName]) -> dict[str, StudentName]:
    return {one.student: one for one in students}
