"""The time as one board has it: libfaketime's wall clock, a kernel that says what it is told."""

from __future__ import annotations

import subprocess
import time
import uuid
from pathlib import Path

from agent.clock import now_ns

SOURCE = Path(__file__).with_name("kernel_time.c")
UPTIME_NS = 20 * 10**9
"""So long after the power-on is the agent started."""


class BoardTime:
    """Files that a running agent's clocks follow. `environment`: what its process must find set."""

    def __init__(self, folder: Path) -> None:
        """Compile what is preloaded. The clock is right, nothing disciplines it."""
        self._wall, self._kernel = folder / "wall", folder / "kernel"
        preloaded = folder / "kernel_time.so"
        subprocess.run(
            ["gcc", "-shared", "-fPIC", "-O2", "-o", str(preloaded), str(SOURCE), "-ldl"],
            check=True,
        )
        faketime = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        self.environment = {
            "LD_PRELOAD": f"{preloaded}:{faketime}",
            "FAKETIME_TIMESTAMP_FILE": str(self._wall),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            "KERNEL_TIME": str(self._kernel),
        }
        self.boots: list[str] = []
        self.power_on()
        self.shift(0)

    def power_on(self) -> None:
        """Another boot: its id is new, its steady clock begins at nothing. Undisciplined."""
        self.boots.append(str(uuid.uuid4()))
        self._began_ns = now_ns() - UPTIME_NS
        self.undisciplined()

    def shift(self, wrong_s: int) -> None:
        """The wall clock is so far ahead of the truth from now on; a running clock jumps."""
        _write(self._wall, f"{wrong_s:+d}")

    def start_of_1970(self) -> None:
        """The wall clock is where a board without a clock chip begins."""
        self.shift(60 - int(time.time()))

    def undisciplined(self) -> None:
        """Nothing keeps the clock right, says the kernel."""
        self._say("none")

    def disciplined(self, uncertainty_us: int = 20_000) -> None:
        """It is kept right to within so much, says the kernel."""
        self._say(str(uncertainty_us))

    def may_not_be_asked(self) -> None:
        """The kernel refuses to say."""
        self._say("refused")

    def _say(self, word: str) -> None:
        _write(self._kernel, f"{self.boots[-1]} {self._began_ns} {word}")


def _write(path: Path, text: str) -> None:
    """Whole or not at all: it is read at any moment."""
    partial = path.with_suffix(".new")
    partial.write_text(text, encoding="ascii")
    partial.rename(path)
