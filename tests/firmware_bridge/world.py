"""One host and one virtual receiver in made-up time, over links that garble, cut and delay."""

import random
from collections import deque
from collections.abc import Callable
from typing import Any

from drivers.sim.receiver import Shown, VirtualReceiver
from firmware_bridge.connection import Connection, Counted, Event, Greeted, Pressed
from firmware_bridge.messages import OutcomeCode, Press

MS = 1_000_000
STEP_NS = MS // 2

Fault = Callable[[bytes], bytes]


class Wire:
    """One direction: bytes arrive `delay_ns` later, after `fault` has had them."""

    def __init__(self, delay_ns: int, fault: Fault) -> None:
        self.delay_ns = delay_ns
        self.fault = fault
        self._on_the_way: deque[tuple[int, bytes]] = deque()

    def put(self, data: bytes, now_ns: int) -> None:
        if data:
            self._on_the_way.append((now_ns + self.delay_ns, self.fault(data)))

    def take(self, now_ns: int) -> bytes:
        parts = []
        while self._on_the_way and self._on_the_way[0][0] <= now_ns:
            parts.append(self._on_the_way.popleft()[1])
        return b"".join(parts)


def whole(data: bytes) -> bytes:
    return data


def cut(data: bytes) -> bytes:
    return b""


def garbling(seed: int, share: float) -> Fault:
    """Loses, changes and invents bytes, each in `share` of all."""
    chance = random.Random(seed)

    def fault(data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            dice = chance.random()
            if dice < share:
                continue
            out.append(chance.randrange(256) if dice < 2 * share else byte)
            if dice > 1 - share:
                out += chance.randbytes(3)
        return bytes(out)

    return fault


class World:
    """`presses` is what the host got, `shown` what clickers showed, both in order."""

    def __init__(
        self,
        *,
        delay_ns: int = 2 * MS,
        fault: Fault = whole,
        bytewise: bool = False,
        commit_ns: int = 20 * MS,
        **options: Any,
    ) -> None:
        self.now_ns = 1_000_000 * MS
        self.shown: list[Shown] = []
        self.presses: list[Press] = []
        self.times_ns: list[int] = []
        self.uncertain_ns: list[int | None] = []
        self.complete_ns = 0
        self.bytes_down = b""
        self.greetings: list[Greeted] = []
        self.pressed_ns: dict[tuple[int, int], int] = {}
        self.confirming = True
        self.up = Wire(delay_ns, fault)
        self.down = Wire(delay_ns, fault)
        self.receiver = VirtualReceiver(
            "0011223344556677",
            now_ns=lambda: self.now_ns,
            on_shown=self.shown.append,
            **options,
        )
        self.bytewise = bytewise
        self._commit_ns = commit_ns
        self._to_confirm: deque[tuple[int, tuple[int, int, int]]] = deque()
        self.new_host()

    def new_host(self) -> None:
        """The agent starts again, knowing nothing."""
        self.host = Connection()
        self._to_confirm.clear()
        self.host.start(self.now_ns)

    def press(self, keypad: str, key: str) -> str | None:
        token = self.receiver.press(keypad, key)
        if token:
            _, boot, seq = token.split(":")
            self.pressed_ns[int(boot), int(seq)] = self.now_ns
        return token

    def run(self, duration_ms: float) -> None:
        end_ns = self.now_ns + int(duration_ms * MS)
        while self.now_ns < end_ns:
            self.now_ns += STEP_NS
            self._step()

    def _step(self) -> None:
        self.receiver.feed(self.down.take(self.now_ns))
        if self.receiver.due_ns() <= self.now_ns:
            self.up.put(self.receiver.data_to_send(), self.now_ns)
        data = self.up.take(self.now_ns)
        for part in [bytes([byte]) for byte in data] if self.bytewise else [data]:
            for event in self.host.receive(part, self.now_ns):
                self._on_event(event)
        while self._to_confirm and self._to_confirm[0][0] <= self.now_ns:
            self.host.confirm([self._to_confirm.popleft()[1]])
        if self.host.deadline_ns <= self.now_ns:
            self.host.tick(self.now_ns)
        data = self.host.data_to_send()
        self.bytes_down += data
        self.down.put(data, self.now_ns)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Greeted):
            self.greetings.append(event)
        elif isinstance(event, Pressed):
            self.presses += event.presses
            self.times_ns += event.times_ns
            self.uncertain_ns += event.uncertain_ns
            if self.confirming:
                for press in event.presses:
                    outcome = (press.boot, press.seq, OutcomeCode.ACCEPTED)
                    self._to_confirm.append((self.now_ns + self._commit_ns, outcome))
        elif isinstance(event, Counted):
            self.complete_ns = event.complete_ns
