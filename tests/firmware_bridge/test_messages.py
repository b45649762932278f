import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge import message_table
from firmware_bridge.frame import MAX_BODY_BYTES
from firmware_bridge.messages import (
    Hello,
    HelloRequest,
    Locate,
    Malformed,
    Outcomes,
    Press,
    Presses,
    QuestionKind,
    Radio,
    Readers,
    Show,
    Status,
    StatusRequest,
    Switches,
    Time,
    TimeRequest,
    Unknown,
    Wiegand,
    decode_from_host,
    decode_from_receiver,
)

u8, u16, u32 = (st.integers(0, (1 << bits) - 1) for bits in (8, 16, 32))
keys = st.text(string.ascii_letters + string.digits + ".-+ ", max_size=12)
keypads = st.binary(min_size=4, max_size=4).map(lambda raw: raw.hex().upper())

hellos = st.builds(
    Hello,
    protocol=st.tuples(st.just(message_table.PROTOCOL_MAJOR), u8),
    firmware=st.tuples(u8, u8, u8),
    board=u8,
    serial=st.binary(min_size=8, max_size=8),
    boot=u16,
    ring_boot=u16,
    clock_ticks=u32,
    ring_capacity=u16,
    ring_waiting=u16,
    first_seq=u32,
    refused=u32,
    lost=u32,
    table=st.lists(st.tuples(u8, u16), max_size=20).map(tuple),
)


@st.composite
def batches(draw: st.DrawFn) -> Presses:
    boot, seq = draw(u16), draw(st.integers(0, (1 << 32) - 9))
    return Presses(
        tuple(
            Press(boot, seq + number, draw(u32), draw(keypads), draw(keys))
            for number in range(draw(st.integers(1, 5)))
        )
    )


@given(
    st.one_of(
        hellos,
        batches(),
        st.builds(Time, u8, u32, u32),
        st.builds(Status, u16, u16, u32, u32, u32, u32, u32, u16),
        st.builds(Wiegand, u8, st.text("01", min_size=1, max_size=64)),
        st.builds(Switches, u8),
    )
)
def test_what_a_receiver_says_comes_back(
    message: Hello | Presses | Time | Status | Wiegand | Switches,
) -> None:
    assert decode_from_receiver(message.encode()) == message


@given(
    st.one_of(
        st.just(HelloRequest()),
        st.just(StatusRequest()),
        st.builds(Outcomes, u16, u32, st.binary(max_size=64)),
        st.builds(TimeRequest, u8),
        st.builds(Show, u16, st.sampled_from(QuestionKind), u8),
        st.builds(Locate, u8),
        st.builds(Readers, st.booleans()),
        st.builds(Radio, u8, st.binary(min_size=3, max_size=3)),
    )
)
def test_what_a_host_says_comes_back(
    message: Outcomes | TimeRequest | Show | Locate | Readers | Radio,
) -> None:
    assert decode_from_host(message.encode()) == message


@given(st.binary(min_size=1, max_size=MAX_BODY_BYTES))
def test_any_body_is_a_message_or_malformed(body: bytes) -> None:
    for decode in (decode_from_receiver, decode_from_host):
        try:
            message = decode(body)
        except Malformed:
            continue
        assert isinstance(message, Unknown) or message is not None


@given(st.one_of(hellos, batches()), st.data())
def test_a_body_cut_anywhere_is_malformed(message: Hello | Presses, data: st.DataObject) -> None:
    body = message.encode()
    with pytest.raises(Malformed):
        decode_from_receiver(body[: data.draw(st.integers(1, len(body) - 1))])


@pytest.mark.parametrize("key", [b"\x07", b"\x80", b"A\n"])
def test_a_key_of_unprintable_bytes_is_malformed(key: bytes) -> None:
    press = bytes.fromhex("0000000001020304") + bytes([len(key)]) + key
    with pytest.raises(Malformed):
        decode_from_receiver(bytes.fromhex("0201000100000001") + press)


def test_the_firmwares_header_is_in_step() -> None:
    header = Path(message_table.__file__).parent / "firmware" / "messages.h"
    assert header.read_text() == message_table.c_header()


def test_a_batch_of_longest_keys_is_cut_to_a_frame() -> None:
    """Five such presses fit, which is what `batches` above draws up to."""
    press = Press(1, 1, 0, "00000001", "x" * message_table.MAX_KEY_BYTES)
    assert len(Presses((press,) * 5).encode()) <= MAX_BODY_BYTES
