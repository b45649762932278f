import random

import pytest
from cobs import cobs
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.frame import (
    MAX_BODY_BYTES,
    MAX_FRAME_BYTES,
    FrameDecoder,
    cobs_decode,
    cobs_encode,
    encode_frame,
)

# Zeros and long runs without any are where COBS goes wrong.
data_like_cobs = st.one_of(
    st.binary(max_size=1100),
    st.lists(st.sampled_from([b"\0", b"a", b"b" * 253, b"c" * 254, b"d" * 255])).map(b"".join),
)
bodies = st.binary(min_size=1, max_size=MAX_BODY_BYTES)


@given(data_like_cobs)
def test_cobs_is_everybodys_cobs(data: bytes) -> None:
    encoded = cobs_encode(data)
    assert cobs.decode(encoded) == data
    assert b"\0" not in encoded
    assert cobs_decode(encoded) == data
    assert cobs_decode(cobs.encode(data)) == data


@given(st.binary(max_size=600).map(lambda data: data.replace(b"\0", b"\1")))
def test_cobs_refuses_what_everybodys_cobs_refuses(block: bytes) -> None:
    try:
        expected = cobs.decode(block)
    except cobs.DecodeError:
        with pytest.raises(ValueError, match="COBS code"):
            cobs_decode(block)
    else:
        assert cobs_decode(block) == expected


@given(st.lists(bodies, max_size=8), st.integers(1, 40))
def test_frames_come_out_whatever_the_portions(sent: list[bytes], portion_bytes: int) -> None:
    line = b"".join(map(encode_frame, sent))
    decoder = FrameDecoder()
    found = []
    for start in range(0, len(line), portion_bytes):
        found += decoder.feed(line[start : start + portion_bytes])
    assert found == sent
    assert (decoder.junk_bytes, decoder.junk_frames) == (0, 0)


@given(st.binary(max_size=400), bodies, st.integers(1, 40))
def test_after_noise_the_second_frame_is_found(
    noise: bytes, body: bytes, portion_bytes: int
) -> None:
    """The first may be glued to the noise: that is why HELLO_REQUEST and HELLO begin with 0x00."""
    line = noise + b"\0" + encode_frame(body)
    decoder = FrameDecoder()
    found = []
    for start in range(0, len(line), portion_bytes):
        found += decoder.feed(line[start : start + portion_bytes])
    assert found[-1] == body


@given(bodies, st.data())
def test_a_changed_byte_is_never_taken_for_the_frame(body: bytes, data: st.DataObject) -> None:
    frame = bytearray(encode_frame(body))
    at = data.draw(st.integers(0, len(frame) - 2))
    frame[at] ^= data.draw(st.integers(1, 255))
    decoder = FrameDecoder()
    assert body not in decoder.feed(bytes(frame))
    assert decoder.junk_frames >= 1


def test_the_buffer_is_bounded_and_all_junk_is_counted() -> None:
    noise = random.Random(7).randbytes(65_536).replace(b"\0", b"\1")
    decoder = FrameDecoder()
    for start in range(0, len(noise), 1000):
        assert decoder.feed(noise[start : start + 1000]) == []
        assert len(vars(decoder)["_rest"]) <= MAX_FRAME_BYTES
    assert decoder.feed(b"\0" + encode_frame(b"now")) == [b"now"]
    assert (decoder.junk_bytes, decoder.junk_frames) == (65_536, 1)


@pytest.mark.parametrize("size_bytes", [0, MAX_BODY_BYTES + 1])
def test_bodies_have_1_to_128_bytes(size_bytes: int) -> None:
    with pytest.raises(ValueError, match="1 to 128"):
        encode_frame(b"x" * size_bytes)


def test_the_longest_frame_passes() -> None:
    body = b"\xff" * MAX_BODY_BYTES
    frame = encode_frame(body)
    assert len(frame) == MAX_FRAME_BYTES + 1
    assert FrameDecoder().feed(frame) == [body]
