"""Bits of a Wiegand reader, worked out by hand from the protocol's description, and its driver."""

import asyncio
import logging

import pytest

from drivers.card.wiegand import WiegandReader
from drivers.on_receiver import ReceiverOptions
from drivers.protocols.wiegand import uid_of
from drivers.readings import Attached, CardTap, Reading
from drivers.sim.receiver import PtyLine, VirtualReceiver
from firmware_bridge.frame import encode_frame
from firmware_bridge.messages import Readers, Wiegand
from tests.drivers.fake_ports import FakePorts
from tests.firmware_bridge.host import FaultyPorts
from tests.firmware_bridge.rigs import SERIAL, boottime_ns, until

CARD_26 = "1" + "000000010000" + "000000000010" + "0"
CARD_34 = "1" + "0001001000110100" + "0101011001111000" + "1"


def test_a_card_of_26_bits_gives_facility_and_number_after_a_zero_byte() -> None:
    assert uid_of(CARD_26) == "00010002"


def test_a_card_of_34_bits_gives_its_four_bytes() -> None:
    assert uid_of(CARD_34) == "12345678"


@pytest.mark.parametrize("card", [CARD_26, CARD_34])
def test_one_flipped_bit_anywhere_is_no_card(card: str) -> None:
    for at in range(len(card)):
        flipped = card[:at] + ("0" if card[at] == "1" else "1") + card[at + 1 :]
        assert uid_of(flipped) is None


@pytest.mark.parametrize("bits", ["", "1" * 25, "0" * 27, "2" * 26, CARD_26 + CARD_26])
def test_any_other_count_of_bits_is_no_card(bits: str) -> None:
    assert uid_of(bits) is None


class Door:
    """A running driver on a virtual receiver."""

    def __init__(self, path: str, ports: FakePorts) -> None:
        self.readings: list[Reading] = []
        self.driver = WiegandReader("door", ReceiverOptions(port=path), ports=ports)

    async def __aenter__(self) -> "Door":
        self._task = asyncio.create_task(self.driver.run(self._emit))
        await until(lambda: bool(self.readings) or self._task.done())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    @property
    def uids(self) -> list[str]:
        return [one.uid for one in self.readings if isinstance(one, CardTap)]

    async def _emit(self, *readings: Reading) -> None:
        self.readings += readings


async def test_a_card_that_lies_there_is_one_tap_and_no_log_knows_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver = VirtualReceiver(SERIAL, now_ns=boottime_ns)
    async with PtyLine(receiver, boottime_ns) as line, Door(line.path, FaultyPorts()) as door:
        assert isinstance(door.readings[0], Attached)
        await until(lambda: receiver.wiegand_wanted)
        for bits in (CARD_34, CARD_34, CARD_26, CARD_34[:-1] + "0", CARD_26 + "0"):
            receiver.lay_card(bits)
        await until(lambda: door.driver.counters()["bad_cards"] == 2)
        assert door.uids == ["12345678", "00010002"]
        counters = door.driver.counters()
    assert (counters["repeats"], counters["lost_cards"]) == (1, 0)
    assert "12345678" not in caplog.text
    assert CARD_34 not in caplog.text


async def test_cards_that_never_came_are_counted_and_a_reset_is_no_loss() -> None:
    receiver = VirtualReceiver(SERIAL, now_ns=boottime_ns)
    ports = FaultyPorts()
    async with PtyLine(receiver, boottime_ns) as line:
        receiver.lay_card(CARD_26)  # before anybody listened
        async with Door(line.path, ports) as door:
            await until(lambda: receiver.wiegand_wanted)
            receiver.lay_card(CARD_26)
            await until(lambda: len(door.uids) == 1)
            lost = encode_frame(Wiegand(2, CARD_34).encode())
            ports.fault = lambda data: data.replace(lost, b"")
            receiver.lay_card(CARD_34)
            receiver.lay_card(CARD_26)
            await until(lambda: door.driver.counters()["repeats"] == 1)
            assert door.driver.counters()["lost_cards"] == 1
            receiver.warm_reset()
            await until(lambda: len(door.readings) == 3)
            await until(lambda: receiver.wiegand_wanted)
            receiver.lay_card(CARD_34)
            await until(lambda: door.uids == ["00010002", "12345678"])
            assert door.driver.counters()["lost_cards"] == 1


def test_a_receiver_tells_nobody_of_cards_until_it_is_asked() -> None:
    now_ns = 0
    receiver = VirtualReceiver(SERIAL, now_ns=lambda: now_ns)

    def said() -> bytes:
        nonlocal now_ns
        data = b""
        for _ in range(10):
            now_ns += 100_000_000
            data += receiver.data_to_send()
        return data

    said()
    receiver.lay_card(CARD_26)
    assert encode_frame(Wiegand(0, CARD_26).encode()) not in said()
    receiver.feed(encode_frame(Readers(wiegand=True).encode()))
    receiver.lay_card(CARD_34)
    assert encode_frame(Wiegand(1, CARD_34).encode()) in said()
