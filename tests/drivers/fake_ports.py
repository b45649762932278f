"""Lines and ports in memory that speak bytes: whole, byte by byte, delayed or lossy."""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from drivers.api import Bus
from drivers.capabilities import Outcome
from drivers.errors import DeviceLost, DriverError
from drivers.ports import Axis, ByteLine, CardSlot, InputLine, Phones, SlotState
from drivers.presence import Presence
from drivers.readings import KeyPress, Token
from drivers.receiver import Receivers

Delivery = Callable[[bytes], Iterator[bytes]]
"""Cuts what a device sent into what the host reads at once; b"" is a pass of the loop."""


def whole(data: bytes) -> Iterator[bytes]:
    yield data


def bytewise(data: bytes) -> Iterator[bytes]:
    for byte in data:
        yield bytes((byte,))


def delayed(seed: int) -> Delivery:
    """Pieces of 1 to 9 bytes with pauses between them."""
    chance = random.Random(seed)

    def deliver(data: bytes) -> Iterator[bytes]:
        at = 0
        while at < len(data):
            size = chance.randint(1, 9)
            yield from [b""] * chance.randint(0, 3)
            yield data[at : at + size]
            at += size

    return deliver


def lossy(seed: int, lost: float = 0.02) -> Delivery:
    """Some bytes never arrive."""
    chance = random.Random(seed)

    def deliver(data: bytes) -> Iterator[bytes]:
        yield bytes(byte for byte in data if chance.random() >= lost)

    return deliver


class MemoryLine:
    """A `ByteLine`. The device's end: `send`, `written`, `unplug`."""

    def __init__(
        self, delivery: Delivery = whole, on_write: Callable[[bytes], None] | None = None
    ) -> None:
        """`on_write` is called with what the host writes, as it writes it."""
        self.written = bytearray()
        self.axes: dict[int, Axis] = {}
        self.slot_states: tuple[int, dict[int, SlotState]] = 0, {}
        self.closed = False
        self._delivery = delivery
        self._on_write = on_write
        self._pieces: deque[bytes] = deque()
        self._news = asyncio.Event()
        self._unplugged = False

    def send(self, data: bytes) -> None:
        """Let the device say something."""
        self._pieces.extend(self._delivery(data))
        self._news.set()

    def unplug(self) -> None:
        """Pull the cable: what was sent can still be read, then the line is lost."""
        self._unplugged = True
        self._news.set()

    async def read(self) -> bytes:
        """What the host reads."""
        while True:
            while self._pieces:
                piece = self._pieces.popleft()
                if piece:
                    return piece
                await asyncio.sleep(0)
            self._check()
            self._news.clear()
            await self._news.wait()

    def write(self, data: bytes) -> None:
        """What the host writes."""
        self._check()
        self.written += data
        if self._on_write is not None:
            self._on_write(data)

    def axis(self, code: int) -> Axis | None:
        """As the test says."""
        return self.axes.get(code)

    def slots(self) -> tuple[int, dict[int, SlotState]]:
        """As the test says."""
        return self.slot_states

    def close(self) -> None:
        """Done by the host."""
        self.closed = True
        self._news.set()

    def _check(self) -> None:
        if self.closed or (self._unplugged and not self._pieces):
            raise DeviceLost("port_gone", "memory", "plug it in again")


class MemorySlot:
    """A `CardSlot`. The reader's end: `lay`, `lift`, `unplug`, `asked`."""

    name = "Memory Reader 00 00"

    def __init__(
        self, answer: Callable[[bytes], bytes] | None = None, *, atr: bytes | None = None
    ) -> None:
        """`answer`, `atr`: of a card that lies on it at the start, what it says to an APDU."""
        self.asked: list[bytes] = []
        self.closed = False
        self._answer = answer or (lambda _: b"")
        self._changes: asyncio.Queue[bytes | DriverError | None] = asyncio.Queue()
        self._changes.put_nowait(atr)

    def lay(self, answer: Callable[[bytes], bytes], atr: bytes = b"\x3b\x80") -> None:
        """Lay a card on it, or another in place of it."""
        self._answer = answer
        self._changes.put_nowait(atr)

    def lift(self) -> None:
        """Take the card away."""
        self._changes.put_nowait(None)

    def unplug(self) -> None:
        """Pull the cable."""
        self._changes.put_nowait(DeviceLost("port_gone", self.name, "plug it in again"))

    async def change(self) -> bytes | None:
        """What the host waits for."""
        change = await self._changes.get()
        if isinstance(change, DriverError):
            raise change
        return change

    async def ask(self, command: bytes) -> bytes:
        """What the host asks."""
        self.asked.append(command)
        return self._answer(command)

    async def close(self) -> None:
        """Done by the host."""
        self.closed = True


class MemoryPhones:
    """`Phones` with presses put in by a test."""

    def __init__(self) -> None:
        self.told: list[tuple[Token, Outcome]] = []
        self._presses: asyncio.Queue[KeyPress] = asyncio.Queue()

    def press(self, press: KeyPress) -> None:
        """A phone answers."""
        self._presses.put_nowait(press)

    def counters(self) -> dict[str, int]:
        """Nothing was turned away."""
        return {"late": 0}

    async def take(self) -> Sequence[KeyPress]:
        """What waits, at least one."""
        taken = [await self._presses.get()]
        while not self._presses.empty():
            taken.append(self._presses.get_nowait())
        return taken

    def confirm(self, outcomes: Sequence[tuple[Token, Outcome]]) -> None:
        """Note what the phones are told."""
        self.told += outcomes


class FakePorts:
    """`Ports` whose serial lines are given, in the order in which they will be opened."""

    def __init__(self, *lines: MemoryLine) -> None:
        self.lines = deque(lines)
        self.opened: list[tuple[str, int]] = []
        self.asked: list[Bus] = []
        self.clock_ns = 1_000_000_000_000
        self.memory_phones = MemoryPhones()
        self.slots: deque[MemorySlot] = deque()
        self._presences: dict[str, Presence] = {}
        self._receivers = Receivers(self.now_ns)

    async def serial(self, path: str, *, baud: int) -> ByteLine:
        """The next line, or no such port when none is left."""
        return self._next("serial", path, baud)

    async def hid(self, port: str) -> ByteLine:
        """The next line: its bytes are consecutive reports."""
        return self._next("hid", port, 0)

    async def input(self, port: str, *, grab: bool, key: int | None = None) -> InputLine:
        """The next line: its bytes are the kernel's records."""
        return self._next("input", port, int(grab))

    async def card_slot(self, port: str) -> CardSlot:
        """The next of `slots`, or no such reader when none is left."""
        self.asked.append("smartcard")
        self.opened.append((port, 0))
        if not self.slots:
            raise DeviceLost("port_missing", port, "plug it in")
        return self.slots.popleft()

    def presence(self, device_id: str) -> Presence:
        """What lies on a reader."""
        return self._presences.setdefault(device_id, Presence())

    def _next(self, bus: Bus, path: str, how: int) -> MemoryLine:
        self.asked.append(bus)
        self.opened.append((path, how))
        if not self.lines:
            raise DeviceLost("port_missing", path, "plug it in")
        return self.lines.popleft()

    @property
    def receivers(self) -> Receivers:
        """Receivers on these lines."""
        return self._receivers

    def now_ns(self) -> int:
        """The test's clock."""
        return self.clock_ns

    @property
    def phones(self) -> Phones:
        """The test's phones."""
        return self.memory_phones
