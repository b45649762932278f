"""Our own receivers: a port is opened once, however many devices hang on the receiver.

Each device has a seat and hears what concerns it. There is no task that reads: of the devices that
wait, one reads for all, so that a line is never read faster than somebody takes what it says.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, Protocol

from drivers.errors import DeviceMisconfigured, DriverError
from firmware_bridge.connection import Connection, Event, Greeted, Pressed, State
from firmware_bridge.link import ByteLine, Link
from firmware_bridge.messages import ProtocolError

Overhears = Callable[[Literal["in", "out"], bytes], None]
"""Is told what passes on the line: bytes from the receiver ("in"), or to it ("out")."""


class OpenLine(Protocol):
    """How a serial port is opened (`Ports.serial`)."""

    def __call__(self, path: str, *, baud: int) -> Awaitable[ByteLine]:
        """Open it."""


class Receivers:
    """The receivers whose ports are open."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        """Open nothing. `now_ns`: the host's CLOCK_BOOTTIME."""
        self._now_ns = now_ns
        self._open: dict[str, Receiver] = {}
        self._opening = asyncio.Lock()

    async def join(
        self,
        port: str,
        *,
        baud: int,
        hears: tuple[type[Event], ...],
        open_line: OpenLine,
        overhears: Overhears | None = None,
    ) -> Seat:
        """Take a seat at the receiver behind `port`; the first one opens it.

        `overhears` is told all that passes on the line, also what concerns other devices.

        Raises:
            DeviceLost: the port is not there, or is in use by another kind of device.
            DeviceMisconfigured: it is no serial port, or is open at another speed.
        """
        name = _name(port)
        async with self._opening:
            receiver = self._open.get(name)
            if receiver is None or receiver.fault is not None:
                line = await open_line(port, baud=baud)
                receiver = self._open[name] = Receiver(line, baud, self._now_ns)
                receiver.start()
            elif receiver.baud != baud:
                hint = f"another device of this receiver says {receiver.baud} baud: say the same"
                raise DeviceMisconfigured("baud_differs", port, hint)
            return receiver.seat(hears, overhears)


class Receiver:
    """One open port, shared by the devices that have a seat."""

    def __init__(self, line: ByteLine, baud: int, now_ns: Callable[[], int]) -> None:
        """Take an open line, and close it when the last has left."""
        self.baud = baud
        self.fault: Exception | None = None
        """Why nobody can go on. The line is then closed."""
        self._line = _Overheard(line, self._hear)
        self._link = Link(self._line, now_ns=now_ns)
        self._reading = asyncio.Lock()
        self._seats: list[Seat] = []

    @property
    def connection(self) -> Connection:
        """The conversation; `flush` after telling it anything."""
        return self._link.connection

    def start(self) -> None:
        """Ask who is there. Raises DeviceLost, and closes the line."""
        try:
            self._link.start()
        except DriverError as error:
            self._fail(error)
            raise

    def flush(self) -> None:
        """Write what the conversation has to say; a line that has gone is met by whoever reads."""
        try:
            if self.fault is None:
                self._link.flush()
        except DriverError as error:
            self._fail(error)

    def seat(self, hears: tuple[type[Event], ...], overhears: Overhears | None = None) -> Seat:
        """A seat for one more device; it hears first who the receiver is, if that is known."""
        seat = Seat(self, hears, overhears)
        if Pressed in hears:  # what came while nobody sat here must not wait for ever
            self.connection.give_again()
        if self.connection.state is State.OPEN and self.connection.hello is not None:
            seat.heard.append(Greeted(self.connection.hello))
        self._seats.append(seat)
        return seat

    def leave(self, seat: Seat) -> None:
        """Give a seat up; with the last one the port is closed."""
        if seat in self._seats:
            self._seats.remove(seat)
        if not self._seats:
            self._fail(ConnectionAbortedError("nobody hangs on this receiver any more"))

    async def receive(self, seat: Seat) -> Sequence[Event]:
        """Wait for something that `seat` hears."""
        while not seat.heard:
            async with self._reading:
                if seat.heard:
                    break  # another one has read it
                if self.fault is not None:
                    raise self.fault
                try:
                    events = await self._link.receive()
                except (DriverError, ProtocolError) as error:
                    self._fail(error)
                    raise
                for one in self._seats:
                    one.heard += [event for event in events if isinstance(event, one.hears)]
        heard, seat.heard = seat.heard, []
        return heard

    def _hear(self, way: Literal["in", "out"], data: bytes) -> None:
        for seat in self._seats:
            if seat.overhears is not None:
                seat.overhears(way, data)

    def _fail(self, error: Exception) -> None:
        if self.fault is None:
            self.fault = error
            self._line.close()


class Seat:
    """One device's place at a receiver.

    What it has not taken yet is bounded: all devices put their readings into one queue and wait
    there together, and a receiver has only so many presses unanswered.
    """

    def __init__(
        self,
        receiver: Receiver,
        hears: tuple[type[Event], ...],
        overhears: Overhears | None = None,
    ) -> None:
        """`hears`: the kinds of events that concern this device."""
        self.hears = hears
        self.overhears = overhears
        self.heard: list[Event] = []
        self._receiver = receiver

    @property
    def connection(self) -> Connection:
        """The conversation with the receiver; `flush` after telling it anything."""
        return self._receiver.connection

    async def receive(self) -> Sequence[Event]:
        """Wait for events; at least one.

        Raises:
            DeviceLost: the port is gone.
            ForeignReceiver: the receiver speaks another version.
            SilentReceiver: nothing that makes sense comes from it.
        """
        return await self._receiver.receive(self)

    def flush(self) -> None:
        """Write what the conversation has to say. Never raises."""
        self._receiver.flush()

    def leave(self) -> None:
        """Give the seat up; safe to call twice."""
        self._receiver.leave(self)


class _Overheard:
    """An open line, and somebody who is told what passes on it."""

    def __init__(self, line: ByteLine, hear: Overhears) -> None:
        self._line = line
        self._hear = hear

    async def read(self) -> bytes:
        data = await self._line.read()
        self._hear("in", data)
        return data

    def write(self, data: bytes) -> None:
        self._line.write(data)
        self._hear("out", data)

    def close(self) -> None:
        self._line.close()


def _name(port: str) -> str:
    """One for all the names of a port."""
    return os.path.realpath(port)
