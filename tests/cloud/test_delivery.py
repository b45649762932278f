"""The cursor and the batch in flight, without a network."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.cloud.delivery import (
    BATCHES_IN_FLIGHT,
    LAST_RESEND_S,
    PACE_S,
    TERM_EVENTS,
    Delivery,
)
from agent.lesson.events import QuestionOpened, encode_body
from agent.wire.codec import Packed, unpack
from agent.wire.payloads import (
    MAX_ITEMS,
    SET_ASIDE,
    BadBatch,
    Batch,
    ClockQuality,
    Receipt,
    decode_batch,
)
from tests.cloud.outbox import Clock, MemoryOutbox


def opened(outbox: MemoryOutbox) -> Delivery:
    delivery = Delivery(outbox, Clock(), jitter=lambda: 0.0)
    delivery.open()
    return delivery


def read(packed: Packed | None) -> Batch:
    assert packed is not None
    return decode_batch(unpack(*packed))


def seqs(packed: Packed | None) -> list[int]:
    return [item.seq for item in read(packed).items]


def digest(packed: Packed | None) -> BadBatch:
    assert packed is not None
    return BadBatch(bad_batch=hashlib.sha256(packed.payload).hexdigest())


@pytest.fixture
def outbox() -> MemoryOutbox:
    return MemoryOutbox()


def test_nothing_is_due_from_an_empty_journal(outbox: MemoryOutbox) -> None:
    delivery = opened(outbox)
    assert delivery.due(0.0) is None
    assert delivery.wait_s(0.0) is None
    assert delivery.waiting == 0


def test_a_few_batches_follow_each_other_without_waiting_for_receipts(
    outbox: MemoryOutbox,
) -> None:
    outbox.add(3)
    delivery = opened(outbox)
    assert seqs(delivery.due(0.0)) == [1, 2, 3]
    for number in range(4, 3 + BATCHES_IN_FLIGHT):
        delivery.committed(*outbox.add(1))
        assert seqs(delivery.due(0.1)) == [number]
    delivery.committed(*outbox.add(2))
    assert delivery.busy
    assert delivery.due(0.2) is None
    assert delivery.receipt(Receipt(epoch=1, upto=3), 0.5)
    assert seqs(delivery.due(0.5)) == [3 + BATCHES_IN_FLIGHT, 4 + BATCHES_IN_FLIGHT]
    assert delivery.due(0.6) is None
    assert delivery.receipt(Receipt(epoch=1, upto=4 + BATCHES_IN_FLIGHT), 0.7)
    assert (delivery.waiting, delivery.wait_s(0.7)) == (0, None)


def test_a_term_of_events_leaves_room_for_the_lesson(outbox: MemoryOutbox) -> None:
    outbox.add(2)
    delivery = opened(outbox)
    delivery.committed(1, TERM_EVENTS + 10)
    assert seqs(delivery.due(1.0)) == [1, 2]
    outbox.add(3)
    assert delivery.due(1.0) is None
    assert delivery.wait_s(1.0) == pytest.approx(PACE_S)
    assert seqs(delivery.due(1.0 + PACE_S)) == [3, 4, 5]


def test_without_a_receipt_the_oldest_goes_again_alone_and_the_others_follow_anew(
    outbox: MemoryOutbox,
) -> None:
    outbox.add(3)
    delivery = opened(outbox)
    first = delivery.due(0.0)
    delivery.committed(*outbox.add(2))
    assert seqs(delivery.due(0.1)) == [4, 5]
    assert delivery.due(1.0) == first
    assert delivery.due(1.1) is None
    assert delivery.busy
    assert delivery.receipt(Receipt(epoch=1, upto=3), 1.2)
    assert seqs(delivery.due(1.2)) == [4, 5]


def test_a_batch_that_cannot_be_read_is_halved_behind_others_too(outbox: MemoryOutbox) -> None:
    outbox.add(3)
    delivery = opened(outbox)
    delivery.due(0.0)
    delivery.committed(*outbox.add(4))
    bad = delivery.due(0.1)
    delivery.committed(*outbox.add(1))
    assert seqs(delivery.due(0.2)) == [8]
    delivery.bad_batch(digest(bad))
    assert seqs(delivery.due(0.3)) == [4, 5]
    assert seqs(delivery.due(0.3)) == [6, 7]


def test_the_same_bytes_go_again_and_ever_more_seldom(outbox: MemoryOutbox) -> None:
    outbox.add(1)
    delivery = opened(outbox)
    first = delivery.due(0.0)
    now_s, pauses = 0.0, []
    for _ in range(11):
        wait_s = delivery.wait_s(now_s)
        assert wait_s is not None
        pauses.append(wait_s)
        assert delivery.due(now_s + wait_s - 0.01) is None
        now_s += wait_s
        assert delivery.due(now_s) == first
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert pauses[-1] == LAST_RESEND_S
    delivery.reconnected()
    assert delivery.due(now_s) == first


def test_batches_are_bounded_in_number_and_bytes(outbox: MemoryOutbox) -> None:
    outbox.add(MAX_ITEMS + 100)
    delivery = opened(outbox)
    assert len(seqs(delivery.due(0.0))) <= MAX_ITEMS
    delivery = opened(outbox)
    delivery.packer.max_batch_bytes = 10_000
    packed = delivery.due(0.0)
    assert packed is not None
    assert 5_000 < len(unpack(*packed)) <= 10_000


def test_a_receipt_for_part_of_the_batch_moves_to_there(outbox: MemoryOutbox) -> None:
    outbox.add(5)
    delivery = opened(outbox)
    delivery.due(0.0)
    assert delivery.receipt(Receipt(epoch=1, upto=2), 0.1)
    assert seqs(delivery.due(1.0)) == [3, 4, 5]


def test_old_and_foreign_receipts_change_nothing(outbox: MemoryOutbox) -> None:
    outbox.add(5)
    outbox.note("receipt", "1:3")
    delivery = opened(outbox)
    assert seqs(delivery.due(0.0)) == [4, 5]
    for said in (Receipt(epoch=1, upto=2), Receipt(epoch=2, upto=4), Receipt(epoch=1, upto=99)):
        assert not delivery.receipt(said, 0.1)
    assert delivery.upto == 3
    assert (delivery.count.stale, delivery.count.name_taken, delivery.count.gaps) == (1, 1, 1)


def test_what_was_not_sent_since_the_start_is_sent_though_the_school_has_it(
    outbox: MemoryOutbox,
) -> None:
    """It may have it from a copy of this journal; it compares, and says so."""
    outbox.add(10)
    outbox.note("receipt", "1:5")
    delivery = opened(outbox)
    assert not delivery.receipt(Receipt(epoch=1, upto=8), 0.0)
    assert seqs(delivery.due(0.0)) == [6, 7, 8, 9, 10]
    assert delivery.receipt(Receipt(epoch=1, upto=10, rejected=[6, 7]), 0.1)
    assert outbox.aside == {(1, 6): "rejected", (1, 7): "rejected"}
    assert (delivery.waiting, delivery.aside) == (0, 2)


@pytest.mark.parametrize("note", ["5:1q", "", ":", "9:1", "five:1"])
def test_a_receipt_on_record_that_makes_no_sense_counts_for_nothing(
    outbox: MemoryOutbox, note: str
) -> None:
    outbox.add(3, epoch=5)
    outbox.note("receipt", note)
    delivery = opened(outbox)
    assert seqs(delivery.due(0.0)) == [1, 2, 3]


def test_a_receipt_for_more_than_the_disk_kept_ends_with_what_it_kept(
    outbox: MemoryOutbox,
) -> None:
    outbox.add(20, epoch=5)
    outbox.note("receipt", "5:90")
    delivery = opened(outbox)
    assert (delivery.waiting, delivery.due(0.0), delivery.wait_s(0.0)) == (0, None, None)
    delivery.committed(*outbox.add(2, epoch=5))
    assert seqs(delivery.due(1.0)) == [21, 22]


def test_epochs_drain_in_order(outbox: MemoryOutbox) -> None:
    outbox.add(2, epoch=1)
    outbox.add(3, epoch=4)
    delivery = opened(outbox)
    assert delivery.waiting == 5
    assert read(delivery.due(0.0)).epoch == 1
    delivery.receipt(Receipt(epoch=1, upto=2), 0.1)
    assert delivery.waiting == 3
    batch = read(delivery.due(1.0))
    assert (batch.epoch, [item.seq for item in batch.items]) == (4, [1, 2, 3])
    delivery.receipt(Receipt(epoch=4, upto=3), 1.1)
    assert delivery.waiting == 0
    assert delivery.due(9.0) is None
    assert outbox.notes["receipt"] == "4:3"


def test_rejected_events_are_put_aside_once_and_count_as_received(outbox: MemoryOutbox) -> None:
    outbox.add(4)
    delivery = opened(outbox)
    delivery.due(0.0)
    delivery.receipt(Receipt(epoch=1, upto=3, rejected=[2]), 0.1)
    delivery.receipt(Receipt(epoch=1, upto=3, rejected=[2]), 0.2)
    assert outbox.aside == {(1, 2): "rejected"}
    assert (delivery.count.received, delivery.count.rejected) == (3, 1)


def test_halving_finds_the_event_that_cannot_be_read_and_loses_no_other(
    outbox: MemoryOutbox,
) -> None:
    outbox.add(12)
    outbox.add_body("LessonEnded", b'{"lesson": "cut')
    outbox.add(12)
    delivery = opened(outbox)
    now_s, received = 0.0, 0
    kinds: dict[int, str] = {}
    while received < 25:
        now_s += 1.0
        packed = delivery.due(now_s)
        try:
            batch = read(packed)
        except ValueError:
            delivery.bad_batch(digest(packed))
            continue
        assert batch.items[0].seq == received + 1
        kinds |= {item.seq: item.kind for item in batch.items}
        received = batch.items[-1].seq
        delivery.receipt(Receipt(epoch=1, upto=received), now_s)
        assert now_s < 30
    assert outbox.aside == {(1, 13): "bad_batch"}
    assert kinds.pop(13) == SET_ASIDE
    assert set(kinds.values()) == {"ResponseRecorded"}
    assert delivery.waiting == 0


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        ("NeverHeardOf", b"{}", "unreadable"),
        ("QuestionOpened", b'{"key":', "unreadable"),
        ("QuestionOpened", b"[]", "unreadable"),
        ("LessonEnded", b'{"lesson":"' + b"x" * 300_000 + b'"}', "too_large"),
    ],
)
def test_what_the_board_cannot_publish_is_put_aside_at_once(
    outbox: MemoryOutbox, kind: str, body: bytes, reason: str
) -> None:
    outbox.add_body(kind, body)
    outbox.add(1)
    delivery = opened(outbox)
    items = read(delivery.due(0.0)).items
    assert (items[0].seq, items[0].kind) == (1, SET_ASIDE)
    assert outbox.aside == {(1, 1): reason}


def test_a_refusal_of_another_batch_changes_nothing(outbox: MemoryOutbox) -> None:
    outbox.add(2)
    delivery = opened(outbox)
    delivery.bad_batch(BadBatch(bad_batch="00" * 32))
    first = delivery.due(0.0)
    delivery.bad_batch(BadBatch(bad_batch="00" * 32))
    assert delivery.count.stale == 2
    delivery.reconnected()
    assert delivery.due(0.1) == first


def test_a_school_that_refuses_everything_is_not_asked_in_a_hurry(outbox: MemoryOutbox) -> None:
    outbox.add(1)
    delivery = opened(outbox)
    delivery.bad_batch(digest(delivery.due(0.0)))
    stand_in = delivery.due(1.0)
    assert read(stand_in).items[0].kind == SET_ASIDE
    delivery.bad_batch(digest(stand_in))
    assert delivery.due(1.5) is None
    assert delivery.due(2.5) == stand_in


def test_a_school_restored_from_a_backup_gets_what_it_lost(outbox: MemoryOutbox) -> None:
    outbox.add(10)
    outbox.note("receipt", "1:8")
    delivery = opened(outbox)
    now_s = 0.0
    for _ in range(3):
        assert seqs(delivery.due(now_s)) == [9, 10]
        delivery.receipt(Receipt(epoch=1, upto=4), now_s + 0.1)
        assert outbox.notes["receipt"] == "1:8"
        now_s += 10.0
    assert seqs(delivery.due(now_s)) == [5, 6, 7, 8, 9, 10]
    assert delivery.receipt(Receipt(epoch=1, upto=10), now_s)
    assert outbox.notes["receipt"] == "1:10"


def test_a_restored_school_gets_what_it_lost_of_earlier_epochs_too(outbox: MemoryOutbox) -> None:
    outbox.add(10, epoch=3)
    outbox.add(2, epoch=7)
    outbox.note("receipt", "7:2")
    delivery = opened(outbox)
    assert delivery.due(0.0) is None
    assert not delivery.receipt(Receipt(epoch=3, upto=4), 0.1)
    assert delivery.waiting == 8
    batch = read(delivery.due(0.2))
    assert (batch.epoch, [item.seq for item in batch.items]) == (3, [5, 6, 7, 8, 9, 10])
    delivery.receipt(Receipt(epoch=3, upto=10), 0.3)
    assert read(delivery.due(0.4)).epoch == 7
    delivery.receipt(Receipt(epoch=7, upto=2), 0.5)
    assert (delivery.waiting, delivery.due(9.0)) == (0, None)


def test_a_restored_board_learns_that_the_school_has_more_of_its_old_epoch(
    outbox: MemoryOutbox,
) -> None:
    outbox.add(10, epoch=3)
    outbox.add(2, epoch=7)
    outbox.note("receipt", "3:8")
    delivery = opened(outbox)
    assert (read(delivery.due(0.0)).epoch, delivery.waiting) == (3, 4)
    assert delivery.receipt(Receipt(epoch=3, upto=60), 0.1)
    assert outbox.notes["receipt"] == "3:10"
    batch = read(delivery.due(1.0))
    assert (batch.epoch, [item.seq for item in batch.items]) == (7, [1, 2])
    assert delivery.receipt(Receipt(epoch=7, upto=2), 1.1)
    assert (delivery.waiting, delivery.count.name_taken) == (0, 0)


def test_a_restored_board_shows_all_of_its_old_epoch_before_it_goes_on(
    outbox: MemoryOutbox,
) -> None:
    outbox.add(MAX_ITEMS + 10, epoch=3)
    outbox.add(2, epoch=7)
    delivery = opened(outbox)
    for after in (0, MAX_ITEMS):
        delivery.receipt(Receipt(epoch=3, upto=60_000), 0.0)
        assert seqs(delivery.due(1.0))[0] == after + 1
        delivery.receipt(Receipt(epoch=3, upto=60_000), 1.1)
    assert read(delivery.due(2.0)).epoch == 7


def test_a_name_that_somebody_else_uses_is_told_until_there_is_a_new_epoch(
    outbox: MemoryOutbox,
) -> None:
    outbox.add(5)
    taken: list[int] = []
    delivery = Delivery(outbox, Clock(), jitter=lambda: 0.0, on_name_taken=taken.append)
    delivery.open()
    delivery.due(0.0)
    for now_s in (0.1, 0.2):
        assert not delivery.receipt(Receipt(epoch=1, upto=6), now_s)
    assert (taken, delivery.count.name_taken, delivery.upto) == ([1, 1], 2, 0)
    delivery.committed(*outbox.add(3, epoch=4))
    assert delivery.receipt(Receipt(epoch=1, upto=6), 0.3)
    assert taken == [1, 1]
    batch = read(delivery.due(1.0))
    assert (batch.epoch, [item.seq for item in batch.items]) == (4, [1, 2, 3])


def test_a_name_in_use_is_told_also_to_the_board_that_is_in_front(outbox: MemoryOutbox) -> None:
    outbox.add(5)
    taken: list[int] = []
    delivery = Delivery(outbox, Clock(), jitter=lambda: 0.0, on_name_taken=taken.append)
    delivery.open()
    delivery.due(0.0)
    assert delivery.receipt(Receipt(epoch=1, upto=5, rejected=[3], taken=True), 0.1)
    assert (taken, delivery.waiting, outbox.aside) == ([1], 0, {(1, 3): "rejected"})
    delivery.committed(*outbox.add(1, epoch=4))
    delivery.receipt(Receipt(epoch=1, upto=5, rejected=[3], taken=True), 0.2)
    assert taken == [1]


def test_a_school_that_begins_to_listen_gets_the_batch_at_once(outbox: MemoryOutbox) -> None:
    outbox.add(1)
    delivery = opened(outbox)
    first = delivery.due(0.0)
    for now_s in (1.0, 3.0, 7.0):
        assert delivery.due(now_s) == first
    delivery.receipt(Receipt(epoch=1, upto=0), 9.0)
    assert delivery.due(9.0) == first


def test_the_key_of_a_question_stays_on_the_board(outbox: MemoryOutbox) -> None:
    event = QuestionOpened(lesson="l", question=1, kind="single", options=[""], key=["A"])
    outbox.add_body("QuestionOpened", encode_body(event))
    body = read(opened(outbox).due(0.0)).items[0].body
    assert "key" not in msgspec.json.decode(bytes(body))


def test_wall_time_comes_from_the_clock_if_it_is_known(outbox: MemoryOutbox) -> None:
    class Unknown:
        def wall(self, boot: str, mono_ns: int) -> tuple[datetime | None, ClockQuality]:
            return None, "estimated"

    outbox.add(2)
    item = read(opened(outbox).due(0.0)).items[1]
    assert item.at == datetime(2026, 3, 2, 8, tzinfo=UTC) + timedelta(milliseconds=1)
    assert (item.clock, item.mono_ns) == ("synced", 1_000_000)
    delivery = Delivery(outbox, Unknown(), jitter=lambda: 0.0)
    delivery.open()
    item = read(delivery.due(0.0)).items[0]
    assert (item.at, item.clock) == (None, "estimated")


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
