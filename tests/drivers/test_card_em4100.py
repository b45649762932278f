"""The card reader: when a card is a tap, and the whole way from a serial port."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.commands import decode
from agent.ports import BoardPorts
from drivers.card.em4100 import Em4100, Em4100Decoder, Em4100Options
from drivers.errors import DeviceLost
from drivers.readings import Attached, CardTap, Reading
from drivers.sim.card_reader import VirtualCardReader, frame
from tests.drivers.fake_ports import FakePorts, MemoryLine, MemoryPhones

RED, BLUE = "1200BC614E", "0100FFEE01"
uids = st.binary(min_size=5, max_size=5).map(lambda uid: uid.hex().upper())


def decoded(*chunks: bytes) -> list[str]:
    decoder = Em4100Decoder("reader")
    return [tap.uid for chunk in chunks for tap in decoder.feed(chunk, 0)]


def test_a_known_frame() -> None:
    # 12 ^ 00 ^ BC ^ 61 ^ 4E = 81
    assert frame(RED) == b"\x021200BC614E81\x03"
    assert decoded(b"\x021200BC614E81\x03") == [RED]
    assert decoded(b"\x021200bc614e81\x03") == [RED]


def test_a_wrong_checksum_is_junk() -> None:
    decoder = Em4100Decoder("reader")
    assert not decoder.feed(b"\x021200BC614E80\x03", 0)
    assert decoder.junk_bytes == 14


@given(st.lists(uids), st.integers(1, 40))
def test_every_frame_is_found_in_any_pieces(cards: list[str], size: int) -> None:
    data = b"".join(frame(uid) for uid in cards)
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert decoded(*pieces) == cards


@given(st.binary(max_size=60), uids)
def test_a_frame_behind_anything_is_found(noise: bytes, uid: str) -> None:
    decoder = Em4100Decoder("reader")
    found = [tap.uid for tap in decoder.feed(noise + frame(uid), 0)]
    assert found[-1] == uid
    if len(found) == 1:
        assert decoder.junk_bytes == len(noise)


def test_in_a_recording_the_same_card_in_a_row_is_one_tap() -> None:
    data = frame(RED) * 3 + frame(BLUE) + frame(RED)
    found = [
        one.uid
        for one in decode.readings(Em4100Decoder("reader"), [data])
        if isinstance(one, CardTap)
    ]
    assert found == [RED, BLUE, RED]


async def taps_at(*frames: tuple[float, str]) -> Sequence[str]:
    """The taps that a driver emits for cards read at given seconds."""
    line = MemoryLine()
    ports = FakePorts(line)
    driver = Em4100("reader", Em4100Options(port="/dev/fake"), ports=ports)
    taps: list[str] = []

    async def emit(*readings: Reading) -> None:
        for reading in readings:
            if isinstance(reading, CardTap):
                assert reading.mono_ns == ports.clock_ns
                taps.append(reading.uid)

    running = asyncio.create_task(driver.run(emit))
    for at_s, uid in frames:
        ports.clock_ns = int(at_s * 1_000_000_000)
        line.send(frame(uid))
        for _ in range(5):
            await asyncio.sleep(0)
    line.unplug()
    with pytest.raises(DeviceLost):
        await running
    assert driver.counters() == {"junk_bytes": 0, "repeats": len(frames) - len(taps)}
    return taps


async def test_a_card_that_lies_there_is_tapped_once() -> None:
    assert await taps_at(*((n * 0.065, RED) for n in range(40))) == [RED]


async def test_a_card_is_tapped_again_after_a_second_away() -> None:
    assert await taps_at((0.0, RED), (0.9, RED), (1.9, RED)) == [RED, RED]


async def test_two_cards_side_by_side_are_two_taps() -> None:
    assert await taps_at((0.0, RED), (0.1, BLUE), (0.2, RED), (0.3, BLUE)) == [RED, BLUE]


class PtyPorts(BoardPorts):
    """Real serial ports, and a clock that stands still."""

    def now_ns(self) -> int:
        return 5


async def test_from_a_serial_port_to_a_tap_and_to_the_unplugged_cable() -> None:
    readings: asyncio.Queue[Reading] = asyncio.Queue()

    async def emit(*emitted: Reading) -> None:
        for reading in emitted:
            readings.put_nowait(reading)

    async with VirtualCardReader(every_s=0.01) as reader:
        options = Em4100Options(port=reader.path)
        driver = Em4100("door", options, ports=PtyPorts(MemoryPhones()))
        running = asyncio.create_task(driver.run(emit))
        reader.lay(RED)
        assert await readings.get() == Attached(device="door", mono_ns=5)
        assert await readings.get() == CardTap(device="door", mono_ns=5, uid=RED)
        reader.send(b"\x00\xff")
        reader.lay(BLUE)
        assert await readings.get() == CardTap(device="door", mono_ns=5, uid=BLUE)
        reader.unplug()
        with pytest.raises(DeviceLost):
            await running
    assert driver.counters()["junk_bytes"] == 2
