"""What may be written a little later: the receipt, events put aside, a snapshot.

None of it is on an answer's path, so a kill or a power cut may lose what still waits. The loop puts
it in, the writer's thread takes it out.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from typing import NamedTuple

NOTE_DELAY_S = 10.0
"""A note may be lost: the school says its receipt again. Each costs a page."""
DELAY_S = 1.0


class Batch(NamedTuple):
    """What is written with one commit."""

    notes: dict[str, str]
    asides: list[tuple[int, str]]
    snapshot: tuple[int, str, bytes] | None

    def write(self, db: sqlite3.Connection) -> None:
        """Inside a transaction."""
        db.executemany("insert or replace into meta values(?,?)", self.notes.items())
        db.executemany("insert or replace into aside values(?,?)", self.asides)
        if self.snapshot is not None:
            db.execute("delete from snapshot")
            db.execute("insert into snapshot values(?,?,?)", self.snapshot)


NOTHING = Batch({}, [], None)


class SideWork:
    """Waits until the first of it is due; then all of it is written with the next commit.

    Nothing is written before it is due, so what must be durable together with an event does not
    belong here.
    What is put in returns whether the writer must be woken, since it waits for something later.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        """`now_s`: a clock that both threads may read."""
        self._now_s = now_s
        self._lock = threading.Lock()
        self._notes: dict[str, str] = {}
        self._asides: list[tuple[int, str]] = []
        self._snapshot: tuple[int, str, bytes] | None = None
        self._due_s: float | None = None

    def note(self, name: str, value: str, *, soon: bool) -> bool:
        """A small fact; the newest of a name holds."""
        with self._lock:
            self._notes[name] = value
            return self._within(DELAY_S if soon else NOTE_DELAY_S)

    def put_aside(self, row_id: int, reason: str) -> bool:
        """An event that the school did not take."""
        with self._lock:
            self._asides.append((row_id, reason))
            return self._within(DELAY_S)

    def put_snapshot(self, row_id: int, fingerprint: str, state: bytes) -> bool:
        """A state; the one before it is dropped."""
        with self._lock:
            self._snapshot = (row_id, fingerprint, state)
            return self._within(DELAY_S)

    def _within(self, delay_s: float) -> bool:
        due_s = self._now_s() + delay_s
        if self._due_s is not None and self._due_s <= due_s:
            return False
        self._due_s = due_s
        return True

    def wait_s(self) -> float | None:
        """How long it may wait for a commit; None: for ever."""
        due_s = self._due_s
        return None if due_s is None else max(0.0, due_s - self._now_s())

    def take(self, *, all_of_it: bool) -> Batch:
        """What is due, and whatever waits beside it; `all_of_it`: whether due or not."""
        with self._lock:
            if self._due_s is None or not (all_of_it or self._now_s() >= self._due_s):
                return NOTHING
            batch = Batch(self._notes, self._asides, self._snapshot)
            self._notes, self._asides, self._snapshot = {}, [], None
            self._due_s = None
            return batch

    def put_back(self, batch: Batch) -> None:
        """It was not written: it is tried again in a while, unless newer came."""
        with self._lock:
            self._notes = batch.notes | self._notes
            self._asides = batch.asides + self._asides
            self._snapshot = self._snapshot or batch.snapshot
            if self._notes or self._asides or self._snapshot:
                self._within(DELAY_S)
