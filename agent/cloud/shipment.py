"""Rows of the outbox packed into one batch; a stand-in for what cannot be published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

import msgspec

from agent.lesson.events import KINDS, EventLost, public_body
from agent.wire import codec
from agent.wire.batch import batch_json, item_json, item_template
from agent.wire.payloads import SET_ASIDE, ClockQuality

MAX_BATCH_BYTES = 250 * 1024
"""Of JSON, before it is deflated; a little less than what anybody inflates."""
_1970 = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Row(Protocol):
    """One event as the journal holds it."""

    @property
    def seq(self) -> int:
        """Its number in the epoch, from 1, without gaps."""

    @property
    def boot(self) -> str:
        """The power-on in which `mono_ns` counts."""

    @property
    def mono_ns(self) -> int:
        """When it happened."""

    @property
    def kind(self) -> str:
        """Name of the event."""

    @property
    def body(self) -> bytes:
        """The event as JSON."""


class WallClock(Protocol):
    """What the board knows of the time."""

    def wall(self, boot: str, mono_ns: int) -> tuple[datetime | None, ClockQuality]:
        """Wall time of a moment, None if that boot never learnt it."""


class LostRow(NamedTuple):
    """Stands for an event that the journal no longer has, with the time of the next that it has."""

    seq: int
    boot: str
    mono_ns: int
    kind: str = EventLost.__name__
    body: bytes = b"{}"


class Shipment(NamedTuple):
    """A batch on its way; resent byte for byte."""

    epoch: int
    first: int
    last: int
    packed: codec.Packed
    stand_in: bool


class Packer:
    """Makes batches of rows, and remembers which events nobody can read."""

    def __init__(self, clock: WallClock, *, set_aside: Callable[[int, int, str], None]) -> None:
        """`set_aside`: told (epoch, seq, reason) of an event that cannot be published."""
        self.max_batch_bytes = MAX_BATCH_BYTES
        self._clock = clock
        self._tell = set_aside
        self._unreadable: set[tuple[int, int]] = set()

    def set_aside(self, epoch: int, seq: int, reason: str) -> None:
        """From now on a stand-in takes the place of this event."""
        self._unreadable.add((epoch, seq))
        self._tell(epoch, seq, reason)

    def stands_in(self, epoch: int, seq: int) -> bool:
        """Whether a stand-in takes the place of this event."""
        return (epoch, seq) in self._unreadable

    def forget(self, epoch: int, upto: int) -> None:
        """The school has these."""
        if self._unreadable:
            self._unreadable = {one for one in self._unreadable if one > (epoch, upto)}

    def pack(self, epoch: int, rows: Sequence[Row], *, backlog: bool = False) -> Shipment:
        """As many of the rows, from the first on, as one batch has room for.

        `backlog`: there are very many, so that it pays to deflate harder.
        """
        starts: dict[str, tuple[int | None, ClockQuality]] = {}
        items: list[bytes] = []
        room_bytes = self.max_batch_bytes
        for row in rows:
            start = starts.get(row.boot)
            if start is None:
                start = starts[row.boot] = self._start(row.boot)
            item = self._item(epoch, row, start)
            room_bytes -= len(item) + 1
            if room_bytes < 0:
                if items:
                    break
                self.set_aside(epoch, row.seq, "too_large")
                item = self._item(epoch, row, start)
            items.append(item)
        packed = codec.pack(batch_json(epoch, items), codec.SMALL if backlog else codec.QUICK)
        first = rows[0].seq
        return Shipment(epoch, first, first + len(items) - 1, packed, self.stands_in(epoch, first))

    def _start(self, boot: str) -> tuple[int | None, ClockQuality]:
        """Wall time of a boot's beginning in ns since 1970, and how good it is."""
        at, quality = self._clock.wall(boot, 0)
        return None if at is None else (at - _1970) // _MICROSECOND * 1000, quality

    def _item(self, epoch: int, row: Row, start: tuple[int | None, ClockQuality]) -> bytes:
        kind, version, body = row.kind, 1, row.body
        unreadable = self._unreadable
        if not unreadable or (epoch, row.seq) not in unreadable:
            try:
                known = KINDS[kind]
                version = known.version
                if known.stays_on_board or not body.startswith(b"{"):
                    body = public_body(kind, body)
            except (KeyError, msgspec.DecodeError, AttributeError, TypeError):
                self.set_aside(epoch, row.seq, "unreadable")
        if unreadable and (epoch, row.seq) in unreadable:
            kind, version, body = SET_ASIDE, 1, encode_stand_in(row.kind)
        zero_ns, quality = start
        wall_ns = None if zero_ns is None else zero_ns + row.mono_ns
        template = item_template(kind, version, row.boot, quality)
        return item_json(template, row.seq, row.mono_ns, wall_ns, body)


def encode_stand_in(kind: str) -> bytes:
    """The body of an item that stands in for an event of this kind."""
    return msgspec.json.encode({"kind": kind[:40]})
