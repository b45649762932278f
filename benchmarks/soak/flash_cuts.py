"""Flashing that is cut off at random points: whatever the point, the receiver can be flashed again.

A simulated chip with the real Arduino bootloader (optiboot), the real avrdude, and the command
`classroom-agent flash` as a process of its own. In turn the power of the chip fails before a random
erasure or write of a page, the command is killed at a random moment, and avrdude is. After each
cut the chip is asked who it is: it must be silent, or run firmware that is all there. Then it is
flashed again, and must say the version of the image.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from benchmarks.rig.chip import Build, Chip
from drivers.serial import SerialLine
from firmware_bridge import flasher
from firmware_bridge.image import read_image

WAYS = ("power", "command killed", "avrdude killed")
OLD, NEW = "1.2.3", "1.2.4"
ASK_S = 2.0
CUT_OFF = "flash it again"


class Bench:
    """One chip, and images of two versions."""

    def __init__(self, folder: Path, build: Build) -> None:
        """Build what is needed."""
        build.tools()
        self.images = {version: build.firmware(version) for version in (OLD, NEW)}
        self.chip = Chip(build, self.images[OLD], folder)
        self.running = OLD

    @property
    def operations(self) -> int:
        """Erasures and writes of pages that writing an image takes."""
        content = self.images[NEW].read_bytes()
        beside = self.images[NEW].with_name("receiver.hex.sha256").read_text(encoding="ascii")
        image = read_image(content, "receiver.hex", beside)
        pages = -(-image.end // image.board.page_bytes)
        return 2 * (pages + 1)  # the first is written twice

    def command(self, version: str) -> list[str]:
        """The command that writes this version."""
        flash = [sys.executable, "-m", "agent", "flash"]
        return [*flash, str(self.chip.port), str(self.images[version])]

    def says(self) -> str | None:
        """What the chip says it runs; None if it says nothing."""

        async def ask() -> str | None:
            async def opened() -> SerialLine:
                return SerialLine(str(self.chip.port), 115_200)

            hello = await flasher.greet(opened, ASK_S)
            return None if hello is None else ".".join(map(str, hello.firmware))

        return asyncio.run(ask())

    def cut(self, version: str, way: str, rng: random.Random) -> str:
        """Begin to write, and cut it off; where that was, in words."""
        operation = rng.randint(1, self.operations)
        wait_s = rng.uniform(0.0, 1.2)
        if way == "power":
            self.chip.cut_after(operation)
        said: list[str] = []
        with subprocess.Popen(
            self.command(version), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        ) as process:
            assert process.stderr is not None
            for line in process.stderr:
                said.append(line.strip())
                if line.startswith("writing 0") and way != "power":
                    time.sleep(wait_s)  # the random moment, not what is waited for
                    _kill(process, way)
        status = process.returncode
        where = said[-1] if said else "nothing was said"
        if self.chip.port.exists() and status == 0:
            self.running = version
            return "it was done before"
        if status == 1 and CUT_OFF not in where and "nothing was changed" not in where:
            raise AssertionError(f"it does not say that it can be flashed again: {said}")
        return where if way != "power" else f"operation {operation}: {where}"

    def flash(self, version: str) -> None:
        """Write it, to the end."""
        done = subprocess.run(self.command(version), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert f"it runs firmware {version}" in done.stdout
        self.running = version


def _kill(process: subprocess.Popen[str], way: str) -> None:
    """Kill the command, or the avrdude that it runs, which are gone then."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    with suppress(OSError):
        numbers = [int(one) for one in children.read_text(encoding="ascii").split()]
        for victim in [process.pid] if way == "command killed" else numbers:
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        while any(_lives(one) for one in numbers):  # it dies of a reader that is gone
            time.sleep(0.01)


def _lives(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="ascii")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def trial(bench: Bench, way: str, rng: random.Random) -> str:
    """One cut, and the flashing after it; in words."""
    before, version = bench.running, NEW if bench.running == OLD else OLD
    where = bench.cut(version, way, rng)
    if way == "power":
        bench.chip.gone()
        bench.chip.power_on()
    says = bench.says()
    assert says in (None, before, version), f"it runs {says}"
    bench.flash(version)
    return f"{way}: {where}; it then {'was silent' if says is None else f'ran {says}'}"


def main() -> None:
    """Cut, look, flash again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=21)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    silent = 0
    with tempfile.TemporaryDirectory(prefix="flash-cuts-") as name:
        folder = Path(name)
        bench = Bench(folder, Build(folder / "build"))
        with bench.chip:
            for number in range(given.cuts):
                told = trial(bench, WAYS[number % len(WAYS)], rng)
                silent += "was silent" in told
                print(f"{number + 1:3d} {told}", flush=True)
    print(
        f"{given.cuts} cuts, {silent} left no firmware that runs; every receiver was flashed again"
    )


if __name__ == "__main__":
    main()
