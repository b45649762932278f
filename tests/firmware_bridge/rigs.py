"""Receivers to test against, each on a serial port: a virtual one, and the firmware simulated."""

import asyncio
import subprocess
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, Self

import firmware_bridge
from drivers.sim.receiver import PtyLine, VirtualReceiver

FIRMWARE = Path(firmware_bridge.__file__).parent / "firmware"
SERIAL = "0011223344556677"


def boottime_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


async def until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Wait for it; the time limit only ends a test that has failed."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


class Rig(Protocol):
    """`shown` is what the clickers showed so far: (keypad, outcome code).

    `press` need not wait until the receiver has heard it; `settled` does.
    """

    path: str
    shown: list[tuple[str, int]]

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *exc: object) -> None: ...
    async def press(self, keypad: str, key: str) -> None: ...
    async def settled(self) -> None: ...
    async def warm_reset(self) -> None: ...
    async def cold_start(self) -> None: ...


class VirtualRig:
    def __init__(self) -> None:
        self.path = ""
        self.shown: list[tuple[str, int]] = []
        self.receiver = VirtualReceiver(
            SERIAL,
            now_ns=boottime_ns,
            on_shown=lambda shown: self.shown.append((shown.keypad, shown.code)),
        )
        self._line = PtyLine(self.receiver, boottime_ns)

    async def __aenter__(self) -> Self:
        await self._line.__aenter__()
        self.path = self._line.path
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._line.unplug()

    async def press(self, keypad: str, key: str) -> None:
        self.receiver.press(keypad, key)

    async def settled(self) -> None:
        pass

    async def warm_reset(self) -> None:
        self.receiver.warm_reset()

    async def cold_start(self) -> None:
        self.receiver.cold_start()


def build(*settings: str) -> None:
    """Make firmware and simulator; nothing is done when they are up to date."""
    done = subprocess.run(
        ["make", "-C", str(FIRMWARE), *settings], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


class ChipRig:
    """The firmware's binary on a simulated ATmega328P. `reports` is all that the simulator said."""

    def __init__(self, *options: str, build_folder: str = "build", serial: str = SERIAL) -> None:
        self.path = ""
        self.shown: list[tuple[str, int]] = []
        self.reports: list[str] = []
        folder = FIRMWARE / build_folder
        self._command = [
            str(FIRMWARE / "build" / "simulator"),
            *(["-s", serial] if serial else []),
            *options,
            str(folder / "receiver.elf"),
        ]
        self._process: Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=PIPE, stdout=PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        self._reader = asyncio.create_task(self._read())
        await until(lambda: self.path != "")
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._process is not None
        assert self._reader is not None
        if self._process.returncode is None:
            self.command("quit")
        async with asyncio.timeout(20):
            await self._process.wait()
            await self._reader

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            words = line.decode().split()
            if words[0] == "pty":
                self.path = words[1]
            elif words[0] == "outcome":
                self.shown.append((words[1], int(words[2], 16)))
            self.reports.append(" ".join(words))

    def command(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())

    async def report(self, beginning: str) -> str:
        """Wait for the next report that begins so."""
        seen = len(self.reports)
        found: list[str] = []

        def arrived() -> bool:
            found.extend(line for line in self.reports[seen:] if line.startswith(beginning))
            return bool(found)

        await until(arrived)
        return found[0]

    async def reported(self, line: str, times: int) -> None:
        """Wait until it has reported this so often."""
        await until(lambda: self.reports.count(line) >= times)

    def kill(self) -> None:
        """As when the cable is pulled: the port goes away."""
        assert self._process is not None
        self._process.kill()

    async def press(self, keypad: str, key: str) -> None:
        self.command(f"press {keypad} {key}")

    async def settled(self) -> None:
        """Wait until every press has been heard by the receiver, and all outcomes were shown."""
        self.command("idle")
        await self.report("bus idle")

    async def warm_reset(self) -> None:
        self.command("reset warm")
        await self.report("reset")

    async def cold_start(self) -> None:
        self.command("reset cold")
        await self.report("reset")
