"""The ZKXL driver on virtual receivers, and what its codec makes of odd bytes."""

import random
from functools import reduce
from operator import xor

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.capabilities import KeypadState, KnowsKeypads
from drivers.clicker.zkxl import Zkxl, ZkxlDecoder, ZkxlOptions
from drivers.errors import DeviceLost
from drivers.protocols import hearing, zkxl_frames
from drivers.protocols.hearing import Hearing
from drivers.protocols.zkxl_frames import Frame, Inner, encode, encode_inner
from drivers.readings import CardTap, KeyPress, Reading
from drivers.sim.zkxl_receiver import Asked, VirtualZkxl, VirtualZkxlJson
from tests.drivers.fake_ports import FakePorts, MemoryLine
from tests.drivers.room import Room, noise_alone, question, ready_room, spoiling, until

EXAMPLE = bytes.fromhex("5c10010c1455 0d 5a0000000000110301017f6dca c1ca".replace(" ", ""))
SINGLE_A, SINGLE_B, MULTIPLE_AC, RIGHT, WRONG = 0x41, 0x42, 0x85, 0xC1, 0xC2
RED, BLUE = "A0B1C201", "A0B1C202"


def upload(uid: str, *said: tuple[int, int], sign: int = 1) -> bytes:
    data = bytes((len(said),)) + b"".join(map(bytes, said))
    return encode(Frame(0x11, sign, encode_inner(Inner(bytes.fromhex(uid), 0x11, data))))


def decoded(*chunks: bytes) -> list[tuple[str, int | None, str]]:
    decoder = ZkxlDecoder("x")
    found = [one for chunk in chunks for one in decoder.feed(chunk, 0)]
    return [(one.keypad, one.item, one.key) for one in found if isinstance(one, KeyPress)]


def update(card_id: str, key: str, *, name: str = "") -> bytes:
    return (
        f"{{'fun':'update_answer_list','card_id':'{card_id}','rssi':'-59','name':'{name}',"
        f"'answers':[{{'type':'s','id':'1','answer':'{key}'}}]}}"
    ).encode()


async def nowhere(*_: Reading) -> None:
    """Where readings that nobody asks for go."""


# -- the bytes --------------------------------------------------------------------------------


def test_the_known_frame_is_what_is_sent() -> None:
    asked = encode_inner(Inner(bytes(4), 0x11, zkxl_frames.question(1, zkxl_frames.SINGLE, 6)))
    assert encode(Frame(0x10, 0x010C1455, asked)) == EXAMPLE


def test_a_question_going_down_is_no_answer() -> None:
    decoder = ZkxlDecoder("x")
    assert (decoder.feed(EXAMPLE, 0), decoder.junk_bytes) == ([], 0)


@pytest.mark.parametrize(
    ("said", "key"),
    [(0x41, "A"), (0x60, "F"), (0x85, "AC"), (0xBF, "ABCDEF"), (RIGHT, "true"), (WRONG, "false")],
)
def test_an_answer_is_a_key(said: int, key: str) -> None:
    assert decoded(upload(RED, (9, said))) == [(RED, 9, key)]


@pytest.mark.parametrize("said", [0x40, 0x80, 0xC0, 0xC3, 0x01, 0x3F])
def test_what_is_no_answer_is_none(said: int) -> None:
    assert decoded(upload(RED, (9, said))) == []


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00\x01", b"\x02\x01\x41", b"\x01\x01\x41\x02\x41"],
    ids=["empty", "none but more", "fewer than counted", "more than counted"],
)
def test_a_count_that_does_not_fit_is_no_answer(data: bytes) -> None:
    inner = encode_inner(Inner(bytes.fromhex(RED), 0x11, data))
    assert decoded(encode(Frame(0x11, 1, inner))) == []


@pytest.mark.parametrize("kind", [0x12, 0x13, 0x17, 0x1A])
def test_other_words_of_a_clicker_are_no_answers(kind: int) -> None:
    inner = encode_inner(Inner(bytes.fromhex(RED), kind, b"\x01\x01\x41"))
    assert decoded(encode(Frame(0x11, 1, inner))) == []


def test_an_inner_frame_with_a_wrong_check_says_nothing() -> None:
    inner = bytearray(encode_inner(Inner(bytes.fromhex(RED), 0x11, b"\x01\x01\x41")))
    inner[3] ^= 1
    assert decoded(encode(Frame(0x11, 1, bytes(inner)))) == []


words = st.tuples(
    st.binary(min_size=4, max_size=4).filter(any), st.integers(0, 255), st.integers(1, 63)
)


@given(st.lists(words, max_size=8), st.integers(1, 40))
def test_every_answer_is_found_in_any_pieces(said: list[tuple[bytes, int, int]], size: int) -> None:
    data = b"".join(
        upload(uid.hex(), (number, 0x80 | mask), sign=int.from_bytes(uid, "little"))
        for uid, number, mask in said
    )
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    found = decoded(*pieces)
    assert [(keypad, item) for keypad, item, _ in found] == [
        (uid.hex().upper(), number) for uid, number, _ in said
    ]


@given(st.binary(max_size=300), st.integers(1, 50))
def test_after_anything_the_second_frame_is_read_at_the_latest(noise: bytes, size: int) -> None:
    again = upload(RED, (1, SINGLE_A)) * 16  # as many bytes as the longest frame has
    data = noise + again + upload(BLUE, (2, SINGLE_B)) * 2
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert (BLUE, 2, "B") in decoded(*pieces)


@given(st.sampled_from([b"\x5c\x11", b"\x5c\x26"]), st.binary(max_size=6))
def test_a_head_cut_off_costs_no_more_than_the_next(start: bytes, head: bytes) -> None:
    second = upload(RED, (1, SINGLE_A)), upload(BLUE, (1, SINGLE_A))
    assert (BLUE, 1, "A") in decoded(start + head, *second)


@pytest.mark.parametrize("head", ["5c1100000001f0", "5c2600000001f0", "5c1000000001f0", "5c99"])
def test_a_head_that_no_receiver_sends_holds_up_nothing(head: str) -> None:
    assert decoded(bytes.fromhex(head), upload(RED, (1, SINGLE_A))) == [(RED, 1, "A")]


@pytest.mark.parametrize("at", [2, 4, 9, -2, -1])
def test_a_frame_with_a_wrong_check_says_nothing(at: int) -> None:
    for whole in (upload(RED, (1, SINGLE_A)), encode(Frame(0x26, 1, bytes(25)))):
        frame = bytearray(whole)
        frame[at] ^= 4
        decoder = ZkxlDecoder("x")
        assert decoder.feed(bytes(frame) + bytes(300), 0) == []
        assert decoder.junk_bytes == len(frame) + 300


@pytest.mark.parametrize("text", ["{", "{'", "{'fun'", "{'fun':'a", "{'a':[", "{'a':[{'b':'c'"])
def test_half_an_object_holds_up_no_frame(text: str) -> None:
    assert decoded(text.encode(), upload(RED, (1, SINGLE_A))) == [(RED, 1, "A")]


def test_what_is_held_too_long_is_given_up() -> None:
    decoder = ZkxlDecoder("x")
    listed = encode(Frame(0x2B, 1, bytes(200)))
    assert not decoder.feed(listed[:20], 0)
    assert decoder.feed(upload(RED, (1, SINGLE_A)), 2_000_000_000)
    assert decoder.junk_bytes == 20


@pytest.mark.parametrize("name", ["{", "}", "}}{{", "][", "'fun'".replace("'", "\\'"), "a\\\\"])
def test_braces_in_texts_do_not_count(name: str) -> None:
    data = update("0123456789", "B", name=name) * 2
    assert decoded(data) == [("0123456789", 1, "B")] * 2
    assert decoded(*(data[at : at + 1] for at in range(len(data)))) == decoded(data)


def test_an_object_cut_anywhere_costs_itself_alone() -> None:
    one = update("0123456789", "B")
    for cut in range(1, len(one)):
        assert decoded(one[:cut] + update("0123456780", "C")) == [("0123456780", 1, "C")], cut


@pytest.mark.parametrize(
    ("kind", "said", "key"),
    [
        ("s", "b", "B"), ("m", "A,C", "AC"), ("j", "true", "true"), ("j", "false", "false"),
        ("d", "12.5", "12.5"),
    ],
)  # fmt: skip
def test_an_objects_answer_is_a_key(kind: str, said: str, key: str) -> None:
    data = update("0123456789", "X").replace(b"'s'", f"'{kind}'".encode())
    assert decoded(data.replace(b"'X'", f"'{said}'".encode())) == [("0123456789", 1, key)]


@pytest.mark.parametrize(("kind", "said"), [("j", "tru"), ("d", "1.2.3"), ("s", "1"), ("x", "A")])
def test_a_spoilt_object_says_nothing(kind: str, said: str) -> None:
    data = update("0123456789", "X").replace(b"'s'", f"'{kind}'".encode())
    assert decoded(data.replace(b"'X'", f"'{said}'".encode())) == []


@given(st.text("{}[]: abfun", max_size=12), st.integers(1, 60))
def test_an_object_written_with_blanks_is_the_same(name: str, size: int) -> None:
    plain = update("0123456789", "B", name=name)
    data = plain.replace(b":'", b": '").replace(b",'", b",\r\n\t'") + plain
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert decoded(*pieces) == [("0123456789", 1, "B")] * 2


def test_an_object_too_long_is_no_object() -> None:
    long = update("0123456789", "B", name="a" * 9000)
    assert decoded(long) == []
    assert decoded(long[:9000], update("0123456789", "C")) == [("0123456789", 1, "C")]


@pytest.mark.parametrize("card_id", ["012345678", "01234567890", "012345678x", ""])
def test_a_card_id_has_ten_digits(card_id: str) -> None:
    assert decoded(update(card_id, "A")) == []


def test_both_dialects_may_follow_each_other() -> None:
    data = upload(RED, (1, SINGLE_A)) + update("0123456789", "B") + upload(BLUE, (1, SINGLE_B))
    assert [key for _, _, key in decoded(data)] == ["A", "B", "B"]


def test_half_a_million_random_bytes_say_nothing_and_are_not_kept() -> None:
    decoder, chance = ZkxlDecoder("x"), random.Random(5)
    marks = b"\x5c\x5a\xca{}'[]:,\x11\x10\x26"
    found = []
    for _ in range(1000):
        noise = bytearray(chance.randbytes(500))
        for at in range(0, 500, chance.randint(2, 9)):
            noise[at] = chance.choice(marks)
        found += decoder.feed(bytes(noise), 0)
    assert not found
    assert len(vars(vars(decoder)["_stream"])["_held"]) < 10_000


def test_the_xor_is_over_what_the_protocol_says() -> None:
    frame = upload(RED, (1, SINGLE_A))
    assert frame[-2] == reduce(xor, frame[1:-2])
    assert isinstance(ZkxlDecoder("x").feed(encode(Frame(0x26, 1, bytes(25))), 0)[0], CardTap)


# -- the receiver, in frames ------------------------------------------------------------------


async def test_a_lesson_on_a_receiver() -> None:
    receiver = VirtualZkxl()
    async with receiver.port, Room("clicker.zkxl", port=receiver.port.path) as room:
        await until(lambda: "serial" in room.status.facts)
        assert room.status.facts["serial"] == "00C1A55E"
        assert room.status.facts["firmware"] == "1.2.3"
        assert receiver.forwarding
        assert not receiver.filtering

        room.supervisor.show(question(1, options=4))
        await until(lambda: receiver.asked)
        receiver.answer(RED, (1, SINGLE_A))
        receiver.answer(BLUE, (1, SINGLE_B))
        await until(lambda: len(room.answers) == 2)

        room.supervisor.show(None)
        await until(lambda: receiver.ended == 1)
        room.supervisor.show(question(2, "multiple", 5))
        await until(lambda: len(receiver.asked) == 2)
        room.supervisor.show(question(3, "true_false", 0))
        await until(lambda: len(receiver.asked) == 3)
        receiver.answer(RED, (2, MULTIPLE_AC), (3, WRONG))
        await until(lambda: len(room.answers) == 4)

        first = receiver.asked[0].sign
        assert receiver.asked == [
            Asked(first, 1, 1, 0b1111), Asked(first + 1, 2, 2, 0b11111), Asked(first + 2, 3, 3, 3),
        ]  # fmt: skip
        assert room.answers == [
            (RED, 1, "A"), (BLUE, 1, "B"), (RED, 2, "AC"), (RED, 3, "false"),
        ]  # fmt: skip
        assert room.status.counters["junk_bytes"] == 0
        assert len(receiver.heartbeats[0]) == 7


async def test_an_answer_of_an_earlier_lesson_counts_for_no_question_of_this() -> None:
    receiver = VirtualZkxl()
    async with ready_room("clicker.zkxl", receiver) as room:
        room.supervisor.show(question(1))
        await until(lambda: receiver.asked)
        room.supervisor.show(None)
        room.supervisor.show(question(1))
        await until(lambda: len(receiver.asked) == 2)
        receiver.answer(RED, (1, SINGLE_A), sign=receiver.asked[0].sign)
        receiver.answer(BLUE, (1, SINGLE_A))
        await until(lambda: len(room.answers) == 2)
        assert room.answers == [(RED, 0, "A"), (BLUE, 1, "A")]
        assert room.status.counters["other_lesson"] == 1


async def test_the_three_hundredth_question_keeps_its_number() -> None:
    receiver = VirtualZkxl()
    async with ready_room("clicker.zkxl", receiver) as room:
        room.supervisor.show(question(300))
        await until(lambda: receiver.asked)
        receiver.answer(RED, (300 & 0xFF, SINGLE_A))
        await until(lambda: room.answers)
        assert room.answers == [(RED, 300, "A")]


async def test_a_number_cannot_be_asked_and_is_counted() -> None:
    receiver = VirtualZkxl()
    async with ready_room("clicker.zkxl", receiver) as room:
        room.supervisor.show(question(1))
        await until(lambda: receiver.asked)
        room.supervisor.show(question(2, "number", 0))
        await until(lambda: receiver.ended == 1)
        assert room.status.counters["unfit_questions"] == 1
        assert len(receiver.asked) == 1


async def test_a_count_alone_asks_nothing_anew() -> None:
    receiver = VirtualZkxl()
    async with ready_room("clicker.zkxl", receiver) as room:
        room.supervisor.show(question(1))
        await until(lambda: receiver.asked)
        for answered in (1, 2):
            room.supervisor.show(msgspec.structs.replace(question(1), answered=answered))
        receiver.answer(RED, (1, SINGLE_A))
        await until(lambda: room.answers)
        room.supervisor.show(question(2))
        await until(lambda: receiver.asked[-1].number == 2)
        assert [one.number for one in receiver.asked] == [1, 2]


async def test_only_listed_clickers_may_answer() -> None:
    receiver = VirtualZkxl()
    clickers = [f"A0B1C2{n:02X}" for n in range(100)]
    options = {"port": receiver.port.path, "clickers": clickers}
    async with receiver.port:
        options["port"] = receiver.port.path
        async with Room("clicker.zkxl", **options) as room:
            await until(lambda: receiver.filtering)
            assert [uid.hex().upper() for uid in receiver.whitelist] == clickers
            receiver.answer("DEADBEEF", (1, SINGLE_A))
            receiver.answer(RED, (1, SINGLE_A))
            await until(lambda: room.answers)
            assert room.answers == [(RED, 1, "A")]


async def test_a_full_whitelist_is_said_and_shuts_nobody_out() -> None:
    receiver = VirtualZkxl(capacity=60)
    async with receiver.port:
        clickers = [f"A0B1C2{n:02X}" for n in range(100)]
        async with Room("clicker.zkxl", port=receiver.port.path, clickers=clickers) as room:
            await room.ready()
            await room.counted("whitelist_full", 1)
            await until(lambda: "whitelist" in room.status.facts)
            assert not receiver.filtering
            assert "does not hold 100" in room.status.facts["whitelist"]
            receiver.answer(clickers[-1], (1, SINGLE_A))
            await until(lambda: room.answers)


async def test_a_busy_receiver_is_told_again() -> None:
    receiver = VirtualZkxl()
    async with ready_room("clicker.zkxl", receiver) as room:
        receiver.busy = 3
        room.supervisor.show(question(1))
        await until(lambda: receiver.asked)
        await room.counted("busy", 3)


async def test_cards_on_the_coil_are_taps() -> None:
    receiver = VirtualZkxl()
    async with receiver.port:
        async with Room("clicker.zkxl", port=receiver.port.path, attendance=True) as room:
            await until(lambda: receiver.attending)
            receiver.lay(RED)
            await until(lambda: room.taps)
            assert room.taps == [RED]
        await until(lambda: not receiver.attending)


async def test_delivery_is_counted() -> None:
    receiver = VirtualZkxl()
    async with ready_room("clicker.zkxl", receiver) as room:
        receiver.report_delivery([RED, BLUE], ["A0B1C203"])
        await room.counted("undelivered", 1)
        assert room.status.counters["delivered"] == 2


async def test_lost_and_garbled_bytes_cost_only_what_they_hit() -> None:
    receiver = VirtualZkxl()
    async with ready_room("clicker.zkxl", receiver) as room:
        room.supervisor.show(question(1))
        await until(lambda: receiver.asked)
        receiver.port.fault = spoiling(11)
        for n in range(100):
            receiver.answer(f"A0B1C2{n:02X}", (1, SINGLE_A))
        receiver.port.fault = bytes
        receiver.answer("FFFFFFFF", (1, SINGLE_B))
        receiver.answer("FFFFFFFF", (1, SINGLE_B))
        await until(lambda: any(keypad == "FFFFFFFF" for keypad, _, _ in room.answers))
        sent = {(f"A0B1C2{n:02X}", 1, "A") for n in range(100)} | {("FFFFFFFF", 1, "B")}
        assert set(room.answers) <= sent
        assert len(room.answers) > 40
        assert room.status.state == "ready"


async def test_a_receiver_that_stops_answering_is_lost_and_then_told_what_is_open() -> None:
    receiver = VirtualZkxl()
    async with ready_room("clicker.zkxl", receiver) as room:
        room.supervisor.show(question(4))
        await until(lambda: receiver.asked)
        receiver.silent = True
        await until(lambda: ("lost", "base_silent") in room.states)
        assert room.status.counters["unanswered"] >= 3
        receiver.silent = False
        await until(lambda: len(receiver.asked) == 2)
        assert receiver.asked[1].number == 4
        receiver.answer(RED, (4, SINGLE_A))
        await until(lambda: room.answers)
        assert room.answers == [(RED, 4, "A")]
        assert (room.status.state, room.status.code) == ("ready", "")


async def test_a_receiver_that_knows_fewer_answers_is_no_dead_one() -> None:
    receiver = VirtualZkxl()
    receiver.ignores = {0x2C}
    async with ready_room("clicker.zkxl", receiver) as room:
        await room.counted("unanswered", 3)
        room.supervisor.show(question(1))
        await until(lambda: receiver.asked)
        receiver.silent = True
        await until(lambda: ("lost", "base_silent") in room.states)  # by another sign


async def test_one_that_never_answers_is_heard_all_the_same() -> None:
    receiver = VirtualZkxl()
    receiver.silent = receiver.forwarding = True
    async with receiver.port, Room("clicker.zkxl", port=receiver.port.path) as room:
        await until(lambda: room.status.counters.get("unanswered"))
        receiver.answer(RED, (1, SINGLE_A))
        await room.ready()
        room.supervisor.show(question(1))
        await room.counted("unanswered", 7)
        assert room.answers == [(RED, 1, "A")]
        assert room.states == [("ready", "")]


async def test_the_other_dialect_is_said() -> None:
    receiver = VirtualZkxlJson()
    async with ready_room("clicker.zkxl", receiver) as room:
        receiver.answer("0003456789", ("s", 1, "B"))
        await until(lambda: "dialect" in room.status.facts)
        assert room.answers == [("0003456789", 1, "B")]


async def test_a_pulled_cable_is_a_lost_device() -> None:
    receiver = VirtualZkxl()
    async with ready_room("clicker.zkxl", receiver) as room:
        receiver.port.unplug()
        await until(lambda: room.status.state == "lost")
        assert room.status.code in ("port_gone", "port_missing")


async def test_noise_alone_is_never_ready_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "GARBLED_S", 0.3)
    receiver = VirtualZkxl()
    receiver.silent = True
    room = await noise_alone("clicker.zkxl", receiver)
    assert ("ready", "") not in room.states
    assert "baud" in room.status.hint


# -- the receiver, in JSON --------------------------------------------------------------------


async def test_a_lesson_in_json() -> None:
    receiver = VirtualZkxlJson()
    async with receiver.port:
        options = {"port": receiver.port.path, "dialect": "json"}
        async with Room("clicker.zkxl", **options) as room:
            receiver.answer("0003456789", ("s", 1, ""))
            await room.ready()
            room.supervisor.show(question(1, options=4))
            room.supervisor.show(question(2, "number", 0))
            await until(lambda: len(receiver.asked) == 2)
            assert [one["questions"] for one in receiver.asked] == [
                [{"type": "s", "id": "1", "range": "A-D"}],
                [{"type": "d", "id": "2", "range": ""}],
            ]
            assert {one["fun"] for one in receiver.asked} == {"answer_start"}
            receiver.answer("0003456789", ("s", 1, "B"), ("d", 2, "12.5"), extra="'n':'}{',")
            await until(lambda: len(room.answers) == 2)
            assert room.answers == [("0003456789", 1, "B"), ("0003456789", 2, "12.5")]


async def test_the_signal_of_a_clicker_is_known() -> None:
    line = MemoryLine()
    line.send(update("0003456789", "A") + update("0003456789", "B").replace(b"-59", b"-71"))
    line.unplug()
    options = ZkxlOptions(port="/dev/fake", dialect="json")
    driver = Zkxl("x", options, ports=FakePorts(line))
    assert isinstance(driver, KnowsKeypads)
    with pytest.raises(DeviceLost):
        await driver.run(nowhere)
    assert driver.keypads() == {"0003456789": KeypadState(rssi_dbm=-71)}


# -- what silence means -----------------------------------------------------------------------


def code_at(hears: Hearing, now_s: float) -> str:
    try:
        hears.check(now_s)
    except DeviceLost as error:
        return error.code
    return ""


def test_noise_is_told_from_silence_within_ten_seconds() -> None:
    hears = Hearing("/dev/x", 100.0, answers=True)
    assert not hears.is_ready(100.0)
    hears.hear(7, 0, 101.0)
    assert hears.is_ready(102.0)  # a plug crackles
    hears.hear(30, 0, 102.5)
    assert not hears.is_ready(103.0)
    assert [code_at(hears, at_s) for at_s in (108.9, 109.0)] == ["", "line_garbled"]


def test_silence_is_ready_at_first_and_lost_if_it_must_answer() -> None:
    for answers, code in ((True, "receiver_silent"), (False, "")):
        hears = Hearing("/dev/x", 100.0, answers=answers)
        assert hears.is_ready(102.0)
        assert [code_at(hears, at_s) for at_s in (109.9, 110.0)] == ["", code]


def test_a_frame_makes_good_what_was_missed() -> None:
    hears = Hearing("/dev/x", 0.0, answers=True)
    hears.hear(9, 1, 1.0)
    hears.miss()
    hears.miss()
    hears.hear(9, 1, 2.0)
    hears.miss()
    assert code_at(hears, 30.0) == ""
    hears.miss()
    hears.miss()
    assert code_at(hears, 30.0) == "base_silent"
    assert hears.unanswered == 5
