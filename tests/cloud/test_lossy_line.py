"""Any loss, repeat and restart between a board and its school."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.wire.codec import Packed
from agent.wire.payloads import Receipt
from tests.cloud.delivery import opened, read
from tests.cloud.outbox import MemoryOutbox


class LossyLine(RuleBasedStateMachine):
    """Batches and receipts get lost, doubled, late; boards restart; the school gets all of it."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = MemoryOutbox()
        self.epoch = 1
        self.delivery = opened(self.outbox)
        self.now_s = 0.0
        self.sent: list[Packed] = []
        self.said: list[Receipt] = []
        self.held: dict[int, list[int]] = {}

    @rule(count=st.integers(1, 40))
    def teach(self, count: int) -> None:
        self.delivery.committed(*self.outbox.add(count, epoch=self.epoch))

    @rule()
    def begin_an_epoch(self) -> None:
        self.epoch += 1
        self.delivery.committed(*self.outbox.add(1, epoch=self.epoch))

    @rule(pause_s=st.floats(0.1, 70.0))
    def send(self, pause_s: float) -> None:
        self.now_s += pause_s
        packed = self.delivery.due(self.now_s)
        if packed is not None:
            self.sent.append(packed)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def reach_the_school(self, data: st.DataObject) -> None:
        batch = read(data.draw(st.sampled_from(self.sent)))
        held = self.held.setdefault(batch.epoch, [])
        for item in batch.items:
            if item.seq == len(held) + 1:
                held.append(item.seq)
        self.said.append(Receipt(epoch=batch.epoch, upto=len(held)))

    @precondition(lambda self: self.said)
    @rule(data=st.data())
    def reach_the_board(self, data: st.DataObject) -> None:
        self.delivery.receipt(data.draw(st.sampled_from(self.said)), self.now_s)

    @rule(data=st.data())
    def restore_a_backup(self, data: st.DataObject) -> None:
        """The newest epoch loses its end, which the school may have; a new epoch begins."""
        rows = self.outbox.rows.get(self.epoch, [])
        kept = data.draw(st.integers(min(1, len(rows)), len(rows)))
        upto = int(self.outbox.notes.get("receipt", "0:0").partition(":")[2])
        if self.outbox.notes.get("receipt", "").startswith(f"{self.epoch}:") and upto > kept:
            self.outbox.notes["receipt"] = f"{self.epoch}:{kept}"
        del rows[kept:]
        self.outbox.add(1, epoch=self.epoch + 1)
        self.epoch += 1
        self.delivery = opened(self.outbox)

    @rule(noted=st.booleans())
    def restart(self, noted: bool) -> None:
        if not noted:
            self.outbox.notes.clear()
        self.delivery = opened(self.outbox)

    @invariant()
    def no_receipt_is_believed_that_was_not_given(self) -> None:
        held = len(self.held.get(self.delivery.epoch, []))
        assert self.delivery.upto <= held

    def teardown(self) -> None:
        """On a good line the rest arrives."""
        for _ in range(10_000):
            if self.delivery.waiting == 0:
                break
            self.sent.clear()
            self.send(70.0)
            if self.sent:
                batch = read(self.sent[-1])
                held = self.held.setdefault(batch.epoch, [])
                held.extend(i.seq for i in batch.items if i.seq == len(held) + 1)
                self.delivery.receipt(Receipt(epoch=batch.epoch, upto=len(held)), self.now_s)
        for epoch, rows in self.outbox.rows.items():
            assert (self.held.get(epoch) or [])[: len(rows)] == [row.seq for row in rows]


TestLossyLine = LossyLine.TestCase
TestLossyLine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
