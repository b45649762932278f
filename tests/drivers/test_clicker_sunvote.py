"""The SunVote driver on a virtual base, and what its codec makes of odd bytes."""

import binascii
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.clicker.sunvote import SunvoteDecoder
from drivers.protocols import hearing, sunvote_frames
from drivers.protocols.sunvote_frames import encode
from drivers.sim.sunvote_base import VirtualSunvote
from tests.drivers.room import Room, noise_alone, question, ready_room, spoiling, until

CONFIG = bytes.fromhex("1100000f0c0000000000")
OPEN, BEGIN, STOP, LISTEN, ASK = 0xC1, 0xC2, 0xC3, 0xC4, 0xC5


def answer(status: int, keypad: int, mask: int) -> bytes:
    return encode(bytes((0x95, 7, 0, 0, status, 0, 0, keypad, mask)).ljust(30, b"\0"))


def decoded(*chunks: bytes) -> list[tuple[str, str]]:
    decoder = SunvoteDecoder("x")
    return [(one.keypad, one.key) for chunk in chunks for one in decoder.feed(chunk, 0)]


# -- the bytes --------------------------------------------------------------------------------


def test_the_known_checksum_is_what_is_sent() -> None:
    assert encode(CONFIG) == bytes.fromhex("f5aaaa0c") + CONFIG + bytes.fromhex("7ad9")
    assert sunvote_frames.short(0x11, 0, 0x0F, 0x0C) == CONFIG
    assert len(sunvote_frames.long(0x15, 7, ASK)) == 23


@pytest.mark.parametrize(
    ("mask", "key"), [(1, "A"), (2, "B"), (4, "C"), (8, "D"), (16, "E"), (32, "F"), (5, "AC")]
)
def test_an_answer_is_a_key(mask: int, key: str) -> None:
    assert decoded(answer(0, 27, mask)) == [("1B", key)]


@pytest.mark.parametrize("frame", [answer(0xFF, 5, 1), answer(0, 5, 0), answer(0, 5, 0x40)])
def test_what_is_no_answer_is_none(frame: bytes) -> None:
    decoder = SunvoteDecoder("x")
    assert (decoder.feed(frame, 0), decoder.junk_bytes) == ([], 0)


def test_repeats_are_one_answer_and_a_change_is_another() -> None:
    once, changed, back = answer(0, 5, 1), answer(2, 5, 2), answer(3, 5, 1)
    other, none = answer(1, 6, 1), answer(0xFF, 5, 1)
    said = decoded(once, once, other, once, none, other, changed, changed, back)
    assert said == [("05", "A"), ("06", "A"), ("05", "B"), ("05", "A")]


def test_a_wrong_checksum_is_junk() -> None:
    decoder = SunvoteDecoder("x")
    frame = bytearray(answer(0, 5, 1))
    frame[12] ^= 2
    assert (decoder.feed(bytes(frame) + bytes(40), 0), decoder.junk_bytes) == ([], 76)


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(1, 63)), max_size=9), st.integers(1, 40))
def test_every_answer_is_found_in_any_pieces(said: list[tuple[int, int]], size: int) -> None:
    data = b"".join(answer(status, *one) for status, one in enumerate(said))
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert [int(keypad, 16) for keypad, _ in decoded(*pieces)] == [keypad for keypad, _ in said]


@given(st.binary(max_size=120), st.integers(1, 40))
def test_after_anything_the_second_frame_is_read_at_the_latest(noise: bytes, size: int) -> None:
    data = noise + answer(0, 5, 1) + answer(1, 6, 2)
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert ("06", "B") in decoded(*pieces)


def test_half_a_million_random_bytes_say_nothing_and_are_not_kept() -> None:
    decoder, chance = SunvoteDecoder("x"), random.Random(5)
    for _ in range(1000):
        noise = chance.randbytes(150) + b"\xf5\xaa\xaa\x20" + chance.randbytes(346)
        assert not decoder.feed(noise, 0)
    assert len(vars(vars(decoder)["_frames"])["_held"]) < 40


def test_the_checksum_begins_with_nothing() -> None:
    assert binascii.crc_hqx(CONFIG, 0) == 0x7AD9


# -- the base ---------------------------------------------------------------------------------


async def test_a_lesson_on_a_base() -> None:
    base = VirtualSunvote(base=7, channel=12, keypads=(1, 300))
    async with ready_room("clicker.sunvote", base) as room:
        await until(lambda: "keypads" in room.status.facts)
        facts = room.status.facts
        assert (facts["base"], facts["channel"], facts["keypads"]) == ("7", "12", "1-300")

        room.supervisor.show(question(1, options=4))
        await until(lambda: base.polling and base.woken)
        for keypad, mask in ((5, 1), (6, 8), (5, 2)):
            base.press(keypad, mask)
        await until(lambda: len(room.answers) == 3)
        assert room.answers == [("05", None, "A"), ("06", None, "D"), ("05", None, "B")]
        await until(lambda: len(base.acknowledged) == 3)
        assert base.acknowledged == [0, 1, 2]
        assert base.most_asked == (4, 6)
        assert base.told[:4] == [OPEN, BEGIN, LISTEN, ASK]

        room.supervisor.show(None)
        await until(lambda: not base.polling)
        assert base.told[-1] == STOP
        room.supervisor.show(question(2, "true_false", 0))
        await until(lambda: base.polling)
        base.press(5, 2)
        await until(lambda: len(room.answers) == 4)
        assert room.answers[-1] == ("05", None, "B")
        assert base.most_asked == (2, 6)


async def test_a_base_that_is_left_polls_no_longer() -> None:
    base = VirtualSunvote()
    async with base.port:
        async with Room("clicker.sunvote", port=base.port.path) as room:
            await room.ready()
            room.supervisor.show(question(1))
            await until(lambda: base.polling)
        await until(lambda: not base.polling)


async def test_a_new_question_ends_the_poll_before_it() -> None:
    base = VirtualSunvote()
    async with ready_room("clicker.sunvote", base) as room:
        room.supervisor.show(question(1))
        await until(lambda: base.polling)
        room.supervisor.show(question(2, "multiple", 9))
        await until(lambda: base.told.count(OPEN) == 2)
        assert STOP in base.told
        assert base.most_asked == (6, 6)
        room.supervisor.show(question(3, "number", 0))
        await until(lambda: not base.polling)
        assert room.status.counters["unfit_questions"] == 1


async def test_an_answer_whose_acknowledgement_was_lost_is_taken_once() -> None:
    base = VirtualSunvote()
    async with ready_room("clicker.sunvote", base) as room:
        room.supervisor.show(question(1))
        await until(lambda: base.polling)
        base.misses_acknowledgements = True
        base.press(5, 1)
        await room.counted("repeats", 2)
        base.misses_acknowledgements = False
        await until(lambda: base.acknowledged == [0])
        assert room.answers == [("05", None, "A")]


async def test_lost_and_garbled_bytes_cost_only_time() -> None:
    base = VirtualSunvote()
    async with ready_room("clicker.sunvote", base) as room:
        room.supervisor.show(question(1))
        await until(lambda: base.polling)
        base.port.fault = spoiling(11)
        for keypad in range(1, 9):
            base.press(keypad, 1)
        await until(lambda: len(room.answers) == 8, timeout_s=40)
        assert room.answers == [(f"{keypad:02X}", None, "A") for keypad in range(1, 9)]
        assert room.status.counters["junk_bytes"] > 0


async def test_a_base_that_stops_answering_is_lost_and_then_told_what_is_open() -> None:
    base = VirtualSunvote()
    async with ready_room("clicker.sunvote", base) as room:
        room.supervisor.show(question(4))
        await until(lambda: base.polling)
        base.silent, base.polling = True, False
        await until(lambda: ("lost", "base_silent") in room.states)
        assert room.status.counters["unanswered"] >= 5
        base.silent = False
        await until(lambda: base.polling)
        base.press(5, 1)
        await until(lambda: room.answers)
        assert (room.status.state, room.status.code) == ("ready", "")


async def test_noise_alone_is_never_ready_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "GARBLED_S", 0.3)
    base = VirtualSunvote()
    base.silent = True
    room = await noise_alone("clicker.sunvote", base)
    assert ("ready", "") not in room.states
