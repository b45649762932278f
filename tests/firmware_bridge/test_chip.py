"""What only the real firmware has: EEPROM, .noinit RAM, the keypad bus, a DTR line, a build."""

import asyncio
import random
import subprocess
from binascii import crc_hqx
from itertools import pairwise
from pathlib import Path

import pytest
import serial

from firmware_bridge.frame import encode_frame
from tests.firmware_bridge.host import Host
from tests.firmware_bridge.rigs import FIRMWARE, ChipRig, build, until
from tests.firmware_bridge.world import cut, whole

pytestmark = pytest.mark.needs("avr-gcc", "simavr")
MIN_SPARE_STACK_BYTES = 64


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    build()


async def test_the_boot_counter_and_the_serial_number_outlive_the_power(tmp_path: Path) -> None:
    eeprom = str(tmp_path / "eeprom.bin")
    for boot in (1, 2, 3):
        async with ChipRig("-e", eeprom) as rig, Host(rig.path) as host:
            facts = host.attached[0].facts
            assert (facts["serial"], facts["boot"]) == ("0011223344556677", str(boot))


async def test_a_reset_in_the_middle_of_an_eeprom_write_never_repeats_a_boot(
    tmp_path: Path,
) -> None:
    eeprom = tmp_path / "eeprom.bin"
    boots = [0]
    async with ChipRig("-e", str(eeprom)) as rig, Host(rig.path) as host:
        for delay_us in range(20, 1_100, 24):  # the simulated EEPROM is written in 1 ms
            seen = len(host.attached)
            rig.command(f"glitch {delay_us}")
            await rig.report("reset glitch")
            facts = await host.greeted(seen + 1)
            assert facts["serial"] == "0011223344556677"
            boots.append(int(facts["boot"]))
    assert boots == sorted(set(boots))
    steps = {after - before for before, after in pairwise(boots[1:])}
    assert steps == {1, 2}  # the first of the two starts did not, or did, get its number stored


@pytest.mark.parametrize("broken_slots", [(0,), (1,), (0, 1)])
async def test_a_broken_eeprom_slot(tmp_path: Path, broken_slots: tuple[int, ...]) -> None:
    eeprom = tmp_path / "eeprom.bin"
    for _ in range(2):
        async with ChipRig("-e", str(eeprom)) as rig, Host(rig.path):
            pass
    content = bytearray(eeprom.read_bytes())
    for slot in broken_slots:
        content[16 * slot + 9] ^= 0x10
    eeprom.write_bytes(content)
    async with ChipRig("-e", str(eeprom)) as rig, Host(rig.path) as host:
        facts = host.attached[0].facts
    if len(broken_slots) == 2:  # names must never be used twice
        assert facts["serial"] != "0011223344556677"
        assert facts["boot"] == "1"
    else:
        assert facts["serial"] == "0011223344556677"
        assert int(facts["boot"]) in (2, 3)


async def test_at_the_end_of_the_boot_counter_a_new_serial_number_begins(tmp_path: Path) -> None:
    eeprom = tmp_path / "eeprom.bin"
    async with ChipRig("-e", str(eeprom)) as rig, Host(rig.path):
        pass
    record = bytes.fromhex("0011223344556677") + (0xFFFF).to_bytes(2, "little")
    slot = record + crc_hqx(record, 0xFFFF).to_bytes(2, "little")
    eeprom.write_bytes(slot.ljust(1024, b"\xff"))
    async with ChipRig("-e", str(eeprom)) as rig, Host(rig.path) as host:
        first = host.attached[0].facts
    async with ChipRig("-e", str(eeprom)) as rig, Host(rig.path) as host:
        second = host.attached[0].facts
    assert first["serial"] != "0011223344556677"
    assert (first["boot"], second["boot"]) == ("1", "2")
    assert first["serial"] == second["serial"]


async def test_blank_chips_give_themselves_different_serial_numbers(tmp_path: Path) -> None:
    found = set()
    for seed in range(1, 5):
        async with ChipRig("-r", str(seed), serial="") as rig, Host(rig.path) as host:
            found.add(host.attached[0].facts["serial"])
    assert len(found) == 4


async def test_garbage_in_ram_at_power_on_is_no_ring(tmp_path: Path) -> None:
    for seed in range(4):
        async with ChipRig("-r", str(100 + seed)) as rig, Host(rig.path) as host:
            facts = host.attached[0].facts
            assert (facts["kept"], facts["waiting"]) == ("no", "0")
            assert (facts["lost"], facts["refused"]) == ("0", "0")


@pytest.mark.parametrize("offset", [4, 8, 14 + 10])
async def test_a_ring_with_a_flipped_bit_is_counted_as_lost_and_never_sent(offset: int) -> None:
    async with ChipRig() as rig, Host(rig.path) as host:
        host.ports.fault = cut
        for number in range(3):
            await rig.press(f"{number:08X}", "A")
        await rig.settled()
        rig.command(f"spoil {address_of('arena') + offset:04X}")
        rig.command("reset warm")
        await rig.reported("reset warm", 1)
        host.ports.fault = whole
        await host.greeted(2)
        facts = host.attached[-1].facts
        assert (facts["kept"], facts["lost"], facts["waiting"]) == ("no", "3", "0")
        await rig.press("82E9701B", "A")
        await until(lambda: rig.shown == [("82E9701B", 0)])
    assert host.answers == [("82E9701B", "A")]


async def test_the_ring_survives_many_warm_resets_at_random_moments() -> None:
    """A press whose frame on the bus is cut by a reset is no press: its clicker shows nothing."""
    chance = random.Random(3)
    resets = 0
    async with ChipRig() as rig, Host(rig.path) as host:
        for number in range(40):
            await rig.press(f"{number:08X}", "ABCD"[number % 4])
            await asyncio.sleep(0.004 + 0.004 * chance.random())
            if chance.random() < 0.4:
                rig.command(chance.choice(["reset warm", "reset watchdog"]))
                resets += 1
        await rig.settled()
        await rig.press("FFFFFFFF", "A")
        await until(lambda: len(rig.shown) > 0 and rig.shown[-1][0] == "FFFFFFFF")
        facts = host.attached[-1].facts
    keypads = [press.keypad for press in host.presses]
    assert keypads == sorted(set(keypads))
    assert len(keypads) > 40 - resets
    assert len({press.token for press in host.presses}) == len(keypads)
    assert (facts["kept"], facts["lost"]) == ("yes", "0")
    # one that comes before the chip has counted the one before it counts with that
    assert 1 < int(facts["boot"]) <= 1 + resets


async def test_noise_on_the_keypad_bus_is_counted_and_harms_no_press() -> None:
    async with ChipRig() as rig, Host(rig.path) as host:
        rig.command(f"noise {random.Random(1).randbytes(300).hex()}00")
        rig.command(f"noise {encode_frame(bytes([0x21, 1, 2, 3, 4, 7])).hex()}")  # key 0x07
        rig.command(f"noise {encode_frame(bytes([0x21, 1, 2])).hex()}")  # too short
        await rig.press("82E9701B", "A")
        await until(lambda: len(rig.shown) == 1)
        await until(lambda: host.driver.counters().get("receiver_bad_frames", 0) >= 3)
    assert host.answers == [("82E9701B", "A")]


async def test_a_burst_of_frames_from_the_host_overruns_nothing() -> None:
    async with ChipRig() as rig, Host(rig.path) as host:
        host.ports.fault = cut
        for number in range(64):
            await rig.press(f"{number:08X}", "A")
        await rig.settled()
        host.ports.fault = whole
        await until(lambda: len(rig.shown) == 64)
        await until(lambda: "receiver_overruns" in host.driver.counters())
        assert host.driver.counters()["receiver_overruns"] == 0
        assert [keypad for keypad, _ in rig.shown] == [f"{number:08X}" for number in range(64)]


async def test_unplugging_is_a_lost_device() -> None:
    rig = ChipRig()
    async with rig, Host(rig.path) as host:
        rig.kill()
        failure = await host.failure()
    assert type(failure).__name__ == "DeviceLost"


async def test_opening_the_port_again_resets_nothing_even_if_dtr_would() -> None:
    """The first open raises DTR, which resets such a board once; its ring lives through that."""
    async with ChipRig("-d") as rig:
        for _ in range(3):
            async with Host(rig.path) as host:
                facts = host.attached[-1].facts
            assert int(facts["boot"]) <= 2
            rig.command("line")
            assert (await rig.report("line")).startswith("line hupcl=0")
        assert rig.reports.count("reset dtr") == 1


async def test_a_program_that_leaves_hupcl_set_does_reset_such_a_board() -> None:
    """Shows that the test above can fail."""
    async with ChipRig("-d") as rig:
        for opened in (1, 2):
            port = serial.Serial(rig.path, 115_200, timeout=0)
            await rig.reported("reset dtr", opened)
            port.close()


async def test_the_port_is_set_to_the_speed_of_the_settings() -> None:
    async with ChipRig() as rig, Host(rig.path):
        rig.command("line")
        assert await rig.report("line") == "line hupcl=0 speed=115200"


async def test_the_stack_has_room() -> None:
    async with ChipRig() as rig, Host(rig.path) as host:
        for number in range(100):
            await rig.press(f"{number:08X}", "ABCDEFGHIJKL")
            await asyncio.sleep(0.002)
        await until(lambda: len(rig.shown) == len(host.presses) >= 40)
    lowest = int(rig.reports[-1].removeprefix("stack lowest="), 16)
    assert lowest - address_of("_end") >= MIN_SPARE_STACK_BYTES


def address_of(symbol: str) -> int:
    """Where it lies in RAM; `_end` is above all variables."""
    listing = subprocess.run(
        ["avr-nm", str(FIRMWARE / "build" / "receiver.elf")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (line,) = [line for line in listing.splitlines() if line.endswith(f" {symbol}")]
    return int(line.split()[0], 16) - 0x800000


async def test_firmware_for_250000_baud_builds_and_talks() -> None:
    build("BAUD=250000", "BUILD=build/250000")
    async with (
        ChipRig(build_folder="build/250000") as rig,
        Host(rig.path, baud=250_000) as host,
    ):
        await rig.press("82E9701B", "A")
        await until(lambda: rig.shown == [("82E9701B", 0)])
        assert host.answers == [("82E9701B", "A")]
