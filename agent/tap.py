"""Where a device's bytes and readings pass by, for whoever looks. Costs next to nothing till then.

A driver reaches its hardware through `tapped` ports; each line that it opens there tells its tap
what passes, if anybody listens. What a listener has not fetched yet is bounded: the oldest is lost,
and counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, cast

import msgspec

from drivers.api import Cover
from drivers.ports import ByteLine, Ports
from drivers.readings import CardTap, Reading

LINES = 200
"""So many passing things are held for a listener."""
LINE_BYTES = 64
"""So much of what passed at once is held."""

Way = Literal["in", "out", "reading"]


class Passed(NamedTuple):
    """What passed: bytes from the device ("in") or to it ("out"), or a reading of its driver.

    `data` holds the first bytes, none where they may hold a card's number; `count_bytes`: all.
    """

    way: Way
    at_ns: int
    data: bytes
    count_bytes: int
    reading: Reading | None = None


class Listener:
    """Holds what passed since it was fetched last."""

    def __init__(self, wake: Callable[[], None]) -> None:
        """`wake` is called when something passes."""
        self.missed = 0
        self._held: deque[Passed] = deque(maxlen=LINES)
        self._wake = wake

    def hear(self, passed: Passed) -> None:
        """Something passes."""
        self.missed += len(self._held) == LINES
        self._held.append(passed)
        self._wake()

    def fetch(self, most: int) -> list[Passed]:
        """What passed, the oldest first."""
        return [self._held.popleft() for _ in range(min(most, len(self._held)))]

    def __len__(self) -> int:
        """How much waits to be fetched."""
        return len(self._held)


class Tap:
    """One device's."""

    __slots__ = ("card_numbers", "cover", "listeners", "now_ns")

    def __init__(self, now_ns: Callable[[], int]) -> None:
        """`now_ns`: CLOCK_BOOTTIME."""
        self.now_ns = now_ns
        self.card_numbers = False
        self.cover: Cover | None = None
        self.listeners: tuple[Listener, ...] = ()

    def passed(self, way: Way, data: bytes) -> None:
        """Bytes pass. Those that may be of cards are counted, and not held."""
        pieces: Sequence[tuple[bytes, bool]] = ((data, True),)
        if self.card_numbers and way == "in":
            cover = self.cover
            pieces = ((data, False),) if cover is None else cover.feed(data, self.now_ns())
        for piece, may_be_shown in pieces:
            shown = bytes(piece[:LINE_BYTES]) if may_be_shown else b""
            self._tell(Passed(way, self.now_ns(), shown, len(piece)))

    def emitted(self, readings: Sequence[Reading]) -> None:
        """Readings pass."""
        for reading in readings:
            self._tell(Passed("reading", self.now_ns(), b"", 0, without_card(reading)))

    def _tell(self, passed: Passed) -> None:
        for listener in self.listeners:
            listener.hear(passed)


def without_card(reading: Reading) -> Reading:
    """The reading; of a card its number is covered."""
    if isinstance(reading, CardTap):
        return msgspec.structs.replace(reading, uid="•" * len(reading.uid))
    return reading


class _TappedLine:
    """An open line that its device's tap hears; what else it can do goes on unheard."""

    __slots__ = ("_line", "_tap")

    def __init__(self, line: ByteLine, tap: Tap) -> None:
        self._line = line
        self._tap = tap

    async def read(self) -> bytes:
        data = await self._line.read()
        if self._tap.listeners:
            self._tap.passed("in", data)
        return data

    def write(self, data: bytes) -> None:
        self._line.write(data)
        if self._tap.listeners:
            self._tap.passed("out", data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line, name)


class _TappedReceivers:
    """Receivers that others share: their line is opened once, and heard at each device's seat."""

    __slots__ = ("_ports", "_tap")

    def __init__(self, ports: Ports, tap: Tap) -> None:
        self._ports = ports
        self._tap = tap

    async def join(self, port: str, *, baud: int, hears: Any, open_line: object) -> Any:
        ports = self._ports
        return await ports.receivers.join(
            port, baud=baud, hears=hears, open_line=ports.serial, overhears=self._hear
        )

    def _hear(self, way: Literal["in", "out"], data: bytes) -> None:
        if self._tap.listeners:
            self._tap.passed(way, data)


class _TappedPorts:
    """A device's own way to its hardware; lines of bytes are heard, the rest goes on unheard."""

    __slots__ = ("_ports", "_tap")

    def __init__(self, ports: Ports, tap: Tap) -> None:
        self._ports = ports
        self._tap = tap

    async def serial(self, path: str, *, baud: int) -> Any:
        return _TappedLine(await self._ports.serial(path, baud=baud), self._tap)

    async def hid(self, port: str) -> Any:
        return _TappedLine(await self._ports.hid(port), self._tap)

    async def input(self, port: str, *, grab: bool, key: int | None = None) -> Any:
        return _TappedLine(await self._ports.input(port, grab=grab, key=key), self._tap)

    @property
    def receivers(self) -> Any:
        return _TappedReceivers(self._ports, self._tap)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ports, name)


def tapped(ports: Ports, tap: Tap) -> Ports:
    """The ports of one device: the lines that it opens there are heard by its tap."""
    return cast("Ports", _TappedPorts(ports, tap))
