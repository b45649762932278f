"""What a journal's file says: read over a connection of its own that cannot write."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from agent.lesson.events import decode_body, kind_of
from agent.lesson.model import LessonSpan, Position
from agent.lesson.replay import Stamped

SEQ_BITS = 32
SEQ_MASK = (1 << SEQ_BITS) - 1
_NO_END = (1 << 63) - 1
_NO_LIMIT = -1

EventRow = tuple[int, int, int, str, bytes]
"""A row of the table: id, boot, mono_ns, kind, body. In the file, some kinds have short names."""


class Row(msgspec.Struct, frozen=True, gc=False):
    """One event as it lies in the journal. `boot` is the kernel's boot id."""

    epoch: int
    seq: int
    boot: str
    mono_ns: int
    kind: str
    body: bytes


def row_id(epoch: int, seq: int) -> int:
    """The primary key of an event."""
    return epoch << SEQ_BITS | seq


def unknown_boot(number: int) -> str:
    """Stands for the kernel's id of a boot that cannot be read."""
    return f"unknown-{number}"


class JournalReader:
    """The reading half of a journal: committed events, notes and the snapshot."""

    path: Path
    unreadable = 0
    """How many events were skipped, since what they say is not known."""
    _reader: sqlite3.Connection
    _boots: dict[int, str]

    def _open_reader(self) -> None:
        self._reader = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        self._reader.execute("pragma cache_size=-128")

    def _rows(self, first: int, last: int, limit: int) -> Iterable[EventRow]:
        """Rows of the table by id, both ends included, under the names of their kinds."""
        query = (
            "select id, boot, mono_ns, kind, body from event where id between ? and ? "
            "order by id limit ?"
        )
        for number, boot, mono_ns, kept, body in self._reader.execute(query, (first, last, limit)):
            yield number, boot, mono_ns, kind_of(kept), body

    def read(self, epoch: int, after: int, limit: int) -> list[Row]:
        """Committed events of one epoch, from `after` + 1 on, at most `limit`."""
        rows = self._rows(row_id(epoch, after) + 1, row_id(epoch, SEQ_MASK), limit)
        boots = self._boots
        return [
            Row(
                epoch,
                number & SEQ_MASK,
                boots.get(boot) or unknown_boot(boot),
                mono_ns,
                kind,
                body,
            )
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
        for number, boot, mono_ns, kind, body in JournalReader._rows(self, first, last, _NO_LIMIT):
            try:
                event = decode_body(kind, body)
            except (KeyError, msgspec.DecodeError, UnicodeDecodeError):
                self.unreadable += 1  # of a newer agent, or damaged: the rest is worth having
                continue
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

    def asides(self) -> int:
        """How many events the school did not take."""
        return int(self._reader.execute("select count(*) from aside").fetchone()[0])

    def snapshot(self) -> tuple[str, bytes] | None:
        """The newest snapshot: fingerprint and state."""
        row = self._reader.execute(
            "select fingerprint, state from snapshot order by id desc limit 1"
        ).fetchone()
        return None if row is None else (str(row[0]), bytes(row[1]))

    def covered(self) -> Position:
        """Up to where the newest snapshot says everything; 0:0 without one."""
        row = self._reader.execute("select max(id) from snapshot").fetchone()
        number = row[0] or 0
        return Position(number >> SEQ_BITS, number & SEQ_MASK)

    def used_bytes(self) -> int:
        """How much of the file holds something; what was deleted is free for new events."""
        pages, free, page_bytes = (
            self._reader.execute(f"pragma {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * page_bytes)

    def learn_boots(self) -> None:
        """Know boots that were taken over from another file."""
        self._boots |= dict(self._reader.execute("select number, boot_id from boot"))

    def boot_id(self, number: int) -> str:
        """The kernel's id of a boot; made up where damage took the row that says it."""
        return self._boots.get(number) or unknown_boot(number)
