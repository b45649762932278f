"""Without a receipt the oldest batch goes again: when, and what of the others."""

from __future__ import annotations

from agent.cloud.delivery import LAST_RESEND_S
from agent.wire.payloads import Receipt
from tests.cloud.delivery import opened, seqs
from tests.cloud.outbox import MemoryOutbox


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


def test_a_school_that_begins_to_listen_gets_the_batch_at_once(outbox: MemoryOutbox) -> None:
    outbox.add(1)
    delivery = opened(outbox)
    first = delivery.due(0.0)
    for now_s in (1.0, 3.0, 7.0):
        assert delivery.due(now_s) == first
    delivery.receipt(Receipt(epoch=1, upto=0), 9.0)
    assert delivery.due(9.0) == first
