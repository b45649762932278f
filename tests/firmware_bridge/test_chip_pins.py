"""The firmware's pins on a simulated chip: a card reader's two lines, and a tray's switches."""

import pytest

from drivers.readings import Attached, CardTap, KeyPress, ToolLifted
from tests.drivers.test_card_wiegand import CARD_26, CARD_34
from tests.drivers.test_receiver import CountingPorts, Devices, clickers, door, tray
from tests.firmware_bridge.rigs import ChipRig, build, until

pytestmark = pytest.mark.needs("avr-gcc", "simavr")


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    build()


async def lay_card(rig: ChipRig, bits: str, every_us: int = 300) -> None:
    rig.command(f"wiegand {bits} {every_us}")
    await rig.report("wiegand sent")


async def heard_of(devices: Devices, rig: ChipRig, bits: str) -> None:
    """Lay a card down until it is heard: a receiver says none before it was asked."""
    seen = len(uids(devices))
    while len(uids(devices)) == seen:
        await lay_card(rig, bits)


def uids(devices: Devices) -> list[str]:
    return [one.uid for one in devices.heard["door"] if isinstance(one, CardTap)]


async def test_cards_arrive_whatever_the_pace_of_their_bits() -> None:
    ports = CountingPorts()
    async with ChipRig() as rig, Devices() as devices:
        reader = door(rig.path, ports)
        devices.run(reader)
        await devices.attached("door")
        await heard_of(devices, rig, CARD_26)
        before = reader.counters()["repeats"]
        await lay_card(rig, CARD_34, 200)
        await lay_card(rig, CARD_26, 15_000)
        await lay_card(rig, CARD_34, 2000)
        await until(lambda: len(uids(devices)) + reader.counters()["repeats"] == 4 + before)
        assert uids(devices)[:2] == ["00010002", "12345678"]
        assert set(uids(devices)) == {"00010002", "12345678"}
        assert reader.counters()["lost_cards"] == reader.counters()["bad_cards"] == 0


async def test_bits_that_are_no_card_are_none_and_the_next_card_is_read() -> None:
    ports = CountingPorts()
    async with ChipRig() as rig, Devices() as devices:
        reader = door(rig.path, ports)
        devices.run(reader)
        await devices.attached("door")
        await heard_of(devices, rig, CARD_26)
        await lay_card(rig, f"0{CARD_34[1:]}")  # its first parity
        await lay_card(rig, CARD_26[:13])  # cut off
        await lay_card(rig, "1")
        await lay_card(rig, "10" * 40)  # more than a receiver holds: never sent
        await lay_card(rig, "1" * 64)
        await lay_card(rig, CARD_34)
        await until(lambda: uids(devices) == ["00010002", "12345678"])
        assert (reader.counters()["bad_cards"], reader.counters()["lost_cards"]) == (4, 1)


async def test_cards_are_read_while_keypads_press_and_a_reset_loses_none_after_it() -> None:
    ports = CountingPorts()
    async with ChipRig() as rig, Devices() as devices:
        devices.run(clickers(rig.path, ports))
        reader = door(rig.path, ports)
        devices.run(reader)
        await devices.attached("clickers", "door")
        await heard_of(devices, rig, CARD_34)
        for number in range(40):
            await rig.press(f"{number:08X}", "A")
        await lay_card(rig, CARD_26)
        await until(lambda: len(devices.of("clickers", KeyPress)) == 40)
        await until(lambda: uids(devices) == ["12345678", "00010002"])
        assert (reader.counters()["bad_cards"], reader.counters()["lost_cards"]) == (0, 0)
        await rig.warm_reset()
        await until(lambda: len(devices.of("door", Attached)) == 2)
        await heard_of(devices, rig, f"{CARD_34[:17]}{'0' * 16}1")
        assert uids(devices)[2:] == ["12340000"]


async def test_switches_that_bounce_are_heard_once_and_outlive_a_reset() -> None:
    ports = CountingPorts()
    async with ChipRig() as rig, Devices() as devices:
        devices.run(clickers(rig.path, ports))
        devices.run(tray(rig.path, ports))
        await devices.attached("clickers", "tray")
        await until(lambda: moves(devices) == [("pen", True), ("eraser", True)])
        rig.command("close 0 9")
        await until(lambda: len(moves(devices)) == 3)
        rig.command("close 1 9")
        await until(lambda: len(moves(devices)) == 4)
        rig.command("open 0 9")
        await until(lambda: len(moves(devices)) == 5)
        await rig.warm_reset()
        await until(lambda: len(devices.heard["tray"]) == 7)  # attached again
        rig.command("close 0 3")
        await until(lambda: len(moves(devices)) == 6)
        await rig.press("82E9701B", "A")
        await until(lambda: len(devices.heard["clickers"]) == 3)
    assert moves(devices)[2:] == [("pen", False), ("eraser", False), ("pen", True), ("pen", False)]


def moves(devices: Devices) -> list[tuple[str, bool]]:
    return [(one.tool, one.lifted) for one in devices.heard["tray"] if isinstance(one, ToolLifted)]
