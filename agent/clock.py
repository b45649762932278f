"""Time on a board without a clock chip.

Every event carries the boot and CLOCK_BOOTTIME; wall time is worked out when an event is read,
from the newest `ClockLearnt` of its boot. Until the kernel says that its clock is disciplined,
wall time is an estimate.
"""

from __future__ import annotations

import asyncio
import ctypes
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from agent.errors import NotDurable
from agent.lesson.commands import LearnClock
from agent.lesson.model import WallClock

ClockQuality = Literal["synced", "estimated"]
CHECK_S = 5.0
WORTH_TELLING_NS = 100_000_000
"""A learnt offset is corrected when it is off by more than this, or than its uncertainty."""
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
EARLIEST_NS = int(EARLIEST.timestamp()) * 1_000_000_000
"""A system clock before this was never set; no estimate is made from it."""
READINGS = 3
_TIME_ERROR = 5
TIMESYNCD_FLAG = Path("/run/systemd/timesync/synchronized")
TIMESYNCD_UNCERTAINTY_NS = 100_000_000
"""systemd-timesyncd says by a file that it has set the clock, and not how well."""


def now_ns() -> int:
    """CLOCK_BOOTTIME, which goes on while the board sleeps and never jumps, in ns."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def this_boot() -> str:
    """The kernel's id of this boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


class _Timex(ctypes.Structure):
    """The head of the kernel's struct timex; the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror_us", ctypes.c_long),
        ("rest", ctypes.c_byte * 256),
    )


def kernel_uncertainty_ns(timesyncd_flag: Path = TIMESYNCD_FLAG) -> int | None:
    """How wrong the system clock may be; None while nothing disciplines it (adjtimex(2)).

    In a service with ProtectClock=yes the kernel may not be asked; systemd-timesyncd is believed.
    """
    timex = _Timex()
    state = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    if state == -1:
        return TIMESYNCD_UNCERTAINTY_NS if timesyncd_flag.exists() else None
    if state == _TIME_ERROR:
        return None
    return int(timex.maxerror_us) * 1000


class Clock:
    """Tells wall time of events, and learns it when the kernel knows it."""

    def __init__(
        self,
        boot_id: str,
        *,
        learnt: Callable[[], Mapping[str, WallClock]],
        submit: Callable[[LearnClock], Awaitable[object]],
        on_learnt: Callable[[], None] = lambda: None,
        uncertainty_ns: Callable[[], int | None] = kernel_uncertainty_ns,
        system_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Take everything, read no clock.

        Args:
            boot_id: the kernel's id of this boot.
            learnt: what the committed state knows, by boot id.
            submit: where what is learnt goes, the intake.
            on_learnt: called when it is durable.
            uncertainty_ns: how wrong the system clock may be; None while nothing disciplines it.
            system_ns: the system clock.
        """
        self.boot_id = boot_id
        self._learnt = learnt
        self._submit = submit
        self._on_learnt = on_learnt
        self._uncertainty_ns = uncertainty_ns
        self._system_ns = system_ns

    @property
    def synced(self) -> bool:
        """Whether this boot's wall time is known."""
        return self.boot_id in self._learnt()

    def wall(self, boot: str, mono_ns: int) -> tuple[datetime | None, ClockQuality]:
        """The wall time of an event, None if even an estimate makes no sense."""
        known = self._learnt().get(boot)
        if known is not None:
            return _utc(mono_ns + known.offset_ns), "synced"
        if boot == self.boot_id and self._system_ns() >= EARLIEST_NS:
            return _utc(mono_ns + self._offset_ns()), "estimated"
        return None, "estimated"

    def wall_s(self, boot: str, mono_s: float) -> float | None:
        """The same in seconds since 1970."""
        wall, _ = self.wall(boot, int(mono_s * 1e9))
        return None if wall is None else wall.timestamp()

    def today(self) -> date:
        """The day, as well as this board can tell it.

        Where the system clock was never set, it is the last day that the board has known.
        """
        now, _ = self.wall(self.boot_id, now_ns())
        if now is None:
            began_ns = (known.offset_ns for known in self._learnt().values())
            now = _utc(max(began_ns, default=EARLIEST_NS)) or EARLIEST
        return now.astimezone().date()

    async def watch(self) -> None:
        """Run until cancelled; record the wall time when it is known, or known better."""
        while True:
            uncertainty_ns = self._uncertainty_ns()
            if uncertainty_ns is not None and self._system_ns() >= EARLIEST_NS:
                await self._look(self._offset_ns(), uncertainty_ns)
            await asyncio.sleep(CHECK_S)

    def _offset_ns(self) -> int:
        """Wall time less CLOCK_BOOTTIME now, by the system clock."""
        best_ns, width_ns = 0, 1 << 62
        for _ in range(READINGS):  # other programs may have their turn between two readings
            before_ns, wall_ns, after_ns = now_ns(), self._system_ns(), now_ns()
            if after_ns - before_ns < width_ns:
                best_ns, width_ns = wall_ns - before_ns, after_ns - before_ns
        return best_ns

    async def _look(self, now_offset_ns: int, uncertainty_ns: int) -> None:
        known = self._learnt().get(self.boot_id)
        worth_ns = max(WORTH_TELLING_NS, uncertainty_ns)
        if known is not None and abs(known.offset_ns - now_offset_ns) <= worth_ns:
            return
        learnt = LearnClock(
            boot=self.boot_id, offset_ns=now_offset_ns, uncertainty_ns=uncertainty_ns
        )
        with suppress(NotDurable):  # a full disk: it is learnt at a later look
            await self._submit(learnt)
            self._on_learnt()


def _utc(wall_ns: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(wall_ns / 1e9, UTC)
    except (OverflowError, ValueError):
        return None
