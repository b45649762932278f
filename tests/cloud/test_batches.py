"""Batches without a network: how many are in flight, how large, what is in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from agent.cloud.delivery import BATCHES_IN_FLIGHT, PACE_S, TERM_EVENTS
from agent.lesson.events import QuestionOpened, encode_body
from agent.wire.codec import unpack
from agent.wire.payloads import MAX_ITEMS, ClockQuality, Receipt
from tests.cloud.delivery import opened, read, seqs
from tests.cloud.outbox import MemoryOutbox


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


def test_batches_are_bounded_in_number_and_bytes(outbox: MemoryOutbox) -> None:
    outbox.add(MAX_ITEMS + 100)
    delivery = opened(outbox)
    assert len(seqs(delivery.due(0.0))) <= MAX_ITEMS
    delivery = opened(outbox)
    delivery.packer.max_batch_bytes = 10_000
    packed = delivery.due(0.0)
    assert packed is not None
    assert 5_000 < len(unpack(*packed)) <= 10_000


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
    item = read(opened(outbox, Unknown()).due(0.0)).items[0]
    assert (item.at, item.clock) == (None, "estimated")
