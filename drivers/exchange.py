"""A conversation on a line: what it wants to say is written, what is heard is handed to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from drivers.api import Driver, Emit
from drivers.capabilities import QuestionView
from drivers.errors import DeviceLost
from drivers.ports import ByteLine
from drivers.readings import Attached, Reading


class Conversation(Protocol):
    """The host's side of a protocol, without I/O. All `now_s` are of one steady clock."""

    def advance(self, data: bytes, now_s: float, now_ns: int) -> Sequence[Reading]:
        """Take what was heard, b"" when only time has passed; what it means, Attached first.

        Raises:
            DeviceLost: this is not the device, or not any more.
        """

    def show(self, view: QuestionView | None, now_s: float) -> None:
        """The open question has changed, or its count has."""

    def data_to_send(self, now_s: float) -> bytes:
        """What is to be written now."""

    def deadline_s(self) -> float:
        """When to advance even if nothing is heard."""

    def goodbye(self) -> bytes:
        """A last word to the device, b"" if there is none."""

    def counters(self) -> dict[str, int]:
        """What was counted since the line was opened."""


class Exchange:
    """Runs a conversation on an open line."""

    def __init__(self, line: ByteLine, talk: Conversation, *, now_ns: Callable[[], int]) -> None:
        self._line = line
        self._talk = talk
        self._now_ns = now_ns
        self._waiting: asyncio.Timeout | None = None

    async def run(self, emit: Emit) -> None:
        """Read and write until cancelled. Raises DeviceLost from the line or the conversation."""
        loop = asyncio.get_running_loop()
        data = b""
        while True:
            readings = self._talk.advance(data, loop.time(), self._now_ns())
            if readings and isinstance(readings[0], Attached):
                await emit(readings[0])
                readings = readings[1:]
            if readings:
                await emit(*readings)
            self._flush(loop.time())
            try:
                async with asyncio.timeout_at(self._talk.deadline_s()) as self._waiting:
                    data = await self._line.read()
            except TimeoutError:
                data = b""
            finally:
                self._waiting = None

    def show(self, view: QuestionView | None) -> None:
        """Let the device know what is open; neither blocks nor raises."""
        now_s = asyncio.get_running_loop().time()
        self._talk.show(view, now_s)
        try:
            self._flush(now_s)
        except DeviceLost:
            return  # run() meets it at its next read, and says so
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(self._talk.deadline_s())

    def leave(self, goodbye: bytes) -> None:
        """Write a last word, if the line still takes it."""
        with suppress(DeviceLost):
            if goodbye:
                self._line.write(goodbye)

    def _flush(self, now_s: float) -> None:
        data = self._talk.data_to_send(now_s)
        if data:
            self._line.write(data)


class Conversing(Driver):
    """A driver whose device must be spoken with. Its `run` opens the line and calls `converse`."""

    _exchange: Exchange | None = None
    _talk: Conversation | None = None

    async def converse(self, line: ByteLine, talk: Conversation, emit: Emit) -> None:
        """Talk until cancelled, then take leave and close the line. Raises DeviceLost."""
        self._talk = talk
        exchange = self._exchange = Exchange(line, talk, now_ns=self.ports.now_ns)
        try:
            await exchange.run(emit)
        finally:
            exchange.leave(talk.goodbye())
            self._exchange = None
            line.close()

    def show(self, view: QuestionView | None) -> None:
        """Let the device know what is open, or that nothing is."""
        if self._exchange is not None:
            self._exchange.show(view)

    def counters(self) -> dict[str, int]:
        """What the conversation has counted."""
        return {} if self._talk is None else self._talk.counters()
