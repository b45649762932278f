"""A delivery without a network, and what its batches say."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from agent.cloud.delivery import Delivery
from agent.cloud.shipment import WallClock
from agent.wire.codec import Packed, unpack
from agent.wire.payloads import BadBatch, Batch, decode_batch
from tests.cloud.outbox import Clock, MemoryOutbox


def opened(
    outbox: MemoryOutbox,
    clock: WallClock | None = None,
    *,
    on_name_taken: Callable[[int], None] = lambda _epoch: None,
) -> Delivery:
    """Without chance in its pauses. `clock`: instead of one that knows the time."""
    delivery = Delivery(outbox, clock or Clock(), jitter=lambda: 0.0, on_name_taken=on_name_taken)
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
