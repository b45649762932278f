"""Batches as a board makes them, for whoever takes them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from agent.lesson.events import Event, encode_body
from agent.wire.payloads import Batch, Item


def batch_of(seqs: range, event: Callable[[int], Event], *, epoch: int = 1) -> Batch:
    """These numbers of one boot whose clock is not known. `event`: of a number."""
    items = [
        Item(
            seq=seq,
            kind=type(event(seq)).__name__,
            v=1,
            boot="boot-1",
            mono_ns=seq,
            at=None,
            clock="estimated",
            body=msgspec.Raw(encode_body(event(seq))),
        )
        for seq in seqs
    ]
    return Batch(epoch=epoch, items=items)
