"""The journal: one append-only table, one thread that writes it, group commit.

A commit is durable when it returns: WAL with synchronous=FULL. The writer takes whatever has
queued up into one transaction (intake gathers readings for a short window first); a group whose
commit fails is refused whole, with everything queued behind it, since its numbers would leave
a gap.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, NamedTuple

from agent.journal import leftover
from agent.journal.chores import QUIET_S, Chore, Chores
from agent.journal.damage import disk_code, is_damage
from agent.journal.errors import (
    CommitFailed,
    JournalDamaged,
    JournalError,
    JournalUnusable,
)
from agent.journal.migrations import migrate
from agent.journal.reading import SEQ_BITS, EventRow, JournalReader, row_id
from agent.journal.side_work import Batch, SideWork
from agent.lesson.events import Event, encode_body, encode_kept, kept_kind
from agent.lesson.replay import Stamped
from agent.private_file import make_folder

STOP_S = 5.0
SMALL_ROWS = 32
LARGE_ROWS = 256
"""Rows of one statement: few lengths, so that each statement is prepared once and kept."""
COLUMNS = 5
TAIL_ROWS = 4096
"""Of the newest events so many stay in memory: the uplink reads what was just written."""
SPENT_ROWS = 256
"""Of those that it has read, so many."""
PAGE_BYTES = 512
CHECKPOINT_PAGES = 2000
WAL_BYTES = (CHECKPOINT_PAGES + 200) * (PAGE_BYTES + 24)
"""Of the write-ahead log: a frame a page, and what one commit adds behind the checkpoint's mark."""
WRITER_PRAGMAS = (
    f"page_size={PAGE_BYTES}",
    "journal_mode=wal",
    "synchronous=full",
    f"wal_autocheckpoint={CHECKPOINT_PAGES}",
    "cache_size=-128",
)

Done = Callable[[JournalError | None], None]


class _Group(NamedTuple):
    """What becomes durable together.

    Attributes:
        cells: the rows as they are kept, one cell behind the other, as a statement takes them.
        published: the rows as the uplink wants them.
        generation: see `Journal.begin_again`.
        done: told what became of it.
    """

    cells: list[int | str | bytes]
    published: list[EventRow]
    generation: int
    done: Done


_NOTHING = _Group([], [], 0, lambda _: None)
"""Wakes the writer, and is no group."""


def give_size(log: Path, size_bytes: int) -> None:
    """Let a write-ahead log have its full size at once, with zeros behind what it holds.

    While it grows, every sync writes the file system's own journal too: four times the bytes.
    SQLite reads zeros as the log's end. A disk without room for them is met at the first commit.
    """
    with suppress(OSError), log.open("ab") as file:
        missing_bytes = size_bytes - file.tell()
        if missing_bytes > 0:
            file.write(bytes(missing_bytes))
            file.flush()
            os.fsync(file.fileno())


def _rows_a_statement(left: int) -> int:
    if left >= LARGE_ROWS:
        return LARGE_ROWS
    return min(left, SMALL_ROWS)


class Journal(JournalReader):
    """The agent's own file of events.

    `open` and `close` block; call them off the loop or before it matters. `append` is called
    in the loop; `done` is called in the loop too.
    """

    def __init__(self, path: Path, *, boot_id: str) -> None:
        """Take everything, open nothing. `boot_id`: the kernel's name of this boot."""
        self.path = path
        self._boot_id = boot_id
        self._queue: SimpleQueue[_Group] = SimpleQueue()
        self._unwritten = 0
        self._side = SideWork(time.monotonic)
        self._generation = 0
        self._failed_generation = -1
        self._stopping = False
        self._failure: JournalError | None = None
        self._attempts = 0
        self._boots: dict[int, str] = {}
        self._tail: list[EventRow] = []
        self.chores = Chores(self._met_damage)
        self.damaged = False

    # -- life ---------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the file, making it if need be, and start the writer.

        Raises:
            JournalDamaged: SQLite cannot read it.
            JournalUnusable: another agent holds it, it is newer than this agent, or the disk fails.
        """
        self._loop = asyncio.get_running_loop()
        self._lock = self._hold()
        self._take_over()
        self._db = self._connected()
        try:
            for pragma in WRITER_PRAGMAS:
                self._db.execute(f"pragma {pragma}")
            migrate(self._db, str(self.path))
            self._boots = dict(self._db.execute("select number, boot_id from boot"))
            give_size(Path(f"{self.path}-wal"), WAL_BYTES)
            self._open_reader()
            self.boot = self._number_of_boot()
        except (sqlite3.Error, JournalUnusable) as error:
            self._db.close()
            self._lock.close()
            if isinstance(error, JournalUnusable):
                raise
            if is_damage(error):
                hint = f"it is damaged ({error})"
                raise JournalDamaged("journal_damaged", str(self.path), hint) from error
            raise self._unopenable(error) from error
        self._writer = threading.Thread(target=self._write, name="journal", daemon=True)
        self._writer.start()

    def _connected(self) -> sqlite3.Connection:
        try:
            return sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
        except sqlite3.Error as error:
            self._lock.close()
            raise self._unopenable(error) from error

    def _unopenable(self, error: sqlite3.Error) -> JournalUnusable:
        hint = f"free space or check the disk ({error})"
        return JournalUnusable("journal_unopenable", str(self.path), hint)

    def _hold(self) -> IO[bytes]:
        """One agent a journal: two writers could corrupt it."""
        make_folder(self.path.parent)
        lock = self.path.with_suffix(".lock").open("wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            hint = "another agent runs on this data_dir; stop it first"
            raise JournalUnusable("journal_held", str(self.path), hint) from error
        return lock

    def _take_over(self) -> None:
        try:
            leftover.make_durable(self.path)
        except OSError as error:
            self._lock.close()
            hint = f"free space or check the disk ({error.strerror})"
            raise JournalUnusable("journal_unwritable", str(self.path), hint) from error

    def _number_of_boot(self) -> int:
        newest = max(self._boots, default=0)
        if self._boots.get(newest) == self._boot_id:
            return newest
        self._db.execute("insert into boot values(?,?)", (newest + 1, self._boot_id))
        self._boots[newest + 1] = self._boot_id
        return newest + 1

    def close(self) -> None:
        """Write what waits, stop the writer, close the file."""
        self._stopping = True
        self._queue.put(_NOTHING)
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
        return self._unwritten == 0

    # -- writing ------------------------------------------------------------------------------

    def append(self, events: Sequence[Stamped], done: Done) -> None:
        """Queue events for the next commit; `done(None)` once durable, `done(error)` if not."""
        cells: list[int | str | bytes] = []
        published: list[EventRow] = []
        kind, name, kept_name, as_values = Event, "", "", False
        for one in events:
            event = one.event
            if type(event) is not kind:
                kind = type(event)
                name, as_values = kind.__name__, kind.kept_as_values
                kept_name = kept_kind(name)
            number, boot, mono_ns = one.epoch << SEQ_BITS | one.seq, one.boot, one.mono_ns
            body = encode_body(event)
            published.append((number, boot, mono_ns, name, body))
            kept = encode_kept(event) if as_values else body
            cells += (number, boot, mono_ns, kept_name, kept)
        self._unwritten += 1
        self._queue.put(_Group(cells, published, self._generation, done))

    def begin_again(self) -> None:
        """After a failed commit: what is appended from now on has fresh numbers."""
        self._generation += 1

    def note(self, name: str, value: str, *, soon: bool = False) -> None:
        """Keep a small fact that may be lost when the power goes; written in 10 s, `soon` in 1."""
        if self._side.note(name, value, soon=soon):
            self._queue.put(_NOTHING)

    def put_aside(self, epoch: int, seq: int, reason: str) -> None:
        """Remember that the school did not take this event."""
        if self._side.put_aside(row_id(epoch, seq), reason):
            self._queue.put(_NOTHING)

    def put_snapshot(self, epoch: int, seq: int, fingerprint: str, state: bytes) -> None:
        """Keep a state, within about 1 s; the one before it is dropped."""
        if self._side.put_snapshot(row_id(epoch, seq), fingerprint, state):
            self._queue.put(_NOTHING)

    def do(self, chore: Chore) -> None:
        """Let the writer do this step by step, whenever nothing waits."""
        self.chores.add(chore)
        self._queue.put(_NOTHING)

    def _met_damage(self) -> None:
        self.damaged = True

    def _write(self) -> None:
        """The one thread that writes."""
        refusal: JournalError | None = None
        while True:
            groups = self._take()
            stopping = self._stopping
            side = self._side.take(all_of_it=stopping)
            refused = [one for one in groups if one.generation <= self._failed_generation]
            groups = [one for one in groups if one.generation > self._failed_generation]
            if not groups and self.chores and not stopping:
                self.chores.step(self._db)
            error = self._commit(groups, side)
            if error is not None:
                self._side.put_back(side)
                if groups:
                    self._failed_generation, refusal = groups[-1].generation, error
            self._report(refused, refusal)
            self._report(groups, error)
            if stopping and self._queue.empty():
                return

    def _take(self) -> list[_Group]:
        """Wait for groups and take all that there are; none when side work has waited enough."""
        groups: list[_Group] = []
        with suppress(Empty):
            one = self._queue.get(timeout=self._patience_s)
            while one is _NOTHING and not self._stopping:  # other work came: its time counts now
                one = self._queue.get(timeout=self._patience_s)
            while True:
                if one is not _NOTHING:
                    groups.append(one)
                one = self._queue.get_nowait()
        return groups

    @property
    def _patience_s(self) -> float | None:
        """How long the writer waits for groups before it does something else."""
        return QUIET_S if self.chores else self._side.wait_s()

    def _commit(self, groups: list[_Group], side: Batch) -> JournalError | None:
        db = self._db
        cells = groups[0].cells if len(groups) == 1 else []
        if len(groups) > 1:
            cells = list(chain.from_iterable(group.cells for group in groups))
        if not cells and not any(side):
            return None
        self._attempts += 1
        try:
            if len(cells) <= SMALL_ROWS * COLUMNS and not any(side):
                self._insert(cells)  # one statement is a transaction of its own
            else:
                db.execute("begin immediate")
                self._insert(cells)
                side.write(db)
                db.execute("commit")
        except sqlite3.Error as error:
            if db.in_transaction:
                db.execute("rollback")
            self.damaged = self.damaged or is_damage(error)
            hint = "free space or check the disk; answers are refused until it works again"
            self._failure = CommitFailed(disk_code(error), str(self.path), f"{hint} ({error})")
            return self._failure
        self._failure = None
        return None

    def _insert(self, cells: list[int | str | bytes]) -> None:
        """Many rows a statement: each is a hand-over of the interpreter's lock."""
        start = 0
        while start < len(cells):
            rows = _rows_a_statement((len(cells) - start) // COLUMNS)
            end = start + rows * COLUMNS
            statement = "insert into event values(?,?,?,?,?)" + ",(?,?,?,?,?)" * (rows - 1)
            self._db.execute(statement, cells[start:end])
            start = end

    def _report(self, groups: list[_Group], error: JournalError | None) -> None:
        if groups:
            try:
                self._loop.call_soon_threadsafe(self._tell, groups, error)
            except RuntimeError:  # the loop has ended: nobody is left to tell
                return

    def _tell(self, groups: list[_Group], error: JournalError | None) -> None:
        """In the loop: what was committed can be read from here on."""
        self._unwritten -= len(groups)
        if error is None:
            for group in groups:
                self._remember(group.published)
        for group in groups:
            group.done(error)

    def _remember(self, rows: list[EventRow]) -> None:
        if rows and self._tail and self._tail[-1][0] + 1 != rows[0][0]:
            self._tail.clear()  # another epoch: the tail holds no gap
        self._tail += rows
        if len(self._tail) > TAIL_ROWS + SPENT_ROWS:
            del self._tail[:-TAIL_ROWS]

    def _rows(self, first: int, last: int, limit: int) -> Iterable[EventRow]:
        tail = self._tail
        if tail and tail[0][0] <= first <= tail[-1][0] + 1:
            start = first - tail[0][0]
            if start > SPENT_ROWS:  # the uplink has read them, and it reads in order
                del tail[:start]
                start = 0
            return tail[start : start + limit]
        return super()._rows(first, last, limit)
