"""The command that flashes: real avrdude, a real bootloader on a simulated chip, real cuts."""

import hashlib
import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.demo.broker import free_port
from benchmarks.rig.chip import FIRMWARE, Build, Chip
from benchmarks.soak.flash_cuts import NEW, OLD, Bench

pytestmark = pytest.mark.needs("avr-gcc", "simavr", "gcc", "avrdude", "optiboot")
DEVICE = "receiver-1"


@pytest.fixture(scope="module")
def build() -> Build:
    return Build(FIRMWARE / "build" / "flash")


@pytest.fixture
def bench(build: Build, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path, build)
    with bench.chip:
        yield bench


def flash(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agent", "flash", *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_first_and_the_last_moment_of_writing_may_be_cut_too(bench: Bench) -> None:
    chip = bench.chip
    chip.cut_after(1)
    assert flash(chip.port, bench.images[NEW]).returncode == 1
    chip.gone()
    chip.power_on()
    assert bench.says() == OLD  # nothing was erased yet
    chip.cut_after(bench.operations)
    done = flash(chip.port, bench.images[NEW])
    assert done.returncode == 1
    assert "its bootloader is whole: flash it again" in done.stderr
    assert chip.reports[-1] == "cut before write"  # the first page is erased: what runs is wild
    chip.gone()
    chip.power_on()
    bench.flash(NEW)


def test_a_chip_of_another_kind_is_refused_and_left_as_it_was(build: Build, tmp_path: Path) -> None:
    """Its bootloader says so: here one that was built for an ATmega168."""
    build.tools()
    other = Build(build.folder / "atmega168")
    other.make("bootloader", "MCU=atmega168")
    other.simulator = build.simulator
    image = build.firmware(NEW)
    with Chip(other, build.firmware(OLD), tmp_path) as chip:
        before = (tmp_path / "flash.bin").read_bytes()
        done = flash(chip.port, image)
    assert done.returncode == 2
    assert "its chip is 1E9406, and the image is for 1E950F" in done.stderr
    assert (tmp_path / "flash.bin").read_bytes() == before


def test_firmware_for_other_keypads_is_refused_and_nothing_is_changed(
    bench: Bench, tmp_path: Path
) -> None:
    whole = bench.images[NEW].with_suffix(".elf").read_bytes()
    for_bus = b"\x1e\x95\x0f\1\x1aWFAC"
    assert whole.count(for_bus) == 1
    image = tmp_path / "radio.elf"
    image.write_bytes(whole.replace(for_bus, for_bus.replace(b"\1", b"\2")))
    digest = hashlib.sha256(image.read_bytes()).hexdigest()
    before = (tmp_path / "flash.bin").read_bytes()
    done = flash(bench.chip.port, image, "--sha256", digest)
    assert done.returncode == 2
    assert "firmware 1.2.4 for ATmega328P and ResponseCards by radio" in done.stderr
    assert "the receiver serves the keypad bus" in done.stderr
    assert "--change-keypads writes it all the same" in done.stderr
    assert (tmp_path / "flash.bin").read_bytes() == before


def board(tmp_path: Path, port: Path) -> tuple[Path, int]:
    web = free_port()
    path = tmp_path / "board.toml"
    path.write_text(
        f"""
[agent]
device_id = "board-1"
data_dir = "{tmp_path}/data"
[place]
city = "c"
county = "n"
school = "s"
room = "r"
[web]
host = "127.0.0.1"
port = {web}
[[devices]]
id = "{DEVICE}"
driver = "clicker.reference"
port = "{port}"
""",
        encoding="utf-8",
    )
    return path, web


def device_at(web: int) -> dict[str, Any]:
    """How the device is; the test's own limit ends the wait for the agent."""
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{web}/api/v1/health") as answer:
                device: dict[str, Any] = json.load(answer)["devices"][0]
                return device
        except OSError:
            time.sleep(0.05)


def until(web: int, state: str) -> None:
    while device_at(web)["state"] != state:
        time.sleep(0.05)


def test_a_running_agent_leaves_the_port_while_it_is_flashed_even_by_a_command_that_is_killed(
    bench: Bench, tmp_path: Path
) -> None:
    config, web = board(tmp_path, bench.chip.port)
    arguments = [DEVICE, str(bench.images[NEW]), "--config", str(config)]
    agent = subprocess.Popen([sys.executable, "-m", "agent", "run", "--config", str(config)])
    try:
        until(web, "ready")
        command = [sys.executable, "-m", "agent", "flash", *arguments]
        killed = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert killed.stderr is not None
        for line in killed.stderr:
            if line.startswith("writing 0"):
                break
        assert device_at(web)["state"] == "held"
        unnamed = flash("/dev/none", bench.images[NEW], "--config", config)
        assert "/dev/none: plug the device in" in unnamed.stderr  # it may: no device has that port
        again = flash(*arguments)
        assert again.returncode == 1
        assert "it is being flashed already" in again.stderr
        killed.kill()
        killed.wait()
        killed.stderr.close()
        while device_at(web)["state"] == "held":
            time.sleep(0.05)
        done = flash(*arguments)
        assert done.returncode == 0, done.stderr
        until(web, "ready")
    finally:
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(15) == 0
    assert bench.says() == NEW
