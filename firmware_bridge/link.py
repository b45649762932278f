"""A Connection joined to a line of bytes, on the asyncio loop."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from firmware_bridge.connection import Connection, Event


class ByteLine(Protocol):
    """An open line of bytes."""

    async def read(self) -> bytes:
        """Wait for bytes; give whatever has arrived, at least one."""

    def write(self, data: bytes) -> None:
        """Queue bytes for sending; never blocks."""

    def close(self) -> None:
        """Close the line; safe to call twice."""


class Link:
    """Reads, keeps the connection's deadlines, and writes what it has to say.

    `now_ns` gives the host's CLOCK_BOOTTIME in ns.
    """

    def __init__(self, line: ByteLine, *, now_ns: Callable[[], int]) -> None:
        self.connection = Connection()
        self._line = line
        self._now_ns = now_ns

    def start(self) -> None:
        """Ask who is there."""
        self.connection.start(self._now_ns())
        self.flush()

    async def receive(self) -> list[Event]:
        """Wait for events; at least one.

        Raises:
            ForeignReceiver: the receiver speaks another version.
            SilentReceiver: nothing that makes sense comes from it.
        """
        connection = self.connection
        while True:
            wait_ns = connection.deadline_ns - self._now_ns()
            if wait_ns <= 0:
                connection.tick(self._now_ns())
                self.flush()
                continue
            try:
                async with asyncio.timeout(wait_ns / 1e9):
                    data = await self._line.read()
            except TimeoutError:
                continue
            events = connection.receive(data, self._now_ns())
            self.flush()
            if events:
                return events

    def flush(self) -> None:
        """Write what the connection has to say."""
        data = self.connection.data_to_send()
        if data:
            self._line.write(data)
