from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.codec import JSON, JSON_ZLIB, MAX_INFLATED_BYTES, pack, unpack
from agent.wire.errors import PayloadInvalid


@given(st.binary(max_size=4000) | st.binary(min_size=1, max_size=20).map(lambda part: part * 300))
def test_what_is_packed_comes_out_again_and_the_smaller_form_is_taken(json: bytes) -> None:
    packed = pack(json)
    assert unpack(packed.content_type, packed.payload) == json
    assert len(packed.payload) <= len(json)
    assert (packed.content_type == JSON_ZLIB) == (len(packed.payload) < len(json))


@given(st.sampled_from([JSON, JSON_ZLIB, "", "text/plain"]), st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content_type: str, payload: bytes) -> None:
    try:
        json = unpack(content_type, payload)
    except PayloadInvalid:
        return
    assert len(json) <= MAX_INFLATED_BYTES


def test_a_bomb_is_refused_without_being_inflated() -> None:
    bomb = zlib.compress(b" " * 200_000_000, 9)
    with pytest.raises(PayloadInvalid, match="inflated"):
        unpack(JSON_ZLIB, bomb)


def test_the_bound_is_exact() -> None:
    largest = b"1" * MAX_INFLATED_BYTES
    packed = pack(largest)
    assert unpack(packed.content_type, packed.payload) == largest
    assert unpack(JSON, largest) == largest
    with pytest.raises(PayloadInvalid):
        pack(largest + b"1")
    with pytest.raises(PayloadInvalid):
        unpack(JSON, largest + b"1")
    with pytest.raises(PayloadInvalid):
        unpack(JSON_ZLIB, zlib.compress(largest + b"1"))


@pytest.mark.parametrize(
    "payload", [b"", b"junk", zlib.compress(b"{}")[:-1], zlib.compress(b"{}") + b"more"]
)
def test_a_broken_stream_is_refused(payload: bytes) -> None:
    with pytest.raises(PayloadInvalid):
        unpack(JSON_ZLIB, payload)
