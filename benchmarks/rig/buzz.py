"""Receivers in made-up time on lines that delay and jitter, and what becomes of their presses."""

from __future__ import annotations

import math
import random
from collections import deque
from typing import NamedTuple

from drivers.sim.receiver import VirtualReceiver
from firmware_bridge.connection import Connection, Pressed
from firmware_bridge.messages import OutcomeCode, QuestionKind, Show

MS = 1_000_000
S = 1_000 * MS
BUZZ = Show(1, QuestionKind.BUZZ, 0)


class Crystal(NamedTuple):
    """A clock that runs wrong by `error`, and by up to `swing` more as the room warms and cools."""

    error: float
    swing: float
    period_s: float
    phase: float

    def reads_ns(self, true_ns: int) -> int:
        """What it says at a true time."""
        turn = 2 * math.pi / (self.period_s * 1e9)
        warm_ns = (math.cos(self.phase) - math.cos(turn * true_ns + self.phase)) / turn
        return true_ns + int(self.error * true_ns + self.swing * warm_ns)


def crystal(chance: random.Random, error: float = 50e-6, swing: float = 10e-6) -> Crystal:
    """One of a box of crystals."""
    return Crystal(
        chance.uniform(-error, error),
        swing,
        chance.uniform(300, 900),
        chance.uniform(0, 2 * math.pi),
    )


class Way:
    """One direction of a line: each piece takes up to `jitter_ns`, and none overtakes another."""

    def __init__(self, jitter_ns: int, chance: random.Random) -> None:
        self._jitter_ns, self._chance = jitter_ns, chance
        self._pieces: deque[tuple[int, bytes]] = deque()
        self._last_ns = 0

    @property
    def due_ns(self) -> int:
        """When the next piece arrives."""
        return self._pieces[0][0] if self._pieces else 1 << 62

    def put(self, data: bytes, now_ns: int) -> None:
        """Send a piece."""
        if data:
            self._last_ns = max(self._last_ns, now_ns + self._chance.randrange(self._jitter_ns + 1))
            self._pieces.append((self._last_ns, data))

    def take(self) -> bytes:
        """The piece that has arrived."""
        return self._pieces.popleft()[1]


class Told(NamedTuple):
    """A press as the host told it, and how it was."""

    pressed_ns: int
    told_ns: int
    uncertain_ns: int


class Desk:
    """A receiver on its line, and the host's side of the conversation."""

    def __init__(self, chance: random.Random, crystal: Crystal, jitter_ns: int) -> None:
        self.now_ns = self._begin_ns = 1_000 * S
        self._crystal = crystal
        self._up, self._down = Way(jitter_ns, chance), Way(jitter_ns, chance)
        self._receiver = VirtualReceiver(
            now_ns=lambda: crystal.reads_ns(self.now_ns),
            clock_start_ticks=chance.randrange(1 << 32),
        )
        self.host = Connection()
        self.host.start(self.now_ns)
        self.bytes_up = self.bytes_down = 0
        self._pressed: deque[int] = deque()
        self.told: list[Told] = []

    def run(self, until_ns: int) -> None:
        """Let time go by."""
        while True:
            local_ns = self._crystal.reads_ns(self.now_ns)
            receiver_due_ns = self.now_ns + max(0, self._receiver.due_ns() - local_ns)
            due_ns = min(self._up.due_ns, self._down.due_ns, self.host.deadline_ns, receiver_due_ns)
            if due_ns > until_ns:
                self.now_ns = until_ns
                return
            self.now_ns = max(self.now_ns, due_ns)
            if self._down.due_ns <= self.now_ns:
                self._receiver.feed(self._down.take())
            if self._up.due_ns <= self.now_ns:
                self._hear(self._up.take())
            if self.host.deadline_ns <= self.now_ns:
                self.host.tick(self.now_ns)
            self._speak()
            data = self._receiver.data_to_send()
            self.bytes_up += len(data)
            self._up.put(data, self.now_ns)
            if not data and receiver_due_ns <= self.now_ns:
                self.now_ns += 1_000  # its clock is a hair behind

    def press(self) -> None:
        """Press a key."""
        self._receiver.press("0000BEEF", "A")
        self._pressed.append(self.now_ns)

    def ask(self) -> None:
        """Open a buzz-in."""
        self.host.show(BUZZ)
        self._speak()

    def _speak(self) -> None:
        data = self.host.data_to_send()
        self.bytes_down += len(data)
        self._down.put(data, self.now_ns)

    def _hear(self, data: bytes) -> None:
        for event in self.host.receive(data, self.now_ns):
            if isinstance(event, Pressed):
                for press, told_ns, half_ns in zip(
                    event.presses, event.times_ns, event.uncertain_ns, strict=True
                ):
                    uncertain_ns = 1 << 62 if half_ns is None else half_ns
                    self.told.append(Told(self._pressed.popleft(), told_ns, uncertain_ns))
                    self.host.confirm([(press.boot, press.seq, OutcomeCode.ACCEPTED)])
