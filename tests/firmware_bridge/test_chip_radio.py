"""ResponseCards: the firmware with an nRF24L01+ on the chip's SPI, all simulated; the host is real.

The packets are those of the protocol's description, with ids that were invented but for the first.
"""

import asyncio
import hashlib
import subprocess
from binascii import crc_hqx

import pytest

from drivers.capabilities import Outcome, QuestionView
from drivers.clicker.turning import Turning, TurningOptions
from drivers.errors import DeviceMisconfigured
from drivers.readings import KeyPress
from firmware_bridge.image import read_image
from tests.drivers.test_receiver import CountingPorts, Devices, door
from tests.firmware_bridge.rigs import FIRMWARE, ChipRig, build, until
from tests.firmware_bridge.test_chip import MIN_SPARE_STACK_BYTES

pytestmark = pytest.mark.needs("avr-gcc", "simavr")
OWN = bytes.fromhex("123456")
FOLDER = "build/radio"
GREEN = "air 41 090FD3 090FD3067B34"
ACCEPTED = Outcome("accepted")


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    build()
    build("KEYPADS=radio", f"BUILD={FOLDER}", "firmware")


def packet(remote: str, key: str, address: bytes = OWN) -> str:
    body = bytes.fromhex(remote) + key.encode()
    return (body + crc_hqx(address + body, 0xFFFF).to_bytes(2, "big")).hex()


class Room:
    """A receiver with a radio, its driver, and remotes."""

    def __init__(self, **options: object) -> None:
        self.rig = ChipRig("-n", build_folder=FOLDER)
        self.devices = Devices()
        self._options = options

    async def __aenter__(self) -> "Room":
        await self.rig.__aenter__()
        options = TurningOptions.model_validate({"port": self.rig.path, **self._options})
        self.driver = Turning("remotes", options, ports=CountingPorts())
        self.devices.run(self.driver)
        await self.devices.attached("remotes")
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.devices.__aexit__()
        await self.rig.__aexit__(*exc)

    async def air(self, packet: str, *, channel: int = 41, address: str = "123456") -> bool:
        """One packet; whether the radio heard it."""
        seen = len(self.rig.reports)
        self.rig.command(f"air {address} {channel} {packet}")
        ends = ("heard", "unheard")

        def answered() -> list[str]:
            return [one for one in self.rig.reports[seen:] if one.split()[0] in ends]

        await until(lambda: bool(answered()))
        return answered()[0].startswith("heard")

    async def press(self, remote: str, key: str) -> None:
        """A remote repeats until it was heard, however often the radio speaks itself."""
        while not await self.air(packet(remote, key)):
            pass

    @property
    def presses(self) -> list[KeyPress]:
        heard = self.devices.heard["remotes"]
        return [one for one in heard if isinstance(one, KeyPress)]

    async def heard(self, count: int) -> None:
        """Wait until the host has so many presses."""
        await until(lambda: len(self.presses) == count)

    def confirm(self, outcome: Outcome, *presses: KeyPress) -> None:
        self.driver.confirm([(one.token or "", outcome) for one in presses])

    def greens(self, line: str = GREEN) -> int:
        return self.rig.reports.count(line)


def test_the_packets_are_those_of_the_description() -> None:
    assert packet("090fd3", "1") == "090fd331ee8c"


async def test_a_press_turns_its_remote_green_after_the_commit_and_not_before() -> None:
    async with Room() as room:
        await room.press("090FD3", "1")
        await until(lambda: len(room.presses) == 1)
        assert (room.presses[0].keypad, room.presses[0].key) == ("090FD3", "A")
        for _ in range(3):  # it repeats itself
            await room.press("090FD3", "1")
        await room.press("0000A1", "0")
        await until(lambda: len(room.presses) == 2)
        assert (room.presses[1].keypad, room.presses[1].key) == ("0000A1", "J")
        assert not [one for one in room.rig.reports if one.startswith("air")]
        room.confirm(ACCEPTED, room.presses[0])
        await until(lambda: room.greens() == 5)
        await room.press("090FD3", "1")  # no answer reached it
        await until(lambda: room.greens() == 10)
        assert len(room.presses) == 2


async def test_a_refused_press_stays_dark_and_another_key_is_another_press() -> None:
    async with Room() as room:
        await room.press("090FD3", "1")
        await until(lambda: len(room.presses) == 1)
        room.confirm(Outcome("rejected", "no_question_open"), room.presses[0])
        await room.press("090FD3", "2")
        await until(lambda: len(room.presses) == 2)
        room.confirm(Outcome("changed"), room.presses[1])
        await until(lambda: room.greens() == 5)
        assert [one.key for one in room.presses] == ["A", "B"]


async def test_the_outcome_of_one_key_turns_no_light_green_for_another() -> None:
    async with Room() as room:
        await room.press("090FD3", "1")
        await room.heard(1)
        await room.press("090FD3", "2")
        await room.heard(2)
        room.confirm(ACCEPTED, room.presses[0])
        await room.press("0000A1", "1")  # the outcome has come long since
        await room.heard(3)
        await room.press("090FD3", "2")
        await room.press("090FD3", "2")
        assert room.greens() == 0
        room.confirm(ACCEPTED, room.presses[1])
        await until(lambda: room.greens() == 5)


async def test_what_fails_its_crc_is_counted_and_never_answered() -> None:
    async with Room() as room:
        good = packet("090FD3", "1")
        for at in range(12):
            wrong = good[:at] + f"{int(good[at], 16) ^ 1:x}" + good[at + 1 :]
            while not await room.air(wrong):
                pass
        while not await room.air(packet("090FD3", "1", bytes.fromhex("123457"))):
            pass
        await room.press("090FD3", "?")
        await until(lambda: len(room.presses) == 1)
        assert room.presses[0].key == "?"
        await until(lambda: room.driver.counters().get("receiver_bad_frames") == 13)
        assert not [one for one in room.rig.reports if one.startswith("air")]


async def test_channel_and_address_are_those_of_the_settings() -> None:
    address = bytes.fromhex("ABCDEF")
    async with Room(channel=7, address="abcdef") as room:
        mine = packet("090FD3", "3", address)
        while not await room.air(mine, channel=7, address="ABCDEF"):
            pass
        await until(lambda: len(room.presses) == 1)
        assert not await room.air(packet("090FD3", "1"))
        room.confirm(ACCEPTED, room.presses[0])
        await until(lambda: room.greens("air 7 090FD3 090FD3067B34") == 5)
        await room.rig.warm_reset()
        while not await room.air(packet("0000A1", "1", address), channel=7, address="ABCDEF"):
            pass
        await until(lambda: len(room.presses) == 2)


async def test_the_same_key_counts_again_for_another_question() -> None:
    async with Room() as room:
        room.driver.show(QuestionView(question=1, kind="single", options=4, answered=0))
        await room.rig.reported("lamp question 1", 1)
        await room.press("090FD3", "1")
        await until(lambda: len(room.presses) == 1)
        room.confirm(ACCEPTED, room.presses[0])
        await until(lambda: room.greens() == 5)
        room.driver.show(None)
        await until(lambda: room.rig.reports.count("lamp question 0") == 2)
        room.driver.show(QuestionView(question=2, kind="single", options=4, answered=0))
        await room.rig.reported("lamp question 1", 2)
        await room.press("090FD3", "1")
        await until(lambda: len(room.presses) == 2)
        assert room.greens() == 5


async def test_a_crowd_is_heard_once_each_and_the_stack_has_room() -> None:
    async with Room() as room:
        for number in range(100):
            await room.press(f"{number:06X}", "123456789"[number % 9])
            if number % 10 == 9:
                await room.heard(number + 1)
                room.confirm(ACCEPTED, *room.presses[-10:])
        last = "air 41 000063 000063"
        await until(lambda: sum(one.startswith(last) for one in room.rig.reports) == 5)
        keypads = [one.keypad for one in room.presses]
        assert keypads == [f"{number:06X}" for number in range(100)]
    lowest = int(room.rig.reports[-1].removeprefix("stack lowest="), 16)
    assert lowest - end_of_variables() >= MIN_SPARE_STACK_BYTES


def end_of_variables() -> int:
    elf = str(FIRMWARE / FOLDER / "receiver.elf")
    listing = subprocess.run(["avr-nm", elf], capture_output=True, text=True, check=True).stdout
    (line,) = [line for line in listing.splitlines() if line.endswith(" _end")]
    return int(line.split()[0], 16) - 0x800000


def test_its_image_says_that_it_is_for_the_radio() -> None:
    content = (FIRMWARE / FOLDER / "receiver.hex").read_bytes()
    assert read_image(content, "a.hex", hashlib.sha256(content).hexdigest()).keypads == "radio"


async def test_a_receiver_without_a_radio_is_refused_for_remotes_and_for_nothing_else() -> None:
    ports = CountingPorts()
    async with ChipRig() as rig, Devices() as devices:
        devices.run(Turning("remotes", TurningOptions(port=rig.path), ports=ports))
        devices.run(door(rig.path, ports))
        await devices.attached("door")
        await asyncio.wait([devices.tasks["remotes"]])
        refused = devices.tasks["remotes"].exception()
        assert isinstance(refused, DeviceMisconfigured)
        assert refused.code == "receiver_lacks"
