"""PC/SC readers: what an answer says, when a card is a tap, and a real pcscd with virtual cards."""

import asyncio
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ports import BoardPorts
from drivers.card.pcsc import Pcsc, PcscOptions, uid_of
from drivers.card_slot import PcscSlot, choose
from drivers.errors import DeviceLost, DeviceMisconfigured, DriverError
from drivers.presence import ABSENT_NS, RETURN_NS, Presence
from drivers.readings import Attached, CardTap, Reading
from drivers.sim.chip_card import CONTACT_ATR, CONTACTLESS_ATR, VirtualChipCard
from tests.drivers.fake_ports import FakePorts, MemoryPhones, MemorySlot
from tests.drivers.pcscd_world import Pcscd
from tests.drivers.room import Room, until

RED, BLUE = "04A1B2C3", "04112233445566"
SECOND_NS = 1_000_000_000
GET_UID = bytes.fromhex("FFCA000000")
real = pytest.mark.needs("pcscd", "vpcd", "unshare", "pyscard")


# -- what an answer says ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "uid"),
    [
        ("04A1B2C3 9000", "04A1B2C3"),
        ("04112233445566 9000", "04112233445566"),
        ("0102030405060708090A 9000", "0102030405060708090A"),
        ("E004010012345678 9000", "E004010012345678"),
        ("04A1B2C3 6282", "04A1B2C3"),
        ("6300", ""),
        ("", ""),
        ("6A81", None),
        ("6D00", None),
        ("6E00", None),
        ("9000", None),
        ("04A1B2 9000", None),
        ("0102030405060708090A0B 9000", None),
        ("04A1B2C3 6A81", None),
        ("90", None),
    ],
)
def test_what_a_reader_answers(answer: str, uid: str | None) -> None:
    assert uid_of(bytes.fromhex(answer)) == uid


@given(st.binary(max_size=40))
def test_any_answer_is_a_uid_that_it_holds_or_none(answer: bytes) -> None:
    uid = uid_of(answer)
    if uid:
        assert bytes.fromhex(uid) == answer[:-2]
        assert answer[-2:] in (b"\x90\x00", b"\x62\x82")


# -- when a card is a tap ---------------------------------------------------------------------


class Reader:
    """The driver on a reader in memory, and all that it says."""

    def __init__(self, ports: FakePorts | None = None) -> None:
        self.ports = ports or FakePorts()
        self.slot = MemorySlot()
        self.readings: list[Reading] = []
        self.driver = Pcsc("door", PcscOptions(), ports=self.ports)

    async def run(self) -> None:
        self.ports.slots.append(self.slot)
        await self.driver.run(self._emit)

    async def _emit(self, *readings: Reading) -> None:
        self.readings += readings

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Reader"]:
        task = asyncio.create_task(self.run())
        await self.settle()
        yield self
        self.slot.unplug()
        with pytest.raises(DeviceLost, match="port_gone"):
            await task
        assert self.slot.closed

    async def settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    async def lay(self, uid: str, at_s: float) -> None:
        self.ports.clock_ns = int(at_s * SECOND_NS)
        self.slot.lay(lambda _: bytes.fromhex(uid) + b"\x90\x00")
        await self.settle()

    async def lift(self, at_s: float) -> None:
        self.ports.clock_ns = int(at_s * SECOND_NS)
        self.slot.lift()
        await self.settle()

    @property
    def taps(self) -> list[str]:
        return [one.uid for one in self.readings if isinstance(one, CardTap)]


async def test_a_card_is_asked_for_its_uid_and_is_one_tap() -> None:
    async with Reader().running() as reader:
        await reader.lay(RED, 10)
        assert reader.slot.asked == [GET_UID]
        attached, tap = reader.readings
        assert isinstance(attached, Attached)
        assert attached.facts == {"reader": reader.slot.name}
        assert tap == CardTap(device="door", mono_ns=10 * SECOND_NS, uid=RED)


async def test_a_card_is_tapped_again_after_a_second_away_however_long_it_lay() -> None:
    async with Reader().running() as reader:
        await reader.lay(RED, 10)
        await reader.lift(70)
        await reader.lay(RED, 70.9)
        await reader.lift(71)
        await reader.lay(RED, 72)
        assert reader.taps == [RED, RED]
        assert reader.driver.counters()["repeats"] == 1


async def test_a_card_put_in_place_of_another_is_a_tap() -> None:
    async with Reader().running() as reader:
        await reader.lay(RED, 10)
        await reader.lay(BLUE, 11)
        assert reader.taps == [RED, BLUE]


async def test_a_card_that_lay_there_while_the_reader_was_away_is_no_second_tap() -> None:
    first = Reader()
    async with first.running():
        await first.lay(RED, 10)
    again = Reader(first.ports)
    again.ports.clock_ns = 3600 * SECOND_NS
    async with again.running():
        await again.lay(RED, 3600 + (RETURN_NS - 1) / SECOND_NS)
        await again.lift(3610)
        await again.lay(RED, 3612)
    assert first.taps == [RED]
    assert again.taps == [RED]
    assert again.driver.counters()["repeats"] == 1


async def test_a_card_that_was_taken_while_the_reader_was_away_taps_again() -> None:
    first = Reader()
    async with first.running():
        await first.lay(RED, 10)
    again = Reader(first.ports)
    again.ports.clock_ns = 3600 * SECOND_NS
    async with again.running():
        await again.lay(BLUE, 3601)
        await again.lay(RED, 3600 + RETURN_NS / SECOND_NS)
    assert again.taps == [BLUE, RED]


async def test_a_card_that_lies_there_at_the_start_is_a_tap() -> None:
    reader = Reader()
    reader.slot = MemorySlot(lambda _: bytes.fromhex(RED) + b"\x90\x00", atr=CONTACTLESS_ATR)
    async with reader.running():
        assert isinstance(reader.readings[0], Attached)
        assert reader.taps == [RED]


async def test_a_reader_that_wants_the_exact_length_is_asked_with_it() -> None:
    def exact(command: bytes) -> bytes:
        return bytes.fromhex(BLUE) + b"\x90\x00" if command[-1] == 7 else b"\x6c\x07"

    async with Reader().running() as reader:
        reader.slot.lay(exact)
        await reader.settle()
        assert reader.slot.asked == [GET_UID, GET_UID[:-1] + b"\x07"]
        assert reader.taps == [BLUE]


async def test_a_card_that_left_before_it_was_read_is_counted_and_no_tap() -> None:
    async with Reader().running() as reader:
        reader.slot.lay(lambda _: b"")
        await reader.lift(11)
        await reader.lay(RED, 12)
        assert reader.taps == [RED]
        assert reader.driver.counters()["cards_unread"] == 1


async def test_a_card_that_gave_no_answer_at_first_is_a_tap_once_it_does() -> None:
    async with Reader().running() as reader:
        reader.slot.lay(lambda _: b"")
        await reader.settle()
        reader.slot.lay(lambda _: b"\x63\x00")
        await reader.settle()
        await reader.lay(RED, 12)
        assert reader.taps == [RED]
        assert reader.driver.counters()["cards_unread"] == 1


async def test_a_made_up_uid_of_a_phone_is_counted_and_no_tap() -> None:
    async with Reader().running() as reader:
        await reader.lay("08C0FFEE", 10)
        await reader.lay("08112233445566", 12)
        assert reader.taps == ["08112233445566"]
        assert reader.driver.counters()["random_uids"] == 1


@pytest.mark.parametrize("at_the_start", [False, True])
async def test_a_card_without_a_uid_is_said_until_it_is_taken(at_the_start: bool) -> None:
    reader = Reader()
    if at_the_start:
        reader.slot = MemorySlot(lambda _: b"\x6d\x00", atr=CONTACT_ATR)
    else:
        reader.slot.lay(lambda _: b"\x6d\x00", CONTACT_ATR)
    with pytest.raises(DeviceLost, match="card_without_uid") as refused:
        await reader.run()
    assert CONTACT_ATR.hex().upper() in refused.value.hint
    assert [type(one) for one in reader.readings] == ([] if at_the_start else [Attached])
    assert reader.slot.closed


async def test_a_reader_unplugged_during_a_read_is_a_lost_device() -> None:
    def gone(_: bytes) -> bytes:
        raise DeviceLost("port_gone", "reader", "plug it in")

    reader = Reader()
    reader.slot.lay(gone)
    with pytest.raises(DeviceLost, match="port_gone"):
        await reader.run()
    assert not reader.taps
    assert reader.slot.closed


def test_what_lies_on_a_reader_is_not_kept_for_longer_than_needed() -> None:
    presence = Presence()
    for number in range(1000):
        presence.arrives(f"{number:08X}", number * 2 * ABSENT_NS)
    assert len(pickle.dumps(presence)) < 300


# -- which reader is meant --------------------------------------------------------------------

NAMES = ["ACS ACR1252 Dual Reader PICC 00 00", "ACS ACR1252 Dual Reader SAM 01 00"]


@pytest.mark.parametrize(
    ("names", "port", "meant"),
    [
        (NAMES, "picc", NAMES[0]),
        (NAMES, NAMES[1], NAMES[1]),
        (NAMES[:1], "", NAMES[0]),
        ([*NAMES, NAMES[0] + "0"], NAMES[0], NAMES[0]),
    ],
)
def test_a_reader_is_named_by_a_part_of_its_name(names: list[str], port: str, meant: str) -> None:
    assert choose(names, port) == meant


@pytest.mark.parametrize(
    ("names", "port", "refusal", "code"),
    [
        (NAMES, "", DeviceMisconfigured, "port_ambiguous"),
        (NAMES, "ACR1252", DeviceMisconfigured, "port_ambiguous"),
        (NAMES, "Omnikey", DeviceLost, "port_missing"),
        ([], "", DeviceLost, "port_missing"),
    ],
)
def test_else_it_is_said_which_readers_there_are(
    names: list[str], port: str, refusal: type[DriverError], code: str
) -> None:
    with pytest.raises(refusal, match=code) as refused:
        choose(names, port)
    assert all(name in refused.value.hint for name in names)


# -- the library ------------------------------------------------------------------------------


def python(code: str, **environment: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True,
        env=os.environ | environment,
    ).stdout.strip()  # fmt: skip


def test_without_the_library_it_is_said_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "smartcard.py").write_text("")  # another package of that name: no `scard` in it
    told = python(
        "import asyncio, drivers.card_slot as slot\n"
        "try: asyncio.run(slot.PcscSlot.open(''))\n"
        "except slot.DriverError as error: print(type(error).__name__, error)",
        PYTHONPATH=str(tmp_path),
    )
    assert told.startswith("DeviceMisconfigured PC/SC: library_missing")
    assert "its extra `cards`" in told


def test_a_room_without_such_a_reader_does_not_load_the_library() -> None:
    told = python(
        "import sys, agent.app, drivers.card.em4100, drivers.card.pcsc\n"
        "print([one for one in sys.modules if one.startswith(('smartcard', 'drivers.blocking',"
        " 'drivers.card_slot'))])"
    )
    assert told == "[]"


# -- a real pcscd -----------------------------------------------------------------------------

PICC = "Room Reader PICC"


@pytest.fixture
def pcscd(tmp_path: Path) -> Iterator[Pcscd]:
    world = Pcscd(tmp_path, PICC)
    world.start()
    yield world
    world.end(signal.SIGKILL)


@asynccontextmanager
async def card(pcscd: Pcscd, uid: str, *, contact: bool = False) -> AsyncIterator[VirtualChipCard]:
    one = VirtualChipCard(uid, contact=contact)
    one.lay(pcscd.ports[PICC])
    try:
        yield one
    finally:
        await one.lift()


def threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("pcsc")]


async def until_more(room: Room, taps_before: int) -> None:
    await until(lambda: len(room.taps) > taps_before)


@real
async def test_cards_on_a_real_pcscd_are_taps_in_their_order(pcscd: Pcscd) -> None:
    async with Room("card.pcsc", port=f"{PICC} 00 00") as room:
        await until(lambda: room.status.state == "ready")
        assert room.status.facts["reader"] == f"{PICC} 00 00"
        for uid in (RED, BLUE, RED):
            taps_before = len(room.taps)
            async with card(pcscd, uid) as laid:
                await until_more(room, taps_before)
                assert laid.asked == [GET_UID]
    assert room.taps == [RED, BLUE, RED]
    assert not threads()


@real
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_a_card_lies_there_while_pcscd_is_started_anew(
    pcscd: Pcscd, how: signal.Signals
) -> None:
    async with Room("card.pcsc", port=f"{PICC} 00 00") as room:
        async with card(pcscd, RED) as red:
            await until(lambda: room.taps)
            pcscd.end(how)
            await until(lambda: room.status.code == "pcscd_away")
            assert room.status.state in ("lost", "starting")
            pcscd.start()
            await until(lambda: room.status.state == "ready")
            await until(lambda: len(red.asked) == 2)
        async with card(pcscd, BLUE):
            await until(lambda: BLUE in room.taps)
    assert room.taps == [RED, BLUE]


@real
async def test_a_contact_card_is_said_and_the_next_card_is_read(pcscd: Pcscd) -> None:
    async with Room("card.pcsc", port=f"{PICC} 00 00") as room:
        async with card(pcscd, RED, contact=True):
            await until(lambda: room.status.code == "card_without_uid")
            assert CONTACT_ATR.hex().upper() in room.status.hint
        await until(lambda: room.status.state == "ready")
        async with card(pcscd, BLUE):
            await until(lambda: room.taps)
    assert room.taps == [BLUE]


@real
async def test_a_reader_that_is_not_there_is_waited_for(pcscd: Pcscd, tmp_path: Path) -> None:
    async with Room("card.pcsc", port="Other Reader 00 00") as room:
        await until(lambda: room.status.code == "port_missing")
        assert f"{PICC} 00 00" in room.status.hint
        pcscd.end()
        await until(lambda: room.status.code == "pcscd_away")
        (tmp_path / "other").mkdir()
        both = Pcscd(tmp_path / "other", PICC, "Other Reader")
        both.start()
        try:
            await until(lambda: room.status.state == "ready")
        finally:
            both.end()


@real
async def test_of_several_readers_one_must_be_named(pcscd: Pcscd) -> None:
    ports = BoardPorts(MemoryPhones())
    with pytest.raises(DeviceMisconfigured, match="port_ambiguous") as refused:
        await ports.card_slot("room reader")
    assert f"{PICC} 00 00, {PICC} 00 01" in refused.value.hint
    assert not threads()


@real
async def test_a_pcscd_that_hangs_is_said_and_costs_one_thread_until_it_goes_on(
    pcscd: Pcscd,
) -> None:
    port = f"{PICC} 00 00"
    slot = await PcscSlot.open(port, call_s=1.0, grace_s=0.01)
    assert await slot.change() is None
    pcscd.freeze()
    with pytest.raises(DeviceLost, match="pcscd_silent"):
        await slot.change()
    await slot.close()
    before = threading.active_count()
    for _ in range(3):
        with pytest.raises(DeviceLost, match="pcscd_silent"):
            await PcscSlot.open(port)
    assert threading.active_count() == before
    pcscd.freeze(False)
    await until(lambda: threading.active_count() < before)
    again = await PcscSlot.open(port)
    assert await again.change() is None
    await again.close()
