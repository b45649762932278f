"""i>clicker bases: the driver against a virtual base on a pseudo-terminal, and its decoder."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from agent.ports import BoardPorts
from agent.supervisor import DevicePlan, Supervisor
from drivers.capabilities import Polls, QuestionView
from drivers.clicker.iclicker import Iclicker, IclickerOptions
from drivers.protocols.iclicker import lcd_lines
from drivers.protocols.iclicker_reports import REPORT_BYTES, IclickerDecoder
from drivers.readings import KeyPress, Reading
from drivers.sim.clicker_base import PtyBase
from tests.drivers.fake_ports import FakePorts, MemoryPhones

FIRST = QuestionView(question=1, kind="single", options=4, answered=0)
SECOND = QuestionView(question=2, kind="true_false", options=2, answered=0)


def options_of(line: PtyBase, protocol: int = 2) -> dict[str, object]:
    return {
        "port": line.path,
        "frequency": "BD",
        "protocol": protocol,
        "settle_s": 0.0,
        "answer_s": 0.3,
    }


class Room:
    """A base on a pseudo-terminal, and a supervisor that runs its driver."""

    def __init__(self, line: PtyBase, supervisor: Supervisor, readings: list[Reading]) -> None:
        self.line, self.base = line, line.base
        self.supervisor = supervisor
        self.readings = readings

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(one.keypad, one.key) for one in self.readings if isinstance(one, KeyPress)]

    @property
    def state(self) -> str:
        return self.supervisor.devices()[0].state

    @property
    def counters(self) -> dict[str, int]:
        return self.supervisor.devices()[0].counters

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.002)


@asynccontextmanager
async def a_room(protocol: int = 2) -> AsyncIterator[Room]:
    readings: list[Reading] = []

    async def emit(*heard: Reading) -> None:
        readings.extend(heard)

    async with PtyBase(first=protocol == 1) as line:
        plan = DevicePlan("base", "clicker.iclicker", options_of(line, protocol))
        async with Supervisor([plan], ports=BoardPorts(MemoryPhones()), emit=emit) as supervisor:
            room = Room(line, supervisor, readings)
            await room.until(lambda: room.state == "ready")
            yield room


async def test_a_base_is_started_by_the_commands_it_wants_in_their_order() -> None:
    async with a_room() as room:
        await room.until(lambda: room.base.lcd[1] != "")
        told = [one.hex() for one in room.base.commands]
    assert told[:9] == [
        "01102144"[:4] + "2244", "012a224405", "0112", "0116", "0115", "012d", "011704", "011703",
        "0116",
    ]  # fmt: skip
    assert room.base.frequency == "BD"
    assert room.base.lcd == ["Connected       ", "no question open"]


async def test_a_poll_is_open_while_a_question_is() -> None:
    async with a_room() as room:
        room.base.press("82E9701B", "A")
        room.supervisor.show(FIRST)
        await room.until(lambda: room.base.polling)
        started = [one.hex() for one in room.base.commands if one[1] not in (0x13, 0x14)]
        assert started[9:] == ["0119660a01", "011703", "011705", "0119660a01", "0111"]
        room.base.press("82E9701B", "B")
        room.base.press("21A0F475", "")
        await room.until(lambda: len(room.said) == 2)
        room.supervisor.show(None)
        await room.until(lambda: not room.base.polling)
        room.base.press("82E9701B", "C")
        await room.until(lambda: room.base.lcd[1] == "no question open")
    assert room.said == [("82E9701B", "B"), ("21A0F475", "")]
    assert room.base.ignored == 2


async def test_what_the_base_kept_comes_when_the_poll_is_closed() -> None:
    async with a_room() as room:
        room.supervisor.show(FIRST)
        await room.until(lambda: room.base.polling)
        pressed = [(f"0102{number:02X}{1 ^ 2 ^ number:02X}", "D") for number in range(6)]
        for keypad, key in pressed:
            room.base.press(keypad, key, late=True)
        room.supervisor.show(SECOND)
        await room.until(lambda: len(room.said) == 6 and room.base.polling)
    assert room.said == pressed
    # Whether they still count is for the lesson to say; they count for no other question.
    assert {one.item for one in room.readings if isinstance(one, KeyPress)} == {1}
    assert room.counters["polls"] == 2
    assert room.counters["junk_bytes"] == 0


async def test_the_display_says_how_many_have_answered_and_is_never_garbled() -> None:
    async with a_room() as room:
        for answered in range(200):
            room.supervisor.show(
                QuestionView(question=7, kind="single", options=4, answered=answered)
            )
            await asyncio.sleep(0.001)
        await room.until(lambda: room.base.lcd == ["Question 7      ", "199 answered    "])
    assert room.base.garbled == 0


async def test_votes_arrive_while_a_command_waits_for_its_acknowledgement() -> None:
    async with a_room() as room:
        room.supervisor.show(FIRST)
        await room.until(lambda: room.base.polling)
        pressed = []
        for number in range(300):
            keypad = bytes((number >> 8, number & 0xFF, 7))
            name = (keypad + bytes((keypad[0] ^ keypad[1] ^ keypad[2],))).hex().upper()
            pressed.append((name, "ABCDE"[number % 5]))
            room.base.press(*pressed[-1])
            room.supervisor.show(
                QuestionView(question=1, kind="single", options=4, answered=number)
            )
            await room.until(lambda: len(room.said) > number - 20)  # noqa: B023 (at once)
        await room.until(lambda: len(room.said) == 300)
    assert room.said == pressed
    assert room.counters["repeats"] == 299


async def test_a_base_that_stops_answering_is_lost_and_its_poll_is_started_anew() -> None:
    async with a_room() as room:
        room.supervisor.show(FIRST)
        await room.until(lambda: room.base.polling)
        room.base.press("82E9701B", "A")
        await room.until(lambda: len(room.said) == 1)
        room.base.silent = True
        await room.until(lambda: room.state == "lost")
        lost = room.supervisor.devices()[0]
        assert lost.code == "base_silent"
        assert lost.counters["unanswered"] >= 3
        room.base.silent, room.base.polling = False, False  # its power was off
        await room.until(lambda: room.state == "ready" and room.base.polling)
        room.base.press("82E9701B", "B")
        await room.until(lambda: len(room.said) > 1)
    # The base says its last vote again beside the new one: the older, and so the first of the two.
    assert room.said == [("82E9701B", "A"), ("82E9701B", "A"), ("82E9701B", "B")]


async def test_a_cable_that_is_pulled_is_a_lost_device() -> None:
    async with a_room() as room:
        room.line.unplug()
        await room.until(lambda: room.state == "lost")
        assert room.supervisor.devices()[0].code.startswith("port_")


async def test_a_base_of_the_first_generation_is_asked_for_its_votes() -> None:
    async with a_room(protocol=1) as room:
        room.supervisor.show(FIRST)
        await room.until(lambda: room.base.polling)
        pressed = [
            (f"0102{number:02X}{1 ^ 2 ^ number:02X}", "ABCDE"[number % 5]) for number in range(40)
        ]
        for keypad, key in pressed:
            room.base.press(keypad, key)
        await room.until(lambda: len(room.said) == 40)
        room.base.press("82E9701B", "E")
        room.supervisor.show(None)
        await room.until(lambda: len(room.said) == 41 and not room.base.polling)
    assert room.said == [*pressed, ("82E9701B", "E")]


def test_the_driver_is_told_what_is_open_before_it_runs_and_does_not_mind() -> None:
    driver = Iclicker("base", IclickerOptions(), ports=FakePorts())
    assert isinstance(driver, Polls)
    driver.show(FIRST)


def test_the_display_has_sixteen_characters_a_line() -> None:
    for view in (
        None,
        QuestionView(question=10**20, kind="single", options=4, answered=10**6),
        QuestionView(question=1, kind="number", options=0, answered=3),
    ):
        assert [len(one) for one in lcd_lines(view)] == [16, 16]


# -- the decoder ------------------------------------------------------------------------------


def vote(remote: str, key: str, sequence: int) -> bytes:
    code = 0x81 + "ABCDE".index(key)
    record = bytes((2, 0x13, code)) + bytes.fromhex(remote)[:3] + bytes((sequence,))
    return record.ljust(REPORT_BYTES // 2, b"\0")


def reports(*records: bytes) -> bytes:
    return b"".join(one.ljust(REPORT_BYTES, b"\0") for one in records)


def said(data: bytes) -> list[tuple[str, str]]:
    return [(one.keypad, one.key) for one in IclickerDecoder("x").feed(data, 0)]


def test_the_fourth_byte_of_an_id_is_the_xor_of_three() -> None:
    assert said(reports(bytes.fromhex("02138182e97000"))) == [("82E9701B", "A")]


def test_the_same_vote_after_the_sequence_has_wrapped_is_a_vote() -> None:
    one = vote("82E9701B", "A", 0)
    others = [vote("21A0F475", "B", number) for number in range(1, 256)]
    assert len(said(reports(one, *others, one))) == 257


def test_a_record_that_keeps_coming_is_one_vote() -> None:
    old = vote("82E9701B", "A", 0)
    data = reports(*(vote("21A0F475", "B", number) + old for number in range(1, 100)))
    assert said(data).count(("82E9701B", "A")) == 1


def test_old_votes_behind_an_acknowledgement_are_none() -> None:
    old = vote("82E9701B", "A", 0) + vote("21A0F475", "B", 1)
    assert said(b"\x01\x13\xaa" + old[3:]) == []


@pytest.mark.parametrize("seed", range(20))
def test_a_lecture_with_repeats_and_pings_has_the_tally_of_its_last_answers(seed: int) -> None:
    """1,000 presses of 145 remotes; a report also holds one of the last 4 records, or a ping."""
    chance = random.Random(seed)
    remotes: list[str] = []
    while len(remotes) < 145:
        id3 = chance.randbytes(3)
        remotes.append((id3 + bytes((id3[0] ^ id3[1] ^ id3[2],))).hex().upper())
    last: dict[str, str] = {}
    records: list[bytes] = []
    data = b""
    for number in range(1000):
        remote, key = chance.choice(remotes), chance.choice("ABCDE")
        record = vote(remote, key, number & 0xFF)
        last[remote] = key
        ping = bytearray(vote(chance.choice(remotes), "A", chance.randrange(256)))
        ping[2] = 0x80
        old = chance.choice([*records[-3:], bytes(ping), bytes(32)])
        first, second = (record, old) if chance.random() < 0.7 or not any(old) else (old, record)
        data += first + second
        records.append(record)
        for _ in range(chance.choice((0, 0, 0, 1, 2))):
            data += chance.choice(records[-4:]).ljust(REPORT_BYTES, b"\0")
    found = said(data)
    assert len(found) == 1000
    assert dict(found) == last
