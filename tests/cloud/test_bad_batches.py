"""What the school cannot read, or the board cannot publish, is set aside; the rest arrives."""

from __future__ import annotations

import pytest

from agent.wire.payloads import SET_ASIDE, BadBatch, Receipt
from tests.cloud.delivery import digest, opened, read, seqs
from tests.cloud.outbox import MemoryOutbox


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
