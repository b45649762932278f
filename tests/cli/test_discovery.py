"""What is plugged in, what is said of it, and whether the lines for the settings work."""

import asyncio
import json
import os
import pty
import subprocess
import sys
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.discovery import (
    FoundDevice,
    Machine,
    find,
    lasting_names,
    lines,
    ports_in_use,
)
from agent.ports import BoardPorts
from agent.settings import DeviceSection
from benchmarks.decoders import recordings
from drivers.api import Driver
from drivers.evdev import InputDevice
from drivers.hidraw import HidDevice
from drivers.readings import Reading
from drivers.registry import load, names
from drivers.usb import BRIDGES
from tests.drivers.fake_ports import MemoryPhones
from tests.drivers.input_world import World, pressed
from tests.drivers.test_hid_replay import device as hid_device

ROOT = Path(__file__).parents[2]
KEYBOARD = frozenset((*range(2, 12), 28, 104, 109))
SERIAL_DRIVERS = [name for name in names() if load(name).FITS.bus == "serial"]


@dataclass
class Port:
    """A port as pyserial lists it."""

    device: str
    description: str = "n/a"
    vid: int | None = None
    pid: int | None = None


@pytest.fixture
def dev(tmp_path: Path) -> Path:
    for folder in ("by-id", "classroom"):
        (tmp_path / folder).mkdir()
    for name in ("ttyUSB0", "ttyUSB1", "ttyS0"):
        (tmp_path / name).touch()
    (tmp_path / "by-id/usb-1a86_USB_Serial").symlink_to(tmp_path / "ttyUSB0")
    (tmp_path / "classroom/port-0001A7F2").symlink_to(tmp_path / "ttyUSB1")
    (tmp_path / "by-id/usb-FTDI_0001A7F2").symlink_to(tmp_path / "ttyUSB1")
    return tmp_path


def ports_of(dev: Path, used: dict[str, str]) -> list[FoundDevice]:
    listed = [
        Port(f"{dev}/ttyUSB1", "FT232R USB UART", 0x0403, 0x6001),
        Port(f"{dev}/ttyUSB0", "USB Serial", 0x1A86, 0x7523),
        Port(f"{dev}/ttyS0"),
    ]
    links = lasting_names([dev / "classroom", dev / "none", dev / "by-id"])
    return find(Machine([*listed], [], [], links), used)


def plugged(*inputs: InputDevice, hids: tuple[HidDevice, ...] = ()) -> list[FoundDevice]:
    return find(Machine([], list(hids), list(inputs)))


def likeness(found: FoundDevice) -> dict[str, str]:
    return {one.driver: one.likeness for one in found.drivers}


def hid(usb: str, number: int = 0) -> HidDevice:
    return HidDevice(f"/dev/hidraw{number}", usb, "Acme", "")


def settings_of(snippet: str) -> DeviceSection:
    (entry,) = tomllib.loads(snippet)["devices"]
    return DeviceSection.model_validate(entry)


# -- what is said -----------------------------------------------------------------------------


def test_the_name_that_outlasts_replugging_comes_first(dev: Path) -> None:
    assert [port.port for port in ports_of(dev, {})] == [
        f"{dev}/ttyS0",
        f"{dev}/by-id/usb-1a86_USB_Serial",
        f"{dev}/classroom/port-0001A7F2",
    ]


def test_a_bridge_chip_claims_nothing(dev: Path) -> None:
    plain, ch340, ftdi = ports_of(dev, {})
    assert (plain.usb, plain.bridge) == ("", "")
    assert (ch340.usb, ch340.bridge) == ("1a86:7523", "CH340")
    assert ftdi.bridge == "FT232R"
    assert set(likeness(ch340)) == set(SERIAL_DRIVERS)
    text = "\n".join(lines(ch340))
    assert f"could be any of {', '.join(SERIAL_DRIVERS)}: a CH340 bridge chip does not say" in text
    assert f"try with {SERIAL_DRIVERS[0]}" in text


@pytest.mark.parametrize("usb", BRIDGES)
def test_no_bridge_chip_at_all_is_taken_for_a_device(usb: str) -> None:
    vendor, product = (int(half, 16) for half in usb.split(":"))
    (found,) = find(Machine([Port("/dev/ttyUSB0", "UART", vendor, product)], [], []))
    assert set(likeness(found).values()) == {"possible"}
    assert BRIDGES[usb] in "\n".join(lines(found))


def test_a_usb_id_that_is_a_devices_own_is_proof() -> None:
    base, receiver = plugged(hids=(hid("1881:0150"), hid("0483:5a4c", 1)))
    assert likeness(base) == {"clicker.iclicker": "fits", "clicker.xes": "unfit"}
    assert (base.port, receiver.port) == ("1881:0150", "0483:5a4c")
    assert "not clicker.xes: its USB id is 1881:0150, not 0483:5a4c" in "\n".join(lines(base))


def test_a_pcsc_reader_is_known_by_its_name_without_its_place() -> None:
    names = ["ACS ACR122U PICC Interface 00 00", "Omnikey 5022 01 00", "Omnikey 5022 02 00"]
    machine = Machine([], [], [], {}, names)
    found = find(machine, {"acr122": "door", "/dev/ttyUSB0": "base"})
    assert [likeness(one) for one in found] == [{"card.pcsc": "fits"}] * 3
    assert [one.used_by for one in found] == ["door", None, None]
    assert [one.port for one in found] == ["ACS ACR122U PICC Interface", *names[1:]]
    section = settings_of(found[1].snippet)
    assert (section.driver, section.options) == ("card.pcsc", {"port": "Omnikey 5022 01 00"})
    (only,) = find(machine._replace(readers=names[:1]), {"": "any"})
    assert only.used_by == "any"


def test_two_alike_are_named_by_their_paths() -> None:
    found = plugged(hids=(hid("1881:0150"), hid("1881:0150", 1)))
    assert [one.port for one in found] == ["/dev/hidraw0", "/dev/hidraw1"]


def test_a_keyboard_may_be_a_card_reader_and_nothing_says_so() -> None:
    (found,) = plugged(InputDevice("/dev/input/event3", "08ff:0009", "Acme reader", KEYBOARD))
    assert likeness(found)["card.keyboard"] == "possible"
    text = "\n".join(lines(found))
    assert "could be any of card.keyboard, presenter.keys: it has the keys" in text


def test_a_presenter_is_known_by_its_id_and_not_its_mouse() -> None:
    name = "Logitech USB Receiver"
    keys, mouse = plugged(
        InputDevice("/dev/input/event5", "046d:c52d", name, KEYBOARD),
        InputDevice("/dev/input/event6", "046d:c52d", name, frozenset((272, 273))),
    )
    assert likeness(keys)["presenter.keys"] == "fits"
    assert keys.port == "046d:c52d"
    assert set(likeness(mouse).values()) == {"unfit"}
    assert mouse.snippet == ""


def test_a_hid_device_that_types_is_listed_once() -> None:
    found = plugged(
        InputDevice("/dev/input/event3", "08ff:0009", "Acme", KEYBOARD), hids=(hid("08ff:0009"),)
    )
    assert [one.bus for one in found] == ["input"]


def test_what_no_driver_is_for_is_said() -> None:
    (found,) = plugged(hids=(hid("ffff:0001"),))
    assert found.snippet == ""
    assert "not clicker.iclicker: its USB id is ffff:0001, not 1881:0150" in "\n".join(lines(found))


def test_a_port_of_the_settings_is_known_by_any_of_its_names(dev: Path) -> None:
    used = {f"{dev}/by-id/usb-FTDI_0001A7F2": "receiver", f"{dev}/gone": "lost"}
    _, ch340, ftdi = ports_of(dev, used)
    assert (ftdi.used_by, ftdi.snippet) == ("receiver", "")
    assert ch340.used_by is None


def test_a_port_that_the_settings_leave_to_what_is_usual_is_in_use() -> None:
    used = ports_in_use([DeviceSection(id="base", driver="clicker.iclicker")])
    assert used == {"1881:0150": "base"}
    (found,) = find(Machine([], [hid("1881:0150")], []), used)
    assert found.used_by == "base"


def test_nothing_plugged_in_is_nothing_said() -> None:
    assert find(Machine([], [], [])) == []


# -- the lines for the settings ---------------------------------------------------------------


def test_the_lines_are_ready_for_the_settings(dev: Path) -> None:
    found = ports_of(dev, {})
    devices = tomllib.loads("\n".join(one.snippet for one in found))["devices"]
    assert [device["port"] for device in devices] == [port.port for port in found]
    assert len({device["id"] for device in devices}) == 3
    assert {device["driver"] for device in devices} <= set(SERIAL_DRIVERS)


def test_a_new_id_is_none_that_the_settings_have() -> None:
    machine = Machine([], [hid("1881:0150")], [])
    assert settings_of(find(machine)[0].snippet).id == "clicker-1"
    assert settings_of(find(machine, taken=["clicker-1"])[0].snippet).id == "clicker-2"


@pytest.mark.parametrize("name", ['a"b\\c', "名\n字", "x]#[["])
def test_a_port_of_any_name_makes_lines_that_parse(name: str) -> None:
    (found,) = find(Machine([Port(f"/dev/{name}")], [], []))
    assert settings_of(found.snippet).options["port"] == f"/dev/{name}"


def with_driver(device: DeviceSection, name: str) -> Driver:
    driver = load(name)
    options = driver.Options.model_validate(device.options)
    return driver(device.id, options, ports=BoardPorts(MemoryPhones()))


async def test_the_lines_of_a_serial_port_open_it_and_the_device_is_heard() -> None:
    ours, theirs = pty.openpty()
    path = os.ttyname(theirs)
    (found,) = find(Machine([Port(path, "USB Serial", 0x1A86, 0x7523)], [], []))
    device = settings_of(found.snippet)
    assert device.driver == "card.em4100"
    said: list[Reading] = []
    tapped = asyncio.Event()

    async def emit(*readings: Reading) -> None:
        said.extend(readings)
        if len(said) > 1:
            tapped.set()
        else:
            os.write(ours, recordings.of_driver(device.driver)[0].data)

    running = asyncio.create_task(with_driver(device, device.driver).run(emit))
    await asyncio.wait_for(tapped.wait(), 20)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    os.close(ours)
    os.close(theirs)
    assert said[0].device == device.id


# -- with devices that umockdev puts in the place of the machine's ----------------------------

LISTED = "from agent.__main__ import main; raise SystemExit(main(['devices', '--json']))"


def listed(command: list[str]) -> list[dict[str, Any]]:
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found: list[dict[str, Any]] = json.loads(told.stdout)["devices"]
    return found


@pytest.mark.needs("umockdev")
def test_a_base_on_usb_is_found_and_its_lines_parse(tmp_path: Path) -> None:
    (tmp_path / "device").write_text(hid_device("1881", "0150"), encoding="ascii")
    command = ["umockdev-run", "-d", str(tmp_path / "device"), "--", sys.executable, "-c", LISTED]
    (base,) = (one for one in listed(command) if one["bus"] == "hid")
    device = settings_of(base["snippet"])
    assert (device.driver, device.options) == ("clicker.iclicker", {"port": "1881:0150"})


@pytest.mark.needs("umockdev")
def test_a_presenter_is_found_and_runs_by_its_lines(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.add("046d:c52d", "Logitech USB Receiver", [*KEYBOARD], pressed([109]))
    (found,) = (
        one for one in listed(world.command(sys.executable, "-c", LISTED)) if one["bus"] == "input"
    )
    device = settings_of(found["snippet"])
    arguments = ("tests.drivers.replayed_input", device.driver, device.options["port"], "1")
    told = subprocess.run(
        world.command(sys.executable, "-m", *arguments),
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=50,
    )  # fmt: skip
    assert json.loads(told.stdout)["action"] == "next", told.stderr
