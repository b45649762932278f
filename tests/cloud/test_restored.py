"""A school or a board from a backup, and a name that two boards use."""

from __future__ import annotations

from agent.wire.payloads import MAX_ITEMS, Receipt
from tests.cloud.delivery import opened, read, seqs
from tests.cloud.outbox import MemoryOutbox


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
    delivery = opened(outbox, on_name_taken=taken.append)
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
    delivery = opened(outbox, on_name_taken=taken.append)
    delivery.due(0.0)
    assert delivery.receipt(Receipt(epoch=1, upto=5, rejected=[3], taken=True), 0.1)
    assert (taken, delivery.waiting, outbox.aside) == ([1], 0, {(1, 3): "rejected"})
    delivery.committed(*outbox.add(1, epoch=4))
    delivery.receipt(Receipt(epoch=1, upto=5, rejected=[3], taken=True), 0.2)
    assert taken == [1]
