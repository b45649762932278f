"""What a receipt moves, and what it does not."""

from __future__ import annotations

import pytest

from agent.wire.payloads import Receipt
from tests.cloud.delivery import opened, seqs
from tests.cloud.outbox import MemoryOutbox


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


def test_rejected_events_are_put_aside_once_and_count_as_received(outbox: MemoryOutbox) -> None:
    outbox.add(4)
    delivery = opened(outbox)
    delivery.due(0.0)
    delivery.receipt(Receipt(epoch=1, upto=3, rejected=[2]), 0.1)
    delivery.receipt(Receipt(epoch=1, upto=3, rejected=[2]), 0.2)
    assert outbox.aside == {(1, 2): "rejected"}
    assert (delivery.count.received, delivery.count.rejected) == (3, 1)
