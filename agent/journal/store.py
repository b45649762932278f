"""The journal: one append-only table, one thread that writes it, group commit.

A commit is durable when it returns: WAL with synchronous=FULL. The writer takes whatever has
queued up into one transaction (intake gathers readings for a short window first); a group whose
commit fails is refused whole, with everything queued behind it, since its numbers would leave
a gap.
"""

from __future__ import annotations

import asyncio
import fcntl
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from agent.journal.errors import CommitFailed, JournalError, JournalUnusable
from agent.journal.migrations import migrate
from agent.lesson.events import decode_body, encode_body
from agent.lesson.model import LessonSpan
from agent.lesson.replay import Stamped

SEQ_BITS = 32
SEQ_MASK = (1 << SEQ_BITS) - 1
_NO_END = (1 << 63) - 1
SIDE_DELAY_S = 1.0
"""Notes that may be lost (the receipt) wait this long for a commit to ride on."""
STOP_S = 5.0
WRITER_PRAGMAS = (
    "page_size=1024",
    "journal_mode=wal",
    "synchronous=full",
    "wal_autocheckpoint=4000",
    "cache_size=-2048",
)

Done = Callable[[JournalError | None], None]


class Row(NamedTuple):
    """One event as it lies in the journal. `boot` is the kernel's boot id."""

    epoch: int
    seq: int
    boot: str
    mono_ns: int
    kind: str
    body: bytes


class _Group(NamedTuple):
    rows: list[tuple[int, int, int, str, bytes]]
    generation: int
    done: Done


def row_id(epoch: int, seq: int) -> int:
    """The primary key of an event."""
    return epoch << SEQ_BITS | seq


def fresh_epoch(newest: int) -> int:
    """A number for a new epoch: above the newest, and never one that a twin of this file draws.

    A board that was set up anew, or restored twice from one backup, must not use names of events
    that the school has seen; so epochs are drawn at random, upwards.
    """
    if newest == 0:
        return 1 + secrets.randbelow(1 << 30)
    return newest + 1 + secrets.randbelow(1 << 20)


class Journal:
    """The agent's own file of events.

    `open` and `close` block; call them off the loop or before it matters. `append` is called
    in the loop; `done` is called in the loop too.
    """

    def __init__(self, path: Path, *, boot_id: str) -> None:
        """Take everything, open nothing. `boot_id`: the kernel's name of this boot."""
        self.path = path
        self._boot_id = boot_id
        self._wake = threading.Condition()
        self._queue: list[_Group] = []
        self._notes: dict[str, str] = {}
        self._asides: list[tuple[int, str]] = []
        self._snapshot: tuple[int, str, bytes] | None = None
        self._generation = 0
        self._failed_generation = -1
        self._stopping = False
        self._failure: JournalError | None = None
        self._attempts = 0
        self._boots: dict[int, str] = {}

    # -- life ---------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the file, making it if need be, and start the writer.

        Raises:
            JournalUnusable: another agent holds it, it is damaged, or newer than this agent.
        """
        self._loop = asyncio.get_running_loop()
        self._lock = self._hold()
        self._db = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
        try:
            for pragma in WRITER_PRAGMAS:
                self._db.execute(f"pragma {pragma}")
            migrate(self._db, str(self.path))
            self._boots = dict(self._db.execute("select number, boot_id from boot"))
        except (sqlite3.DatabaseError, JournalUnusable) as error:
            self._db.close()
            self._lock.close()
            if isinstance(error, JournalUnusable):
                raise
            hint = "restore a backup, or move the file away to begin a new one"
            raise JournalUnusable("journal_damaged", str(self.path), f"{hint} ({error})") from error
        self._reader = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        self.boot = self._number_of_boot()
        self._writer = threading.Thread(target=self._write, name="journal", daemon=True)
        self._writer.start()

    def _hold(self) -> IO[bytes]:
        """One agent a journal: two writers could corrupt it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = self.path.with_suffix(".lock").open("wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            hint = "another agent runs on this data_dir; stop it first"
            raise JournalUnusable("journal_held", str(self.path), hint) from error
        return lock

    def _number_of_boot(self) -> int:
        newest = max(self._boots, default=0)
        if self._boots.get(newest) == self._boot_id:
            return newest
        self._db.execute("insert into boot values(?,?)", (newest + 1, self._boot_id))
        self._boots[newest + 1] = self._boot_id
        return newest + 1

    def close(self) -> None:
        """Write what waits, stop the writer, close the file."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._writer.join(STOP_S)
        self._reader.close()
        self._db.close()
        self._lock.close()

    @property
    def ok(self) -> bool:
        """Whether the newest commit succeeded."""
        return self._failure is None

    @property
    def failure(self) -> JournalError | None:
        """Why the newest commit failed."""
        return self._failure

    @property
    def attempts(self) -> int:
        """How many commits were tried since start; grows while the writer gets on."""
        return self._attempts

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be written."""
        return not self._queue

    # -- writing ------------------------------------------------------------------------------

    def append(self, events: Sequence[Stamped], done: Done) -> None:
        """Queue events for the next commit; `done(None)` once durable, `done(error)` if not."""
        rows = [
            (
                one.epoch << SEQ_BITS | one.seq,
                one.boot,
                one.mono_ns,
                type(one.event).__name__,
                encode_body(one.event),
            )
            for one in events
        ]
        with self._wake:
            self._queue.append(_Group(rows, self._generation, done))
            self._wake.notify()

    def begin_again(self) -> None:
        """After a failed commit: what is appended from now on has fresh numbers."""
        self._generation += 1

    def note(self, name: str, value: str) -> None:
        """Keep a small fact that may be lost: it rides on the next commit, or goes after 1 s."""
        with self._wake:
            self._notes[name] = value
            self._wake.notify()

    def put_aside(self, epoch: int, seq: int, reason: str) -> None:
        """Remember that the school did not take this event."""
        with self._wake:
            self._asides.append((row_id(epoch, seq), reason))
            self._wake.notify()

    def put_snapshot(self, epoch: int, seq: int, fingerprint: str, state: bytes) -> None:
        """Keep a state with the next commit; the one before it is dropped."""
        with self._wake:
            self._snapshot = (row_id(epoch, seq), fingerprint, state)
            self._wake.notify()

    def _write(self) -> None:
        """The one thread that writes."""
        while True:
            with self._wake:
                while not self._queue and not self._stopping:
                    side = bool(self._notes or self._asides or self._snapshot)
                    if not self._wake.wait(SIDE_DELAY_S if side else None) and side:
                        break
                stopping = self._stopping
                groups, self._queue = self._queue, []
                notes, self._notes = self._notes, {}
                asides, self._asides = self._asides, []
                snapshot, self._snapshot = self._snapshot, None
            refused = [one for one in groups if one.generation <= self._failed_generation]
            groups = [one for one in groups if one.generation > self._failed_generation]
            error = self._commit(groups, notes, asides, snapshot)
            if error is not None and groups:
                self._failed_generation = groups[-1].generation
            self._report(refused, self._failure)
            self._report(groups, error)
            if stopping and not self._queue:
                return

    def _commit(
        self,
        groups: list[_Group],
        notes: dict[str, str],
        asides: list[tuple[int, str]],
        snapshot: tuple[int, str, bytes] | None,
    ) -> JournalError | None:
        db = self._db
        if not (groups or notes or asides or snapshot):
            return None
        self._attempts += 1
        try:
            db.execute("begin immediate")
            for group in groups:
                db.executemany("insert into event values(?,?,?,?,?)", group.rows)
            db.executemany("insert or replace into meta values(?,?)", notes.items())
            db.executemany("insert or replace into aside values(?,?)", asides)
            if snapshot is not None:
                db.execute("delete from snapshot")
                db.execute("insert into snapshot values(?,?,?)", snapshot)
            db.execute("commit")
        except sqlite3.Error as error:
            if db.in_transaction:
                db.execute("rollback")
            hint = "free space or check the disk; answers are refused until it works again"
            self._failure = CommitFailed("not_durable", str(self.path), f"{hint} ({error})")
            return self._failure
        self._failure = None
        return None

    def _report(self, groups: list[_Group], error: JournalError | None) -> None:
        if groups:
            try:
                self._loop.call_soon_threadsafe(_tell, [one.done for one in groups], error)
            except RuntimeError:  # the loop has ended: nobody is left to tell
                return

    # -- reading ------------------------------------------------------------------------------

    def read(self, epoch: int, after: int, limit: int) -> list[Row]:
        """Committed events of one epoch, from `after` + 1 on, at most `limit`."""
        low, high = row_id(epoch, after), row_id(epoch, SEQ_MASK)
        rows = self._reader.execute(
            "select id, boot, mono_ns, kind, body from event where id > ? and id <= ? limit ?",
            (low, high, limit),
        )
        boots = self._boots
        return [
            Row(epoch, number & SEQ_MASK, boots[boot], mono_ns, kind, body)
            for number, boot, mono_ns, kind, body in rows
        ]

    def after(self, epoch: int, seq: int) -> Iterator[Stamped]:
        """All events behind one, over all epochs: what a replay needs."""
        return self._stamped(row_id(epoch, seq) + 1, _NO_END)

    def lesson_events(self, span: LessonSpan) -> list[Stamped]:
        """The events between a lesson's first and last, others' among them."""
        first, last = span.first, span.last
        return list(self._stamped(row_id(first.epoch, first.seq), row_id(last.epoch, last.seq)))

    def _stamped(self, first: int, last: int) -> Iterator[Stamped]:
        query = (
            "select id, boot, mono_ns, kind, body from event where id between ? and ? order by id"
        )
        for number, boot, mono_ns, kind, body in self._reader.execute(query, (first, last)):
            event = decode_body(kind, body)
            yield Stamped(number >> SEQ_BITS, number & SEQ_MASK, boot, mono_ns, event)

    def epochs(self) -> list[int]:
        """The epochs that have events, oldest first."""
        found: list[int] = []
        low = 0
        while True:
            row = self._reader.execute("select min(id) from event where id > ?", (low,)).fetchone()
            if row[0] is None:
                return found
            found.append(row[0] >> SEQ_BITS)
            low = row_id(found[-1], SEQ_MASK)

    def newest(self) -> tuple[int, int]:
        """(epoch, seq) of the newest event, (0, 0) if there is none."""
        number = self._reader.execute("select max(id) from event").fetchone()[0] or 0
        return number >> SEQ_BITS, number & SEQ_MASK

    def last_seq(self, epoch: int) -> int:
        """The highest seq of an epoch, 0 if it has none."""
        bounds = (row_id(epoch, 0), row_id(epoch, SEQ_MASK))
        query = "select max(id) from event where id between ? and ?"
        return (self._reader.execute(query, bounds).fetchone()[0] or 0) & SEQ_MASK

    def noted(self, name: str) -> str | None:
        """A fact kept by `note`."""
        row = self._reader.execute("select value from meta where name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def snapshot(self) -> tuple[str, bytes] | None:
        """The newest snapshot: fingerprint and state."""
        row = self._reader.execute(
            "select fingerprint, state from snapshot order by id desc limit 1"
        ).fetchone()
        return None if row is None else (str(row[0]), bytes(row[1]))

    def boot_id(self, number: int) -> str:
        """The kernel's id of a boot."""
        return self._boots[number]


def _tell(dones: list[Done], error: JournalError | None) -> None:
    for done in dones:
        done(error)
