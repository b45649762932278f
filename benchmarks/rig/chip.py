"""A receiver that can be flashed: our firmware under a real bootloader, on a simulated chip."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from threading import Thread
from typing import Self

import firmware_bridge

FIRMWARE = Path(firmware_bridge.__file__).parent / "firmware"
SERIAL = "0011223344556677"
STOP_S = 10.0


class Build:
    """What is built, once: simulator, bootloader, and firmware of some versions."""

    def __init__(self, folder: Path) -> None:
        """`folder`: where it goes; what is there already is used again."""
        self.folder = folder
        self.simulator = folder / "simulator"
        self.bootloader = folder / "optiboot.hex"

    def make(self, *settings: str, folder: Path | None = None) -> None:
        """Run the firmware's Makefile."""
        where = self.folder if folder is None else folder
        done = subprocess.run(
            ["make", "-C", str(FIRMWARE), f"BUILD={where}", *settings],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(done.stdout + done.stderr)

    def tools(self) -> None:
        """Simulator and bootloader."""
        self.make("simulator", "bootloader")

    def firmware(self, version: str) -> Path:
        """The image of this version, as Intel HEX; .elf and .hex.sha256 lie beside it."""
        folder = self.folder / version
        self.make("firmware", f"VERSION={version.replace('.', ' ')}", folder=folder)
        return folder / "receiver.hex"


class Chip:
    """A chip whose flash and EEPROM outlive its power. A context manager: off at the end.

    Attributes:
        port: where it hangs; the same after every start.
    """

    def __init__(self, build: Build, firmware: Path, folder: Path) -> None:
        """`firmware`: its HEX; what is in flash before anything was written to it."""
        self.port = folder / "port"
        self._process: subprocess.Popen[str] | None = None
        self._reader: Thread | None = None
        self.reports: list[str] = []
        self._command = [
            str(build.simulator),
            *("-d", "-s", SERIAL, "-b", str(build.bootloader)),
            *("-f", str(folder / "flash.bin"), "-e", str(folder / "eeprom.bin")),
            str(firmware.with_suffix(".elf")),
        ]

    def __enter__(self) -> Self:
        """Power on."""
        self.power_on()
        return self

    def __exit__(self, *_: object) -> None:
        """Power off."""
        self.power_off()

    def power_on(self) -> None:
        """Start; return when its port is there."""
        process = self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        pty = process.stdout.readline().split()[1]
        fresh = self.port.with_suffix(".new")
        fresh.symlink_to(pty)
        os.replace(fresh, self.port)
        self._reader = Thread(target=self._read, args=(process,))
        self._reader.start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.reports.append(line.strip())

    def power_off(self) -> None:
        """As when the cable is pulled."""
        process = self._process
        if process is None:
            return
        process.kill()
        self.gone()

    def gone(self) -> None:
        """Wait until it is off, by whatever."""
        process, reader = self._process, self._reader
        assert process is not None
        assert reader is not None
        process.wait(STOP_S)
        reader.join(STOP_S)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        self._process = None
        self.port.unlink(missing_ok=True)

    def cut_after(self, operations: int) -> None:
        """The power fails before so many erasures and writes of pages are done."""
        assert self._process is not None
        assert self._process.stdin is not None
        seen = len(self.reports)
        self._process.stdin.write(f"cut {operations}\n")
        self._process.stdin.flush()
        while "cut armed" not in self.reports[seen:]:
            if self._process.poll() is not None:
                raise RuntimeError("the chip has stopped")
            os.sched_yield()
