"""Devices of the kernel as files: what is found, opened, read, and how it ends."""

import asyncio
import os
import pty
import struct
import tty
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import evdev, hidraw
from drivers.device_file import DeviceFile
from drivers.errors import DeviceLost, DeviceMisconfigured
from drivers.evdev import EventDecoder, InputEvent

BASE = "HID_ID=0003:00001881:00000150\nHID_NAME=Acme base\nHID_UNIQ=7\n"
MOUSE = "HID_ID=0005:0000046D:0000C52D\nHID_NAME=a mouse on Bluetooth\n"


def sysfs_of_hid(folder: Path, *uevents: str) -> Path:
    for number, uevent in enumerate(uevents):
        about = folder / f"hidraw{number}" / "device"
        about.mkdir(parents=True)
        (about / "uevent").write_text(uevent, encoding="utf-8")
    return folder


def sysfs_of_input(folder: Path, vendor: str, product: str, name: str) -> Path:
    about = folder / "event4" / "device"
    (about / "id").mkdir(parents=True)
    (about / "id" / "vendor").write_text(f"{vendor}\n", encoding="ascii")
    (about / "id" / "product").write_text(f"{product}\n", encoding="ascii")
    (about / "name").write_text(f"{name}\n", encoding="utf-8")
    return folder


def record(event: InputEvent) -> bytes:
    seconds, micros = divmod(event.time_us, 1_000_000)
    return struct.pack("<qqHHi", seconds, micros, event.type, event.code, event.value)


def test_a_hid_device_is_found_by_its_usb_id(tmp_path: Path) -> None:
    found = list(hidraw.devices(sysfs_of_hid(tmp_path, MOUSE, BASE)))
    assert found == [hidraw.HidDevice("/dev/hidraw1", "1881:0150", "Acme base", "7")]


async def test_a_hid_device_that_is_not_plugged_in_is_lost(tmp_path: Path) -> None:
    with pytest.raises(DeviceLost, match="port_missing"):
        hidraw.open_hid("1881:0150", sysfs_of_hid(tmp_path, MOUSE))


async def test_of_two_alike_a_person_must_choose(tmp_path: Path) -> None:
    with pytest.raises(DeviceMisconfigured, match="/dev/hidraw0, /dev/hidraw1"):
        hidraw.open_hid("1881:0150", sysfs_of_hid(tmp_path, BASE, BASE))


def test_an_input_device_is_found_by_its_usb_id(tmp_path: Path) -> None:
    found = list(evdev.devices(sysfs_of_input(tmp_path, "046d", "c52d", "Acme presenter")))
    assert found == [evdev.InputDevice("/dev/input/event4", "046d:c52d", "Acme presenter")]


def test_the_keys_of_an_input_device_are_listed(tmp_path: Path) -> None:
    about = sysfs_of_input(tmp_path, "046d", "c52d", "Acme presenter") / "event4" / "device"
    (about / "capabilities").mkdir()
    (about / "capabilities" / "key").write_text("2010 0 8000000000000001\n", encoding="ascii")
    [found] = evdev.devices(tmp_path)
    assert found.keys == {0, 63, 128 + 4, 128 + 13}


async def test_of_two_input_devices_the_one_with_the_key_is_meant(tmp_path: Path) -> None:
    for name, keys in (("event4", "2"), ("event5", "4"), ("event6", "4")):
        device = sysfs_of_input(tmp_path / name, "046d", "c52d", "Acme presenter") / "event4"
        (device / "device" / "capabilities").mkdir()
        (device / "device" / "capabilities" / "key").write_text(keys, encoding="ascii")
        (tmp_path / "all").mkdir(exist_ok=True)
        device.rename(tmp_path / "all" / name)
    for key, named in ((1, "/dev/input/event4"), (2, "/dev/input/event5, /dev/input/event6")):
        with pytest.raises((DeviceLost, DeviceMisconfigured), match=named):
            evdev.open_input("046d:c52d", grab=True, key=key, sysfs=tmp_path / "all")


async def test_what_is_no_input_device_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "event4").write_bytes(b"")
    with pytest.raises(DeviceMisconfigured, match="not an input device"):
        evdev.open_input(str(tmp_path / "event4"), grab=True)


async def test_a_device_file_gives_what_was_sent_and_says_when_it_is_gone() -> None:
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    file = DeviceFile(os.ttyname(theirs), prefix=b"\0")
    reading = asyncio.create_task(file.read())
    await asyncio.sleep(0)
    os.write(ours, b"a record\n")
    assert await reading == b"a record\n"
    file.write(b"told\n")
    assert b"\0told" in os.read(ours, 100)
    os.close(theirs)
    os.close(ours)
    with pytest.raises(DeviceLost, match="port_gone"):
        await file.read()
    file.close()
    file.close()
    with pytest.raises(DeviceLost):
        file.write(b"too late")


async def test_a_device_file_that_is_closed_ends_its_reader() -> None:
    ours, theirs = os.openpty()
    file = DeviceFile(os.ttyname(theirs))
    reading = asyncio.create_task(file.read())
    await asyncio.sleep(0)
    file.close()
    with pytest.raises(DeviceLost):
        await reading
    os.close(ours)
    os.close(theirs)


async def test_a_device_belongs_to_whoever_opened_it_first() -> None:
    master, slave = pty.openpty()
    path = os.ttyname(slave)
    try:
        first = DeviceFile(path)
        with pytest.raises(DeviceLost, match="port_in_use"):
            DeviceFile(path)
        first.close()
        DeviceFile(path).close()
    finally:
        os.close(master)
        os.close(slave)


events = st.one_of(
    [
        st.builds(
            InputEvent,
            time_us=st.integers(0, 1 << 50),
            type=st.just(kind),
            code=st.integers(0, evdev.MAX_CODE),
            value=st.integers(least, most),
        )
        for kind, least, most in (
            (evdev.EV_SYN, 0, 1),
            (evdev.EV_KEY, 0, 2),
            (evdev.EV_ABS, -(1 << 31), (1 << 31) - 1),
            (evdev.EV_MSC, 0, 1 << 24),
        )
    ]
)


@given(st.lists(events), st.integers(1, 60))
def test_input_events_are_decoded_in_any_pieces(sent: list[InputEvent], size: int) -> None:
    data = b"".join(record(one) for one in sent)
    decoder = EventDecoder()
    found = [
        event for at in range(0, len(data), size) for event in decoder.feed(data[at : at + size])
    ]
    assert found == sent
    assert decoder.junk_bytes == 0


def test_after_junk_input_events_are_decoded_again() -> None:
    event = InputEvent(5_000_007, evdev.EV_KEY, 30, evdev.PRESSED)
    decoder = EventDecoder()
    assert list(decoder.feed(b"\xff" * 100 + record(event))) == [event]
    assert decoder.junk_bytes == 100
