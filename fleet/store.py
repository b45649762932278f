"""What the school holds: SQLite, every commit durable before a board is told."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from agent.lesson.events import KINDS, ClockLearnt, Event, EventLost, decode_body
from agent.wire.payloads import (
    MAX_ITEMS,
    SET_ASIDE,
    Batch,
    BoardState,
    Item,
    Receipt,
    RollUp,
    decode_roll_up,
    encode,
)
from agent.wire.topics import Address
from fleet.schema import NEWEST, STEPS

BUSY_S = 30.0
"""How long another process may hold the file."""
SET_ASIDE_CODE = "set_aside"
MAX_OFFSET_NS = 2**61
END_OF_TIME_NS = 2**63 - 1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LAST_YEAR = 2200
"""What lies behind it, or before 1970, does not fit and is no time that a board can mean."""


class StoreUnusable(RuntimeError):
    """The database cannot be used; a person must act."""


class Taken(NamedTuple):
    """What became of a batch. `collisions`: not repeated, but others under names in use."""

    receipt: Receipt
    new: int
    duplicates: int
    gap: bool
    collisions: int


class DeviceCounts(NamedTuple):
    """What a board sent beside new events, since the school knows it."""

    duplicates: int
    gaps: int
    unreadable: int


class HeldEvent(NamedTuple):
    """An event as the school holds it. Times are in nanoseconds since 1970, UTC.

    `not_before_ns`, `not_after_ns`: what its neighbours and its arrival say of an event whose time
    is an estimate; None of one whose time is known.
    """

    device: str
    epoch: int
    seq: int
    boot: str
    mono_ns: int
    at_ns: int | None
    clock: str
    kind: str
    version: int
    body: str
    place: str
    received_ns: int
    not_before_ns: int | None = None
    not_after_ns: int | None = None


class Store:
    """The school's database. One thread; several processes may share the file."""

    def __init__(self, path: Path) -> None:
        """Take everything, open nothing."""
        self._path = path

    def open(self) -> None:
        """Open the file, making it if need be.

        Raises:
            StoreUnusable: it is damaged, not ours, or of a newer version.
        """
        try:
            self._db = sqlite3.connect(self._path, isolation_level=None, timeout=BUSY_S)
            self._must_be_ours()
            self._db.execute("pragma journal_mode=wal")
            self._db.execute("pragma synchronous=full")
            version = self._version()
            if version in STEPS:
                with self.transaction():
                    version = self._version()  # another worker may have made it meanwhile
                    for statement in STEPS.get(version, "").split(";"):
                        self._db.execute(statement)
                    if version in STEPS:
                        self._db.execute(f"pragma user_version={NEWEST}")
            elif version != NEWEST:
                self._db.close()
                raise StoreUnusable(f"{self._path} is of version {version}: use a newer program")
        except sqlite3.Error as error:
            raise StoreUnusable(f"{self._path} cannot be used: {error}") from error

    def _must_be_ours(self) -> None:
        """A board's journal is SQLite, too, perhaps of the same version: it is left alone."""
        names = {row[0] for row in self._db.execute("select name from sqlite_master")}
        if names and not {"event", "upto", "quarantine"} <= names:
            self._db.close()
            raise StoreUnusable(f"{self._path} is no database of the school's; choose another file")

    def _version(self) -> int:
        return int(self._db.execute("pragma user_version").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What happens inside is durable when it ends, or did not happen.

        Raises:
            sqlite3.Error: the disk is full, or the file is held by others for too long.
        """
        self._db.execute("begin immediate")
        try:
            yield
            self._db.execute("commit")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("rollback")
            raise

    # -- taking in: inside a transaction ------------------------------------------------------

    def take(self, address: Address, batch: Batch, now_ns: int) -> Taken:
        """File a batch behind what is held of its epoch; nothing twice, nothing over a gap."""
        device, epoch, place = address.device, batch.epoch, address.place
        held = self.upto(device, epoch)
        self._saw(address, now_ns)
        fresh = [item for item in batch.items if item.seq > held]
        again = batch.items[: len(batch.items) - len(fresh)]
        others = self._others(device, epoch, again)
        for item in others:
            self._keep_collision(address, epoch, item, now_ns)
        duplicates = len(again) - len(others)
        gap = bool(fresh) and fresh[0].seq != held + 1
        if gap:
            fresh = []
        rows: list[tuple[object, ...]] = []
        clocks: list[tuple[int, ClockLearnt]] = []
        for item in fresh:
            event = _read(item)
            if isinstance(event, str):
                self._quarantine(address, epoch, item, event, now_ns)
                continue
            if isinstance(event, ClockLearnt):
                clocks.append((item.seq, event))
            where = (device, epoch, item.seq, item.boot, item.mono_ns, *_as_sent(item))
            rows.append((*where, item.kind, item.v, bytes(item.body).decode(), place, now_ns))
        self._db.executemany("insert into event values(?,?,?,?,?,?,?,?,?,?,?,?)", rows)
        upto = fresh[-1].seq if fresh else held
        if fresh:
            self._db.execute(
                "insert into upto values(?,?,?) on conflict do update set upto=excluded.upto",
                (device, epoch, upto),
            )
        for seq, learnt in clocks:
            self._set_clock(device, epoch, seq, learnt)
        if duplicates or gap:
            self._db.execute(
                "update device set duplicates=duplicates+?, gaps=gaps+? where device=?",
                (duplicates, gap, device),
            )
        rejected = self._rejected(device, epoch, batch.items[0].seq, upto)
        rejected = sorted({*rejected, *(item.seq for item in others)})
        if len(rejected) > MAX_ITEMS:  # the next receipt names the others, all behind this batch
            rejected, upto = rejected[:MAX_ITEMS], rejected[MAX_ITEMS] - 1
        receipt = Receipt(epoch=epoch, upto=upto, rejected=rejected, taken=bool(others))
        return Taken(receipt, len(fresh), duplicates, gap, len(others))

    def _others(self, device: str, epoch: int, items: list[Item]) -> list[Item]:
        """Of items whose names are in use, those that are not what is held under them."""
        if not items:
            return []
        where = "where device=?1 and epoch=?2 and seq between ?3 and ?4"
        held = {
            seq: (boot, mono_ns)
            for seq, boot, mono_ns in self._db.execute(
                f"select seq, boot, mono_ns from event {where} "  # noqa: S608 (the text above)
                f"union all select seq, boot, mono_ns from quarantine {where}",
                (device, epoch, items[0].seq, items[-1].seq),
            )
        }
        return [
            item
            for item in items
            if item.kind != EventLost.__name__  # the board no longer has what is held here
            and held.get(item.seq) not in (None, (item.boot, item.mono_ns))
        ]

    def _keep_collision(self, address: Address, epoch: int, item: Item, now_ns: int) -> None:
        self._db.execute(
            "insert or ignore into collision values(?,?,?,?,?,?,?,?,?,?)",
            (
                *(address.device, epoch, item.seq, item.boot, item.mono_ns, item.kind, item.v),
                *(bytes(item.body), address.place, now_ns),
            ),
        )

    def _rejected(self, device: str, epoch: int, first: int, last: int) -> list[int]:
        """Also those of an earlier receipt, which may be lost; not what the board set aside.

        The first, and one more than a receipt has room for.
        """
        rows = self._db.execute(
            "select seq from quarantine where device=? and epoch=? and seq between ? and ? "
            "and code<>? order by seq limit ?",
            (device, epoch, first, last, SET_ASIDE_CODE, MAX_ITEMS + 1),
        )
        return [seq for (seq,) in rows]

    def _quarantine(self, address: Address, epoch: int, item: Item, code: str, now_ns: int) -> None:
        self._db.execute(
            "insert or replace into quarantine values(?,?,?,?,?,?,?,?,?,?,?)",
            (
                *(address.device, epoch, item.seq, item.kind, item.v, item.boot, item.mono_ns),
                *(bytes(item.body), code, address.place, now_ns),
            ),
        )

    def _set_clock(self, device: str, epoch: int, seq: int, learnt: ClockLearnt) -> None:
        """The newest word about a boot's clock dates all of its events, also those held."""
        self._db.execute(
            "insert into boot values(?,?,?,?,?) on conflict do update set "
            "offset_ns=excluded.offset_ns, epoch=excluded.epoch, seq=excluded.seq "
            "where (excluded.epoch, excluded.seq) > (boot.epoch, boot.seq)",
            (device, learnt.boot, learnt.offset_ns, epoch, seq),
        )

    def take_state(self, address: Address, state: BoardState, now_ns: int) -> None:
        """Keep a board's newest birth or death."""
        self._saw(address, now_ns)
        self._db.execute(
            "insert or replace into board_state values(?,?,?,?)",
            (address.device, state.online, encode(state).decode(), now_ns),
        )

    def take_roll_up(self, address: Address, roll_up: RollUp, now_ns: int) -> None:
        """Keep the highest revision of a roll-up."""
        self._saw(address, now_ns)
        self._db.execute(
            "insert into roll_up values(?,?,?,?,?,?,?,?) on conflict do update set "
            "revision=excluded.revision, body=excluded.body, place=excluded.place, "
            "received_ns=excluded.received_ns where excluded.revision >= roll_up.revision",
            (
                *(address.device, roll_up.lesson, roll_up.question or 0, roll_up.round),
                *(roll_up.revision, encode(roll_up).decode(), address.place, now_ns),
            ),
        )

    def note_unreadable(self, address: Address, now_ns: int) -> None:
        """Count a batch that could not be read."""
        self._saw(address, now_ns)
        self._db.execute(
            "update device set unreadable=unreadable+1 where device=?", (address.device,)
        )

    def _saw(self, address: Address, now_ns: int) -> None:
        self._db.execute(
            "insert into device(device, place, first_seen_ns, last_seen_ns) values(?,?,?,?) "
            "on conflict do update set place=excluded.place, last_seen_ns=excluded.last_seen_ns",
            (address.device, address.place, now_ns, now_ns),
        )

    # -- looking ------------------------------------------------------------------------------

    def upto(self, device: str, epoch: int) -> int:
        """The contiguous prefix held of an epoch."""
        row = self._db.execute(
            "select upto from upto where device=? and epoch=?", (device, epoch)
        ).fetchone()
        return 0 if row is None else int(row[0])

    def receipts(self, device: str) -> list[Receipt]:
        """What is held of a board, epoch by epoch."""
        rows = self._db.execute(
            "select epoch, upto from upto where device=? order by epoch", (device,)
        )
        return [Receipt(epoch=epoch, upto=upto) for epoch, upto in rows]

    def events(self, device: str | None = None) -> Iterator[HeldEvent]:
        """What is held, in the order of each board's journal."""
        of, not_before_ns, not_after_ns = "", None, None
        for row in self._db.execute(
            "select device, epoch, seq, boot, mono_ns, at_ns, clock, kind, version, body, place, "
            "received_ns from timed_event where ?1 is null or device = ?1 "
            "order by device, epoch, seq",
            (device,),
        ):
            event = HeldEvent(*row)
            if event.device != of:
                of, not_before_ns, not_after_ns = event.device, None, None
            if event.clock == "synced":
                not_before_ns, not_after_ns = event.at_ns, None
                yield event
                continue
            if not_after_ns is None:
                not_after_ns = self._next_known_ns(event)
            latest_ns = min(event.received_ns, not_after_ns)
            yield event._replace(not_before_ns=not_before_ns, not_after_ns=latest_ns)

    def _next_known_ns(self, event: HeldEvent) -> int:
        """The time of the first event behind this one that has a known one; the end of time."""
        row = self._db.execute(
            "select at_ns from timed_event where device=? and (epoch, seq) > (?, ?) "
            "and clock='synced' order by epoch, seq limit 1",
            event[:3],
        ).fetchone()
        return END_OF_TIME_NS if row is None else int(row[0])

    def quarantined(self, device: str) -> list[tuple[int, int, str]]:
        """(epoch, seq, code) of what could not be filed of a board."""
        rows = self._db.execute(
            "select epoch, seq, code from quarantine where device=? order by epoch, seq", (device,)
        )
        return rows.fetchall()

    def collisions(self, device: str) -> list[tuple[int, int, str]]:
        """(epoch, seq, kind) of events whose names were taken by others."""
        rows = self._db.execute(
            "select epoch, seq, kind from collision where device=? order by epoch, seq", (device,)
        )
        return rows.fetchall()

    def board_state(self, device: str) -> str | None:
        """The newest birth or death of a board, as JSON; None if it never said one."""
        row = self._db.execute("select body from board_state where device=?", (device,)).fetchone()
        return None if row is None else str(row[0])

    def roll_ups(self, device: str) -> list[RollUp]:
        """The counts a board has published."""
        rows = self._db.execute(
            "select body from roll_up where device=? order by lesson, question, round", (device,)
        )
        return [decode_roll_up(body.encode()) for (body,) in rows]

    def count(
        self, table: Literal["event", "quarantine", "roll_up", "board_state", "device"]
    ) -> int:
        """How many rows a table has."""
        return int(self._db.execute(f"select count(*) from {table}").fetchone()[0])  # noqa: S608 (one of these)

    def device_counts(self, device: str) -> DeviceCounts:
        """What a board sent beside new events."""
        row = self._db.execute(
            "select duplicates, gaps, unreadable from device where device=?", (device,)
        ).fetchone()
        return DeviceCounts(*(row or (0, 0, 0)))

    def duplicates(self) -> int:
        """Events that came again, over all boards."""
        return int(self._db.execute("select sum(duplicates) from device").fetchone()[0] or 0)


def _read(item: Item) -> Event | str:
    """The event, or the code of why it cannot be filed."""
    if item.kind == SET_ASIDE:
        return SET_ASIDE_CODE
    if item.kind not in KINDS:
        return "kind_unknown"
    if item.v > KINDS[item.kind].version:
        return "version_unknown"
    try:
        bytes(item.body).decode()
        event = decode_body(item.kind, bytes(item.body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "body_invalid"
    if isinstance(event, ClockLearnt) and abs(event.offset_ns) > MAX_OFFSET_NS:
        return "body_invalid"
    return event


def _as_sent(item: Item) -> tuple[int | None, str]:
    """Nanoseconds since 1970, and how good they are, as the board knew it then."""
    if item.at is None or not EPOCH.year <= item.at.year <= LAST_YEAR:
        return None, "estimated"
    return (item.at - EPOCH) // MICROSECOND * 1000, item.clock
