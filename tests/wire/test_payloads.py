from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.errors import PayloadInvalid
from agent.wire.payloads import (
    BadBatch,
    Batch,
    BoardState,
    DeviceReport,
    Item,
    Receipt,
    RollUp,
    decode_ack,
    decode_batch,
    decode_board_state,
    decode_roll_up,
    encode,
)

ITEM: dict[str, Any] = {
    "seq": 7,
    "kind": "LessonEnded",
    "v": 1,
    "boot": "b-1",
    "mono_ns": 5,
    "at": "2026-03-02T08:00:00Z",
    "clock": "synced",
    "body": {"lesson": "l-1"},
}
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def batch(**changed: Any) -> bytes:
    return msgspec.json.encode({"v": 1, "epoch": 1, "items": [ITEM], **changed})


def test_a_batch_carries_bodies_untouched() -> None:
    body = b'{"lesson" : "l-1","new":[1,2]}'
    item = Item(
        seq=7,
        kind="LessonEnded",
        v=1,
        boot="b-1",
        mono_ns=5,
        at=datetime(2026, 3, 2, 8, tzinfo=UTC),
        clock="synced",
        body=msgspec.Raw(body),
    )
    json = encode(Batch(epoch=2, items=[item]))
    assert msgspec.json.decode(json)["items"][0]["at"] == "2026-03-02T08:00:00Z"
    assert bytes(decode_batch(json).items[0].body) == body


@pytest.mark.parametrize(
    "json",
    [
        batch(v=2),
        batch(epoch=0),
        batch(epoch=2**40),
        batch(items=[]),
        batch(items=[ITEM] * 2),
        batch(items=[ITEM, {**ITEM, "seq": 9}]),
        batch(items=[{**ITEM, "seq": number} for number in range(1, 802)]),
        batch(items=[{**ITEM, "seq": 0}]),
        batch(items=[{**ITEM, "seq": "7"}]),
        batch(items=[{**ITEM, "mono_ns": 2**70}]),
        batch(items=[{**ITEM, "clock": "good"}]),
        batch(items=[{**ITEM, "at": "2026-03-02T08:00:00"}]),
        batch(items=[{**ITEM, "kind": "k" * 41}]),
        batch()[:-1],
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_what_breaks_the_schema_is_no_batch(json: bytes) -> None:
    with pytest.raises(PayloadInvalid):
        decode_batch(json)


def test_a_field_of_a_later_version_is_skipped() -> None:
    assert decode_batch(batch(later=1)).epoch == 1
    assert decode_ack(b'{"epoch":1,"upto":3,"later":true}') == Receipt(epoch=1, upto=3)


@pytest.mark.parametrize(
    "said",
    [
        Receipt(epoch=1, upto=0),
        Receipt(epoch=2, upto=9, rejected=[3, 8]),
        BadBatch(bad_batch="0f" * 32),
    ],
)
def test_both_things_the_school_says(said: Receipt | BadBatch) -> None:
    assert decode_ack(encode(said)) == said


@pytest.mark.parametrize(
    "json",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"epoch":1}',
        b'{"epoch":1,"upto":-1}',
        b'{"epoch":1,"upto":1.5}',
        b'{"epoch":true,"upto":1}',
        b'{"epoch":0,"upto":1}',
        b'{"epoch":1,"upto":1,"rejected":[0]}',
        b'{"epoch":1,"upto":1,"rejected":"1"}',
        b'{"epoch":1,"bad_batch":"xyz"}',
        b'{"epoch":1,"bad_batch":null,"upto":4}',
        b'{"epoch":1,"upto":99999999999999999999}',
    ],
)
def test_anything_else_is_refused(json: bytes) -> None:
    with pytest.raises(PayloadInvalid):
        decode_ack(json)


@given(JUNK.map(msgspec.json.encode) | st.binary(max_size=200))
def test_no_input_does_more_than_be_refused(json: bytes) -> None:
    for decode in (decode_ack, decode_batch, decode_board_state, decode_roll_up):
        with pytest.raises(PayloadInvalid):
            decode(json)


def test_births_and_roll_ups_come_back_as_they_were() -> None:
    state = BoardState(
        online=True,
        boot="b-1",
        epoch=1,
        versions={"agent": "0.1.0"},
        backlog=3,
        clock="synced",
        devices=[DeviceReport(id="rx-1", driver="clicker.reference", state="working")],
    )
    assert decode_board_state(encode(state)) == state
    roll_up = RollUp(
        lesson="l-1",
        question=1,
        kind="single",
        present=40,
        answered=38,
        right=None,
        options={"A": 30, "B": None},
    )
    assert decode_roll_up(encode(roll_up)) == roll_up
