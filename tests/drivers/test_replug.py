"""Input and HID devices that are plugged in while the agent runs are found by their USB id."""

import subprocess
import sys
from pathlib import Path

import pytest

from drivers.presenter.keys import KEY_PAGEDOWN
from tests.drivers.input_world import World
from tests.drivers.test_hid_replay import device

pytestmark = pytest.mark.needs("umockdev")
ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "tests.drivers.replugged_world")


def run(command: list[str]) -> list[str]:
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_a_presenter_is_found_when_it_is_plugged_in(tmp_path: Path) -> None:
    world = World(tmp_path)
    path = world.add("046d:c52d", "a presenter", [KEY_PAGEDOWN], [])
    command = world.command(*PROGRAM, Path(path).name, Path(path).name, "presenter.keys")
    assert run([*command, "046d:c52d"]) == ["lost port_missing", "ready"]


def test_a_hid_receiver_is_found_when_it_is_plugged_in(tmp_path: Path) -> None:
    (tmp_path / "device").write_text(device("0483", "5A4C"), encoding="ascii")
    (tmp_path / "script").write_bytes(b"r 0 x\n")
    command = ["umockdev-run", "-d", str(tmp_path / "device")]
    command += ["-s", f"/dev/hidraw0={tmp_path / 'script'}", "--"]
    told = run([*command, *PROGRAM, "hidraw0", "hidraw3", "clicker.xes", "0483:5a4c"])
    assert told == ["lost port_missing", "ready"]
