"""The live monitor of one device: raw bytes and decoded readings, for whoever looks for a fault.

It costs nothing while nobody looks, and what it sends is bounded, whatever a device says.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Any

import msgspec

from agent.supervisor import Supervisor
from agent.tap import Passed
from agent.web.device_views import LastReadingView, MonitorLine, MonitorView
from agent.web.live import ALIVE, ALIVE_S
from drivers.readings import KeyPress, Measurement, Reading, RemoteKey, ToolLifted

EVERY_S = 0.25
MOST_LINES = 50
"""So many lines are sent at most so often."""
MOST_LOOKERS = 4
TEXT_CHARS = 300
SEAT_PREFIX = "seat-"
"""A phone's seat has a number for people, and this for programs."""
UNTOLD = ("device", "mono_ns", "token")
"""What a reading has that the device did not say."""

_encode = msgspec.json.Encoder().encode


class Monitor:
    """Streams of what devices say."""

    def __init__(self, supervisor: Supervisor, now_ns: Callable[[], int]) -> None:
        """`now_ns`: CLOCK_BOOTTIME."""
        self._supervisor = supervisor
        self.now_ns = now_ns
        self._stop = asyncio.Event()
        self.lookers = 0

    @property
    def full(self) -> bool:
        """Whether as many look as may."""
        return self.lookers >= MOST_LOOKERS

    def stop(self) -> None:
        """End every stream."""
        self._stop.set()

    async def stream(self, device: str, allowed: Callable[[], bool]) -> AsyncGenerator[bytes, None]:
        """Server-sent events until the page goes away, may no longer look, or the stop."""
        news = asyncio.Event()
        self.lookers += 1
        try:
            with self._supervisor.listen(device, news.set) as listener:
                if listener is None or self.lookers > MOST_LOOKERS:
                    return
                yield self._event([], 0)
                while allowed() and not self._stop.is_set():
                    if not await self._heard(news):
                        yield ALIVE
                        continue
                    await self._pause()
                    if not allowed():
                        return
                    news.clear()
                    lines = listener.fetch(MOST_LINES)
                    if len(listener):
                        news.set()
                    yield self._event(lines, listener.missed)
        finally:
            self.lookers -= 1

    async def _heard(self, news: asyncio.Event) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(ALIVE_S):
                await news.wait()
        return news.is_set()

    async def _pause(self) -> None:
        """Let more come, that it is sent together."""
        with suppress(TimeoutError):
            async with asyncio.timeout(EVERY_S):
                await self._stop.wait()

    def _event(self, passed: list[Passed], missed: int) -> bytes:
        now_ns = self.now_ns()
        lines = [_line(one, now_ns) for one in passed]
        view = MonitorView(lines=lines, missed=missed)
        return b"event: monitor\ndata: " + _encode(view) + b"\n\n"


def _line(one: Passed, now_ns: int) -> MonitorLine:
    return MonitorLine(
        way=one.way,
        passed_ago_ms=max(0, (now_ns - one.at_ns) // 1_000_000),
        text=one.data.hex(" ") if one.reading is None else _told(one.reading),
        count_bytes=one.count_bytes,
    )


def _told(reading: Reading) -> str:
    """What it says, in so many characters; long lists by their length."""
    fields = msgspec.structs.asdict(reading)
    said: dict[str, Any] = {
        name: f"{len(value)} in all" if isinstance(value, tuple | list | bytes) else value
        for name, value in fields.items()
        if name not in UNTOLD and value is not None
    }
    text = _encode({"kind": type(reading).__name__} | said).decode()
    return text if len(text) <= TEXT_CHARS else text[: TEXT_CHARS - 1] + "…"


def last_reading(reading: Reading | None, now_ns: int) -> LastReadingView | None:
    """What a page that others may see is told of a reading: who, and never which answer."""
    if reading is None:
        return None
    what = ""
    if isinstance(reading, KeyPress):
        what = "" if reading.keypad.startswith(SEAT_PREFIX) else reading.keypad
    elif isinstance(reading, RemoteKey):
        what = reading.action
    elif isinstance(reading, Measurement):
        what = f"{reading.value:g} {reading.unit}".strip()
    elif isinstance(reading, ToolLifted):
        what = reading.tool
    return LastReadingView(
        kind=type(reading).__name__,
        what=what,
        read_ago_ms=max(0, (now_ns - reading.mono_ns) // 1_000_000),
    )
