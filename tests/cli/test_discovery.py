"""Which serial ports there are, and what is said of them."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.commands.discovery import FoundPort, drivers_of_serial_ports, find_ports


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


def found(dev: Path, used: dict[str, str]) -> list[FoundPort]:
    listed = [
        Port(f"{dev}/ttyUSB1", "FT232R USB UART", 0x0403, 0x6001),
        Port(f"{dev}/ttyUSB0", "USB Serial", 0x1A86, 0x7523),
        Port(f"{dev}/ttyS0"),
    ]
    folders = [dev / "classroom", dev / "none", dev / "by-id"]
    return find_ports(used, listed=listed, link_folders=folders)


def test_the_name_that_outlasts_replugging_comes_first(dev: Path) -> None:
    assert [port.port for port in found(dev, {})] == [
        f"{dev}/ttyS0",
        f"{dev}/by-id/usb-1a86_USB_Serial",
        f"{dev}/classroom/port-0001A7F2",
    ]


def test_a_bridge_chip_claims_nothing(dev: Path) -> None:
    plain, ch340, ftdi = found(dev, {})
    assert (plain.usb, plain.bridge) == ("", "")
    assert (ch340.usb, ch340.bridge) == ("1a86:7523", "CH340")
    assert ftdi.bridge == "FT232R"
    assert ch340.drivers == drivers_of_serial_ports()
    assert "a CH340 bridge chip does not say what hangs behind it" in ch340.why_not_sure


def test_a_port_of_the_settings_is_known_by_any_of_its_names(dev: Path) -> None:
    used = {f"{dev}/by-id/usb-FTDI_0001A7F2": "receiver", f"{dev}/gone": "lost"}
    _, ch340, ftdi = found(dev, used)
    assert (ftdi.used_by, ftdi.snippet) == ("receiver", "")
    assert ch340.used_by is None


def test_the_snippet_is_ready_for_the_settings(dev: Path) -> None:
    snippets = [port.snippet for port in found(dev, {})]
    devices = tomllib.loads("\n".join(snippets))["devices"]
    assert [device["port"] for device in devices] == [port.port for port in found(dev, {})]
    assert len({device["id"] for device in devices}) == 3
    assert {device["driver"] for device in devices} <= set(drivers_of_serial_ports())


def test_drivers_without_a_port_are_not_named() -> None:
    drivers = drivers_of_serial_ports()
    assert "phone" not in drivers
    assert {"card.em4100", "clicker.reference"} <= set(drivers)


def test_no_port_no_line() -> None:
    assert find_ports({}, listed=[]) == []
