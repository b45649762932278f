"""The services, by systemd's own judgement."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent import app

FOLDER = Path(__file__).parent.parent.parent / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))
EXPOSED_AT_MOST = 15
"""Tenths, as `systemd-analyze security --threshold` counts them."""

every_unit = pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
analyze = pytest.mark.needs("systemd-analyze")


def options(unit: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unit.read_text(encoding="utf-8").splitlines():
        if match := re.fullmatch(r"(\w+)=(.*)", line):
            found.setdefault(match[1], []).append(match[2])
    return found


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def with_a_program_that_is_here(unit: Path, folder: Path) -> Path:
    """A copy that starts Python, since the product is not installed where tests run."""
    text = re.sub(r"/opt/classroom-agent/bin/[\w-]+", sys.executable, unit.read_text())
    copy = folder / unit.name
    copy.write_text(text, encoding="utf-8")
    return copy


def test_the_units_are_these() -> None:
    assert [unit.stem for unit in UNITS] == ["classroom-agent", "classroom-fleet-ingest"]


@analyze
@every_unit
def test_systemd_takes_the_unit_without_a_word(unit: Path, tmp_path: Path) -> None:
    told = run("systemd-analyze", "verify", str(with_a_program_that_is_here(unit, tmp_path)))
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


@analyze
def test_systemd_would_complain(tmp_path: Path) -> None:
    copy = with_a_program_that_is_here(UNITS[0], tmp_path)
    copy.write_text(copy.read_text().replace("Restart=always", "Restart=forever"))
    told = run("systemd-analyze", "verify", str(copy))
    assert "Failed to parse service restart specifier" in told.stderr


@analyze
@every_unit
def test_the_service_is_locked_in(unit: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager"]
    told = run(*command, f"--threshold={EXPOSED_AT_MOST}", str(unit))
    assert told.returncode == 0, told.stdout


def test_the_agent_is_watched_and_always_comes_back() -> None:
    (unit,) = (unit for unit in UNITS if unit.stem == "classroom-agent")
    said = options(unit)
    assert said["Type"] == ["notify"]
    assert said["Restart"] == ["always"]
    assert said["StartLimitIntervalSec"] == ["0"]
    assert said["WatchdogSec"] == ["20s"]
    (stop,) = said["TimeoutStopSec"]
    assert float(stop.removesuffix("s")) > app.STOP_S
    assert said["RestartPreventExitStatus"] == ["2"]


def test_the_commands_of_the_units_are_ours() -> None:
    for unit in UNITS:
        (start,) = options(unit)["ExecStart"]
        program, command = start.split()[:2]
        package = {"classroom-agent": "agent", "classroom-fleet": "fleet"}[Path(program).name]
        told = run(sys.executable, "-m", package, command, "--help")
        assert told.returncode == 0, told.stderr
        for option in re.findall(r" (--[\w-]+) ", start):
            assert option in told.stdout


def test_the_drivers_of_the_agents_devices_are_loaded_before_it() -> None:
    """A unit cannot name a class of devices that the kernel does not know yet."""
    allowed = options(FOLDER / "classroom-agent.service")["DeviceAllow"]
    modules = (FOLDER / "modules-load.d/classroom-agent.conf").read_text().splitlines()
    assert {"char-ttyUSB rw", "char-ttyACM rw", "char-input rw", "char-hidraw rw"} <= set(allowed)
    assert {"usbserial", "cdc_acm", "evdev", "hid"} <= set(modules)


# -- users and folders ------------------------------------------------------------------------


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The root folder of a machine, as far as users and folders go."""
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (etc / "group").write_text("root:x:0:\ndialout:x:20:\ninput:x:101:\n")
    for kind in ("sysusers.d", "tmpfiles.d"):
        target = tmp_path / "usr/lib" / kind
        target.mkdir(parents=True)
        for file in (FOLDER / kind).iterdir():
            (target / file.name).write_text(file.read_text())
    return tmp_path


@pytest.mark.needs("systemd-sysusers")
def test_the_users_are_made(machine: Path) -> None:
    told = run("systemd-sysusers", f"--root={machine}")
    assert told.returncode == 0, told.stderr
    users = {line.split(":")[0] for line in (machine / "etc/passwd").read_text().splitlines()}
    assert {"classroom-agent", "classroom-fleet"} <= users
    groups = (machine / "etc/group").read_text().splitlines()
    assert {"dialout:x:20:classroom-agent", "input:x:101:classroom-agent"} <= set(groups)
    for unit in UNITS:
        assert set(options(unit)["User"]) <= users


@pytest.mark.needs("systemd-sysusers", "systemd-tmpfiles")
@pytest.mark.skipif(os.geteuid() != 0, reason="cannot run here: only root may give folders away")
def test_the_folders_are_made(machine: Path) -> None:
    assert run("systemd-sysusers", f"--root={machine}").returncode == 0
    told = run("systemd-tmpfiles", f"--root={machine}", "--create")
    assert (told.returncode, told.stderr) == (0, "")
    for name in ("classroom-agent", "classroom-fleet"):
        (line,) = re.findall(rf"^{name}:.*$", (machine / "etc/passwd").read_text(), re.MULTILINE)
        user, group = map(int, line.split(":")[2:4])
        settings, data = machine / "etc" / name, machine / "var/lib" / name
        assert (settings.stat().st_uid, settings.stat().st_gid) == (0, group)
        assert (data.stat().st_uid, data.stat().st_gid) == (user, group)
        assert {settings.stat().st_mode & 0o777, data.stat().st_mode & 0o777} == {0o750}


# -- udev -------------------------------------------------------------------------------------

RULES = FOLDER / "udev/70-classroom-agent.rules"
PART = re.compile(r'([A-Z_]+)(?:\{([\w/.-]+)\})?(==|!=|\+=|:=|=)"([^"]*)"')
MATCHES = {"ACTION", "SUBSYSTEM", "ENV", "KERNEL", "ATTRS"}
ASSIGNS = {"ENV", "SYMLINK", "GOTO", "LABEL", "GROUP", "MODE", "TAG"}


def rules() -> list[list[tuple[str | Any, ...]]]:
    """Each rule as its parts: key, attribute, operator, value."""
    found = []
    for line in RULES.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            parts = [PART.fullmatch(part.strip()) for part in line.split(", ")]
            assert all(parts), line
            found.append([part.groups(default="") for part in parts if part])
    return found


def test_udev_rules_are_well_formed() -> None:
    """The udevadm of Debian 12 cannot verify rules, so their grammar is checked here."""
    labels, jumps = set(), set()
    for rule in rules():
        for key, _, operator, value in rule:
            assert key in (MATCHES if operator in ("==", "!=") else ASSIGNS)
            assert value.count("$env{") == value.count("}")
            labels |= {value} if key == "LABEL" else set()
            jumps |= {value} if key == "GOTO" else set()
    assert jumps <= labels


def test_udev_rules_come_after_those_that_find_out_ids() -> None:
    assert int(RULES.name.split("-")[0]) > 60


def links(device: dict[str, str]) -> list[str]:
    """The names under /dev that the rules give to a device with these properties."""
    found: list[str] = []
    goal = ""
    for rule in rules():
        if goal and ("LABEL", "", "=", goal) not in rule:
            continue
        goal = ""
        fits = all(
            (device.get(name or key, "") == value) == (operator == "==")
            if value != "?*"
            else bool(device.get(name))
            for key, name, operator, value in rule
            if operator in ("==", "!=")
        )
        if fits:
            for key, _, operator, value in rule:
                if key == "GOTO":
                    goal = value
                if (key, operator) == ("SYMLINK", "+="):
                    found.append(re.sub(r"\$env\{(\w+)\}", lambda at: device[at[1]], value))
    return found


def test_a_receiver_keeps_its_name_in_any_socket() -> None:
    usb = {"ACTION": "add", "SUBSYSTEM": "tty", "ID_BUS": "usb", "ID_PATH_TAG": "pci-usb-0_1"}
    assert links(usb | {"ID_SERIAL_SHORT": "0001A7F2"}) == [
        "classroom/port-0001A7F2",
        "classroom/port-at-pci-usb-0_1",
    ]
    assert links(usb) == ["classroom/port-at-pci-usb-0_1"]
    assert links(usb | {"ACTION": "remove"}) == []
    assert links(usb | {"SUBSYSTEM": "block"}) == []
    assert links({"ACTION": "add", "SUBSYSTEM": "tty"}) == []
