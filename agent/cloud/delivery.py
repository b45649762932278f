"""Which events go to the school now, and when the same ones go again (agent.cloud.shipment: how).

It reads the outbox and sends nothing itself.

A few batches are in flight, one behind the other. The oldest is resent until the school's own
receipt, alone: those behind it follow anew. So the order of events holds, and a broker's word for
it does not count. An event that the school cannot read is found by halving
the batch; an item that says so takes its place, and the event itself stays in `aside`.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from agent.cloud.shipment import LostRow, Packer, Row, Shipment, WallClock
from agent.journal import receipt as receipts
from agent.wire import codec
from agent.wire.payloads import MAX_ITEMS, BadBatch, Receipt

FIRST_RESEND_S = 1.0
LAST_RESEND_S = 300.0
"""A school that was away says so when it comes back, and a broker too: until then every try is
paid for by the byte."""
ON_ITS_WAY_S = 60.0
"""So long the broker may take to have a batch before it is sent again."""
MANY_EVENTS = 500
"""So many would go again after a kill: their receipt is noted soon."""
BACKLOG_EVENTS = 10_000
"""So many are a backlog: bytes count more than how soon each is there."""
TERM_EVENTS = 50_000
PACE_S = 0.025
"""So many events go out one batch at a time, 30,000 events a second: a lesson goes on beside it."""
BATCHES_IN_FLIGHT = 4
"""A line with a long way, or a school that gathers its commits, is kept busy by a few."""
GAPS_BELIEVED = 3


class Outbox(Protocol):
    """The journal as the uplink sees it. Called in the loop's thread; every method is quick."""

    def read(self, epoch: int, after: int, limit: int) -> Sequence[Row]:
        """Committed events of one epoch from `after` + 1 on, in order."""

    def epochs(self) -> list[int]:
        """The epochs that have events, oldest first."""

    def newest(self) -> tuple[int, int]:
        """(epoch, seq) of the newest committed event, (0, 0) if there is none."""

    def last_seq(self, epoch: int) -> int:
        """The highest seq of an epoch, 0 if it has none."""

    def noted(self, name: str) -> str | None:
        """A small fact kept by `note`."""

    def note(self, name: str, value: str, *, soon: bool = False) -> None:
        """Keep a small fact; it may be lost when the power goes."""

    def put_aside(self, epoch: int, seq: int, reason: str) -> None:
        """Remember that the school did not take this event."""

    def asides(self) -> int:
        """How many events are put aside."""


class Counters(msgspec.Struct):
    """What has happened since start.

    Attributes:
        name_taken: receipts by which somebody else writes under this board's name: the school
            holds more of the newest epoch than was ever written here, or other events.
        lost: numbers that were declared lost, since the journal no longer has their events.
    """

    sent: int = 0
    resent: int = 0
    received: int = 0
    rejected: int = 0
    aside: int = 0
    stale: int = 0
    name_taken: int = 0
    gaps: int = 0
    lost: int = 0


class Delivery:
    """The cursor over the journal and the batches in flight. Times are seconds of one clock."""

    def __init__(
        self,
        outbox: Outbox,
        clock: WallClock,
        *,
        jitter: Callable[[], float],
        on_name_taken: Callable[[int], None] = lambda _epoch: None,
    ) -> None:
        """Take everything, read nothing.

        Args:
            outbox: the journal.
            clock: what the board knows of the time.
            jitter: gives numbers from 0 to 1.
            on_name_taken: told the newest epoch when the school holds more of it than was ever
                written here, or other events. What is written from now on needs a new one, or it
                would bear names of somebody else's events. Told again until there is one.
        """
        self.count = Counters()
        self.aside = 0
        self.epoch = 0
        self.upto = 0
        self.packer = Packer(clock, set_aside=self._set_aside)
        self._outbox = outbox
        self._jitter = jitter
        self._on_name_taken = on_name_taken
        self._held = False
        self._newest = (0, 0)
        self._after = 0
        self._window = MAX_ITEMS
        self._in_flight: deque[Shipment] = deque()
        self._sent_at_s = 0.0
        self._resend_at_s = 0.0
        self._resend_s = FIRST_RESEND_S
        self._gaps_in_a_row = 0
        self._unnoted = 0
        self._next_at_s = 0.0

    def open(self) -> None:
        """Take up where the receipt on record ends."""
        self._newest = self._outbox.newest()
        self.aside = self._outbox.asides()
        noted = receipts.read(self._outbox.noted(receipts.NOTE))
        if noted is not None and noted.epoch <= self._newest[0]:
            # A disk that lost what it had said was written may know a receipt and not the events.
            self.epoch = noted.epoch
            self.upto = min(noted.seq, self._outbox.last_seq(noted.epoch))
        elif self._newest != (0, 0):
            self.epoch = self._outbox.epochs()[0]
            self.upto = self._outbox.read(self.epoch, 0, 1)[0].seq - 1
        self._after = self.upto

    def hold(self) -> None:
        """Send nothing until `release`: the journal is not all there yet."""
        self._held = True

    def release(self) -> None:
        """Take up again where the receipt on record ends."""
        self._held = False
        self.open()

    def committed(self, epoch: int, seq: int) -> None:
        """Events up to this one are durable."""
        self._newest = max(self._newest, (epoch, seq))

    @property
    def busy(self) -> bool:
        """Whether no new batch goes out now: events only gather until the school answers."""
        return bool(self._in_flight) and (
            len(self._in_flight) >= BATCHES_IN_FLIGHT or self._resend_s > FIRST_RESEND_S
        )

    @property
    def waiting(self) -> int:
        """Events without a receipt."""
        newest_epoch, newest_seq = self._newest
        if self.epoch == newest_epoch:
            return newest_seq - self.upto
        older = [e for e in self._outbox.epochs() if self.epoch <= e < newest_epoch]
        held = sum(self._outbox.last_seq(e) for e in older)
        return newest_seq + held - (self.upto if self.epoch in older else 0)

    # -- sending ------------------------------------------------------------------------------

    def due(self, now_s: float, *, on_its_way: bool = False) -> codec.Packed | None:
        """What must be published now: the oldest batch in flight once more, or a new one.

        `on_its_way`: the broker has not acknowledged all batches that it was handed. On a slow
        line a copy would only wait behind them, and be paid for.
        """
        if self._held:
            return None
        flight = self._in_flight
        if on_its_way and self._resend_at_s <= now_s < self._sent_at_s + ON_ITS_WAY_S:
            self._resend_at_s = now_s + FIRST_RESEND_S
        if flight and now_s >= self._resend_at_s:
            while len(flight) > 1:  # those behind it would come before what it misses
                flight.pop()
            self.count.resent += 1
            self._resend_s = min(self._resend_s * 2, LAST_RESEND_S)
            self._sent(now_s)
            return flight[0].packed
        if self.busy or now_s < self._next_at_s:
            return None
        shipment = self._next()
        if shipment is None:
            return None
        if self._end() - shipment.last > TERM_EVENTS:
            self._next_at_s = now_s + PACE_S
        self.count.sent += 1
        flight.append(shipment)
        if len(flight) == 1:
            self._gaps_in_a_row = 0
            self._sent(now_s)
        return shipment.packed

    def _sent(self, now_s: float) -> None:
        """The oldest in flight went out now."""
        self._sent_at_s = now_s
        self._resend_at_s = now_s + self._resend_s * (1 + self._jitter() / 4)

    def wait_s(self, now_s: float) -> float | None:
        """How long nothing is due, unless something happens; None: until something does."""
        if self._held:
            return None
        flight = self._in_flight
        cursor = flight[-1].last if flight else self._after
        if (
            not self.busy
            and (self.epoch, cursor) != self._newest
            and not (flight and self.epoch != self._newest[0])
        ):
            due_s = min(self._next_at_s, self._resend_at_s) if flight else self._next_at_s
            return max(due_s - now_s, 0.0)
        return max(self._resend_at_s - now_s, 0.0) if flight else None

    def reconnected(self) -> None:
        """What was in flight may be lost: it is due at once."""
        self._resend_s = FIRST_RESEND_S
        self._resend_at_s = 0.0

    def _next(self) -> Shipment | None:
        flight = self._in_flight
        cursor = flight[-1].last if flight else self._after
        if (self.epoch, cursor) == self._newest:
            return None
        rows = self._outbox.read(self.epoch, cursor, self._window)
        while not rows:
            if flight:  # the next epoch begins when the school has all of this one
                return None
            later = [epoch for epoch in self._outbox.epochs() if epoch > self.epoch]
            if not later:
                return None
            self.epoch, self._after, self.upto, cursor = later[0], 0, 0, 0
            rows = self._outbox.read(self.epoch, 0, self._window)
        backlog = self._end() - cursor > BACKLOG_EVENTS
        return self.packer.pack(self.epoch, self._gapless(cursor, rows), backlog=backlog)

    def _end(self) -> int:
        """The last event of the epoch that is sent now."""
        epoch, newest = self._newest
        return newest if epoch == self.epoch else self._outbox.last_seq(self.epoch)

    def _gapless(self, after: int, rows: Sequence[Row]) -> Sequence[Row]:
        """Rows that follow one another. What is missing before them is declared in its place."""
        first = after + 1
        if rows[-1].seq == after + len(rows):
            return rows
        if rows[0].seq > first:
            missing = range(first, min(rows[0].seq, first + self._window))
            self.count.lost += len(missing)
            return [LostRow(seq, rows[0].boot, rows[0].mono_ns) for seq in missing]
        return [row for index, row in enumerate(rows) if row.seq == first + index]

    def _set_aside(self, epoch: int, seq: int, reason: str) -> None:
        self._outbox.put_aside(epoch, seq, reason)
        self.count.aside += 1
        self.aside += 1

    # -- what the school says -----------------------------------------------------------------

    def receipt(self, receipt: Receipt, now_s: float) -> bool:
        """Advance to the receipt; whether it was news."""
        upto, flight = receipt.upto, self._in_flight
        if receipt.epoch == self._newest[0] and (receipt.taken or self._ahead(upto)):
            self.count.name_taken += 1
            self._on_name_taken(receipt.epoch)
            if not receipt.taken:
                return False
        if receipt.epoch < self.epoch and self._lacks(receipt.epoch, upto):
            # A school put back from a backup; if it is only an old word, a repeat is cheap.
            self.count.gaps += 1
            self.epoch, self.upto = receipt.epoch, upto
            self._land(upto)
            return False
        if receipt.epoch != self.epoch:
            self.count.stale += 1
            return False
        # More than was sent from here since the start, the school may have from somebody else: it
        # is shown our own, and says if they are not the same.
        upto = min(upto, max(flight[-1].last if flight else self._after, self.upto))
        news = upto > self.upto
        if news:
            for seq in receipt.rejected:
                if self.upto < seq <= upto and not self.packer.stands_in(self.epoch, seq):
                    self._outbox.put_aside(self.epoch, seq, "rejected")
                    self.count.rejected += 1
                    self.aside += 1
            self.count.received += upto - self.upto
            self._unnoted += upto - self.upto
            self.upto = upto
            many = self._unnoted >= MANY_EVENTS
            self._unnoted = 0 if many else self._unnoted
            self._outbox.note(receipts.NOTE, receipts.written(self.epoch, upto), soon=many)
            self.packer.forget(self.epoch, upto)
        if not flight:
            self._after = max(self._after, upto)
        elif upto >= flight[0].first:
            self._arrived(upto, now_s)
        else:
            self._short(upto, flight[0], now_s)
        return news

    def _arrived(self, upto: int, now_s: float) -> None:
        flight = self._in_flight
        while flight and flight[0].last <= upto:
            flight.popleft()
            self._window = min(self._window * 2, MAX_ITEMS)
        if flight and flight[0].first == upto + 1:
            self._resend_s = FIRST_RESEND_S
            self._sent(now_s)
        else:  # nothing is in flight, or only what the school has a part of
            self._land(upto)

    def _lacks(self, epoch: int, upto: int) -> bool:
        """Whether the journal holds more of an earlier epoch than this."""
        return upto < self._outbox.last_seq(epoch) and bool(self._outbox.read(epoch, upto, 1))

    def _ahead(self, upto: int) -> bool:
        """Whether this is more than the journal holds of the newest epoch."""
        epoch, newest = self._newest
        return upto > newest and not self._outbox.read(epoch, upto - 1, 1)

    def _land(self, upto: int) -> None:
        """Go on behind this one, with nothing in flight."""
        self._in_flight.clear()
        self._after = upto
        self._resend_s = FIRST_RESEND_S

    def _short(self, upto: int, shipment: Shipment, now_s: float) -> None:
        """The school listens but does not have the batch."""
        if now_s - self._sent_at_s >= FIRST_RESEND_S:
            self._resend_at_s = now_s
            self._resend_s = FIRST_RESEND_S
        if upto == shipment.first - 1:
            return
        # It misses events from before the batch, perhaps restored from a backup. One such word may
        # be an old one; when it stays, the school gets what the journal still has.
        self.count.gaps += 1
        self._gaps_in_a_row += 1
        if self._gaps_in_a_row >= GAPS_BELIEVED and self._outbox.read(self.epoch, upto, 1):
            self._land(upto)

    def bad_batch(self, refusal: BadBatch) -> None:
        """Halve the batch that the school could not read, down to the event that it cannot."""
        flight = self._in_flight
        digests = [hashlib.sha256(one.packed.payload).hexdigest() for one in flight]
        if refusal.bad_batch not in digests:
            self.count.stale += 1
            return
        place = digests.index(refusal.bad_batch)
        shipment = flight[place]
        size = shipment.last - shipment.first + 1
        if size > 1:
            self._window = size // 2
        elif shipment.stand_in:  # nothing simpler is left to say: try again later
            return
        else:
            self.packer.set_aside(self.epoch, shipment.first, "bad_batch")
        while len(flight) > place:
            flight.pop()
        if not flight:
            self._land(shipment.first - 1)
