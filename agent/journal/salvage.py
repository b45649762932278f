"""What can still be read of a damaged journal: page by page, past whatever is destroyed.

At once, within a bound: the state, so that the lesson goes on (`quick`). In a process of its own,
for as long as it takes: every row, into a file from which the journal takes them over (`main`).
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from agent.journal import receipt, snapshot
from agent.journal.damage import MIN_EVENT_ID, Salvaged
from agent.journal.migrations import migrate
from agent.journal.reading import SEQ_BITS, SEQ_MASK, EventRow
from agent.journal.sqlite_pages import (
    PAGE_SIZES,
    BadPage,
    Cell,
    Frame,
    Wal,
    cells,
    file_page_bytes,
    read_wal,
)
from agent.lesson.events import KINDS, decode_body, kind_of
from agent.lesson.model import State
from agent.lesson.replay import Stamped, apply

Table = Literal["event", "boot", "meta", "snapshot", "aside"]
QUICK_S = 1.5
"""So long the start of a lesson may wait for the state."""
REPLAYED_EVENTS = 100_000
"""Without a snapshot, the state comes from so many of the newest events."""
CHUNK_PAGES = 256
SAMPLE_PAGES = 64
MAX_EPOCH = 2**31 - 1
MAX_ID_CHARS = 80
ROWS_A_WRITE = 2_000


class Quick(NamedTuple):
    """What a damaged journal says at first sight.

    Attributes:
        state: as far as it could be rebuilt; its `epoch` is the newest that was seen, 0 if none.
        boots: number to the kernel's id.
        newest_boot: the highest number of a boot that anything names; 0 if nothing does.
        notes: as kept by `Journal.note`.
        whole: the state is all there; else a replay of what is salvaged says more.
    """

    state: State
    boots: dict[int, str]
    newest_boot: int
    notes: dict[str, str]
    whole: bool


# -- rows out of pages ----------------------------------------------------------------------------


def understood(cell: Cell) -> tuple[Table, tuple[object, ...]] | None:
    """The table and the row that a record is, None if it is none of ours or makes no sense."""
    rowid, values = cell
    table: Table | None = None
    row: tuple[object, ...] = ()
    if rowid is None:
        if len(values) == 2 and all(isinstance(one, str) for one in values):  # noqa: PLR2004
            table, row = "meta", values
    elif values[0] is None and rowid > 0:
        kinds = tuple(type(one) for one in values[1:])
        if kinds == (int, int, str, bytes):
            event = (rowid, *values[1:])
            if _is_event(event):  # type: ignore[arg-type]
                table, row = "event", event
        elif kinds == (str,):
            if rowid < MIN_EVENT_ID and len(str(values[1])) <= MAX_ID_CHARS:
                table, row = "boot", (rowid, values[1])
            elif rowid > MIN_EVENT_ID:
                table, row = "aside", (rowid, values[1])
        elif kinds == (str, bytes) and rowid > MIN_EVENT_ID:
            table, row = "snapshot", (rowid, *values[1:])
    return None if table is None else (table, row)


def _is_event(row: EventRow) -> bool:
    number, boot, _, kept, body = row
    kind = kind_of(kept)
    if not MIN_EVENT_ID < number <= MAX_EPOCH << SEQ_BITS | SEQ_MASK or not number & SEQ_MASK:
        return False
    if not 0 < boot < MIN_EVENT_ID:
        return False
    try:
        if kind in KINDS:
            decode_body(kind, body)
            return True
        return kind.isidentifier() and isinstance(msgspec.json.decode(body), dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


class DamagedFile:
    """The pages of a damaged journal and of its log. Reads past what the disk cannot give."""

    def __init__(self, path: Path) -> None:
        """Open it for reading."""
        self._file = path.open("rb", buffering=0)
        log = path.with_name(path.name + "-wal")
        self._log = log.read_bytes() if log.exists() else b""
        self.size_bytes = path.stat().st_size
        self._overlay: dict[int, bytes] = {}
        self.page_bytes = self._page_bytes()
        self.bad_pages = 0

    def close(self) -> None:
        """Close it."""
        self._file.close()

    def _page_bytes(self) -> int:
        """By the header; if that is destroyed, by the log's; else what makes most sense."""
        by_header = file_page_bytes(self._read(0, 100))
        if by_header is not None:
            return by_header
        if (wal := read_wal(self._log[:32], None)) is not None:
            return wal.page_bytes
        middle = self.size_bytes // 2

        def rows(page_bytes: int) -> int:
            self.page_bytes = page_bytes
            first = middle // page_bytes + 1
            pages = range(first, first + SAMPLE_PAGES)
            return sum(1 for page in pages for _ in self._cells_of(page))

        self.bad_pages = 0
        return max(PAGE_SIZES, key=rows)

    def _read(self, at: int, size_bytes: int) -> bytes:
        try:
            return os.pread(self._file.fileno(), size_bytes, at)
        except OSError:
            return b""

    def page(self, number: int) -> bytes | None:
        """One page, as the newest whole transaction has it."""
        page_bytes = self.page_bytes
        data = self._overlay.get(number) or self._read((number - 1) * page_bytes, page_bytes)
        return data if len(data) == page_bytes else None

    def _cells_of(self, number: int) -> Iterator[Cell]:
        data = self.page(number)
        if data is not None:
            with suppress(BadPage):
                yield from cells(data, self.page, first_page=number == 1)

    def cells(self) -> Iterator[Cell]:
        """Every record, of the newest pages first: of two versions of a row the first holds."""
        wal = read_wal(self._log, self.page_bytes) or Wal(self.page_bytes, [], [])
        self._overlay = {frame.page: frame.data for frame in wal.durable}
        yield from self._of_frames(list(wal.durable))
        last = self.size_bytes // self.page_bytes
        yield from self._chunk(0, min(CHUNK_PAGES, last))  # the small tables begin here
        for end in range(last, CHUNK_PAGES, -CHUNK_PAGES):
            yield from self._chunk(max(end - CHUNK_PAGES, CHUNK_PAGES), end)
        yield from self._of_frames(wal.others)

    def _chunk(self, start: int, end: int) -> Iterator[Cell]:
        """Of pages by their place in the file, from 0, the last first."""
        page_bytes = self.page_bytes
        chunk = self._read(start * page_bytes, (end - start) * page_bytes)
        for place in reversed(range(start, end)):
            page = chunk[(place - start) * page_bytes : (place - start + 1) * page_bytes]
            if len(page) < page_bytes:  # the disk failed on the chunk: one by one
                page = self._read(place * page_bytes, page_bytes)
            yield from self._of_page(page, first_page=place == 0)

    def behind_damage(self) -> Iterator[Cell]:
        """Every record of the log where SQLite reads no more."""
        wal = read_wal(self._log, self.page_bytes)
        yield from self._of_frames([] if wal is None else wal.others)

    def _of_frames(self, frames: list[Frame]) -> Iterator[Cell]:
        for frame in reversed(frames):
            yield from self._of_page(frame.data, first_page=frame.page == 1)

    def _of_page(self, page: bytes, *, first_page: bool) -> Iterator[Cell]:
        try:
            yield from cells(page, self.page, first_page=first_page)
        except BadPage:
            self.bad_pages += 1


# -- at once --------------------------------------------------------------------------------------


class _Found:
    """What was read so far, the best of each."""

    def __init__(self) -> None:
        self.boots: dict[int, str] = {}
        self.notes: dict[str, str] = {}
        self.snapshots: dict[int, tuple[str, bytes]] = {}
        self.events: dict[int, EventRow] = {}

    def add(self, table: Table, row: Any) -> None:
        number = row[0]
        if table == "event":
            self.events.setdefault(number, row)
        elif table == "boot":
            self.boots.setdefault(number, row[1])
        elif table == "meta":
            self.notes.setdefault(number, row[1])
        elif table == "snapshot":
            self.snapshots.setdefault(number, row[1:])

    def state(self) -> tuple[State, bool]:
        """The state that these add up to, and whether it is based on a snapshot."""
        for number in sorted(self.snapshots, reverse=True):
            state = snapshot.decoded(self.snapshots[number])
            if state is not None:
                return state, True
        return State(), False


def quick(damaged: Path) -> Quick:
    """The state of a damaged journal, as good as `QUICK_S` seconds allow."""
    deadline_s = time.monotonic() + QUICK_S
    found = _Found()
    read = _by_sqlite(damaged, found, deadline_s)
    read = _by_pages(damaged, found, deadline_s, log_alone=read) or read
    state, from_snapshot = found.state()
    after = state.epoch << SEQ_BITS | state.seq
    rows = {number: found.events[number] for number in sorted(found.events) if number > after}
    whole = _advance(state, rows)
    begins = from_snapshot or state.seq == len(rows)
    newest_boot = max((one for one in _boots_named(state, rows) if one < MIN_EVENT_ID), default=0)
    return Quick(state, found.boots, newest_boot, found.notes, read and whole and begins)


def _boots_named(state: State, rows: dict[int, EventRow]) -> Iterator[int]:
    """The numbers of boots in events and in the state."""
    yield from (boot for _, boot, *_ in rows.values())
    yield from (span.opened.boot for span in state.spans.values())
    for lesson in state.lessons:
        yield from (question.opened.boot for question in lesson.questions)


def _by_sqlite(damaged: Path, found: _Found, deadline_s: float) -> bool:
    """With SQLite's help, up to what it cannot read; whether that was nothing."""
    uri = f"{damaged.absolute().as_uri()}?mode=ro"
    wanted: dict[Table, str] = {
        "boot": "select number, boot_id from boot",
        "meta": "select name, value from meta",
        "snapshot": "select id, fingerprint, state from snapshot",
        "event": "select id, boot, mono_ns, kind, body from event where id > ? order by id limit ?",
    }
    everything = True
    with suppress(sqlite3.Error), closing(sqlite3.connect(uri, uri=True)) as db:
        db.set_progress_handler(lambda: time.monotonic() > deadline_s, 10_000)
        for table, query in wanted.items():
            state, _ = found.state()
            after = state.epoch << SEQ_BITS | state.seq
            values = (after, REPLAYED_EVENTS) if table == "event" else ()
            try:
                for row in db.execute(query, values):
                    found.add(table, row)
            except sqlite3.Error:
                everything = False
        return everything and len(found.events) < REPLAYED_EVENTS
    return False


def _by_pages(damaged: Path, found: _Found, deadline_s: float, *, log_alone: bool) -> bool:
    """Without SQLite's help, the newest pages first; whether there was time for all.

    `log_alone`: only where SQLite reads the log no more.
    """
    with closing(DamagedFile(damaged)) as file:
        for index, cell in enumerate(file.behind_damage() if log_alone else file.cells()):
            known = understood(cell)
            if known is not None:
                found.add(*known)
            if index & 0xFF == 0 and (
                time.monotonic() > deadline_s or len(found.events) > REPLAYED_EVENTS
            ):
                return False
    return True


def _advance(state: State, rows: dict[int, EventRow]) -> bool:
    """Apply rows in order; whether none is missing between them."""
    gapless = True
    for number in sorted(rows):
        _, boot, mono_ns, kept, body = rows[number]
        epoch, seq = number >> SEQ_BITS, number & SEQ_MASK
        follows = seq == state.seq + 1 if epoch == state.epoch else seq == 1
        gapless = gapless and follows
        try:
            event = decode_body(kind_of(kept), body)
        except (KeyError, msgspec.DecodeError, UnicodeDecodeError):
            gapless = False
            continue
        apply(state, Stamped(epoch, seq, boot, mono_ns, event))
    return gapless


# -- all of it, in a process of its own -----------------------------------------------------------


def salvage(damaged: Path, out: Path) -> Salvaged:
    """Write every readable row into a new journal at `out`, which appears when it is whole."""
    partial = out.with_name(out.name + ".partial")
    partial.unlink(missing_ok=True)
    with closing(DamagedFile(damaged)) as file:
        db = sqlite3.connect(partial, isolation_level=None)
        with closing(db):
            db.execute("pragma journal_mode=off")
            db.execute("pragma synchronous=off")
            migrate(db, str(partial))
            _fill(db, file)
            gave = _counted(db)
    with partial.open("rb+") as written:
        os.fsync(written.fileno())
    partial.rename(out)
    return gave


def _fill(db: sqlite3.Connection, file: DamagedFile) -> None:
    statements: dict[Table, str] = {
        "event": "insert or ignore into event values(?,?,?,?,?)",
        "boot": "insert or ignore into boot values(?,?)",
        "meta": "insert or ignore into meta values(?,?)",
        "aside": "insert or ignore into aside values(?,?)",
    }
    waiting: dict[Table, list[tuple[object, ...]]] = {table: [] for table in statements}
    db.execute("begin")
    for cell in file.cells():
        known = understood(cell)
        if known is None or known[0] not in waiting:
            continue
        rows = waiting[known[0]]
        rows.append(known[1])
        if len(rows) == ROWS_A_WRITE:
            db.executemany(statements[known[0]], rows)
            rows.clear()
    for table, rows in waiting.items():
        db.executemany(statements[table], rows)
    db.execute(
        "insert or ignore into boot select distinct boot, 'unknown-' || boot from event "
        "where boot not in (select number from boot)"
    )
    db.execute("commit")


def _counted(db: sqlite3.Connection) -> Salvaged:
    record = db.execute("select value from meta where name = ?", (receipt.NOTE,)).fetchone()
    noted = receipt.read(record[0] if record else None)
    epoch, upto = (0, 0) if noted is None else (noted.epoch, noted.seq)
    after = epoch << SEQ_BITS | upto
    missing = 0
    query = (
        "select id >> 32, count(*), min(id & 4294967295), max(id & 4294967295) from event "
        "where id > ? group by id >> 32"
    )
    for of_epoch, count, first, last in db.execute(query, (after,)):
        before = first - 1 if noted is None else upto if of_epoch == epoch else 0
        missing += last - before - count
    kept = db.execute("select count(*) from event").fetchone()[0]
    return Salvaged(kept, missing)


def main(damaged: Path, out: Path) -> None:
    """Salvage one file, at the lowest priority; the yield is one line of JSON on stdout."""
    os.nice(19)
    sys.stdout.write(msgspec.json.encode(salvage(damaged, out)).decode() + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
