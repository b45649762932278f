"""A batch written item by item is what its own encoder writes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.batch import batch_json, item_json, item_template
from agent.wire.payloads import Batch, ClockQuality, Item, decode_batch, encode

FIRST = datetime(1970, 1, 1, tzinfo=UTC)
NAMES = st.text(min_size=1, max_size=40)


class Heads(NamedTuple):
    """What the items of a batch share."""

    kind: str
    version: int
    boot: str
    clock: ClockQuality


HEADS = st.builds(
    Heads,
    NAMES,
    st.integers(1, 2**31 - 1),
    st.text(min_size=1, max_size=80),
    st.sampled_from(["synced", "estimated"]),
)


@given(
    head=HEADS,
    mono_ns=st.integers(-(2**62), 2**62),
    wall_ms=st.none() | st.integers(0, 7_000_000_000_000),
    body=st.dictionaries(NAMES, st.integers() | NAMES, max_size=3),
)
def test_a_batch_is_what_its_encoder_writes(
    head: Heads, mono_ns: int, wall_ms: int | None, body: dict[str, object]
) -> None:
    raw = msgspec.json.encode(body)
    template = item_template(*head)
    wall_ns = None if wall_ms is None else wall_ms * 1_000_000 + 999_999
    items = [item_json(template, seq, mono_ns, wall_ns, raw) for seq in (7, 8)]
    at = None if wall_ms is None else FIRST + timedelta(milliseconds=wall_ms)
    expected = [
        Item(
            seq=seq,
            kind=head.kind,
            v=head.version,
            boot=head.boot,
            mono_ns=mono_ns,
            at=at,
            clock=head.clock,
            body=msgspec.Raw(raw),
        )
        for seq in (7, 8)
    ]
    written = batch_json(3, items)
    assert decode_batch(written) == Batch(epoch=3, items=expected)
    if at is None:
        assert written == encode(Batch(epoch=3, items=expected))


def test_a_time_that_no_calendar_has_is_left_out() -> None:
    template = item_template("A", 1, "b", "synced")
    written = item_json(template, 1, 0, 10**18 * 300, b"{}")
    assert msgspec.json.decode(written)["at"] is None
