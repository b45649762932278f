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
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from agent.errors import NotDurable
from agent.lesson.commands import LearnClock
from agent.lesson.model import WallClock

ClockQuality = Literal["synced", "estimated"]
CHECK_S = 5.0
WORTH_TELLING_NS = 100_000_000
"""A learnt offset is corrected when it is off by more than this, or than its uncertainty."""
EARLIEST_NS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000_000
"""A system clock before this was never set; no estimate is made from it."""
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


def kernel_uncertainty_ns() -> int | None:
    """How wrong the system clock may be; None while nothing disciplines it (adjtimex(2)).

    In a service with ProtectClock=yes the kernel may not be asked; systemd-timesyncd is believed.
    """
    timex = _Timex()
    state = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    if state == -1:
        return TIMESYNCD_UNCERTAINTY_NS if TIMESYNCD_FLAG.exists() else None
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
        uncertainty_ns: Callable[[], int | None] = kernel_uncertainty_ns,
    ) -> None:
        """Take everything. `learnt`: what the committed state knows, by boot id."""
        self.boot_id = boot_id
        self._learnt = learnt
        self._submit = submit
        self._uncertainty_ns = uncertainty_ns

    @property
    def synced(self) -> bool:
        """Whether this boot's wall time is known."""
        return self.boot_id in self._learnt()

    def wall(self, boot: str, mono_ns: int) -> tuple[datetime | None, ClockQuality]:
        """The wall time of an event, None if even an estimate makes no sense."""
        known = self._learnt().get(boot)
        if known is not None:
            return _utc(mono_ns + known.offset_ns), "synced"
        if boot == self.boot_id and time.time_ns() >= EARLIEST_NS:
            return _utc(mono_ns + time.time_ns() - now_ns()), "estimated"
        return None, "estimated"

    async def watch(self) -> None:
        """Run until cancelled; record the wall time when it is known, or known better."""
        while True:
            uncertainty_ns = self._uncertainty_ns()
            if uncertainty_ns is not None and time.time_ns() >= EARLIEST_NS:
                offset_ns = time.time_ns() - now_ns()
                known = self._learnt().get(self.boot_id)
                if known is None or abs(known.offset_ns - offset_ns) > max(
                    WORTH_TELLING_NS, uncertainty_ns
                ):
                    learnt = LearnClock(
                        boot=self.boot_id, offset_ns=offset_ns, uncertainty_ns=uncertainty_ns
                    )
                    with suppress(NotDurable):  # a full disk: it is learnt at a later look
                        await self._submit(learnt)
            await asyncio.sleep(CHECK_S)


def _utc(wall_ns: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(wall_ns / 1e9, UTC)
    except (OverflowError, ValueError):
        return None
