"""Serial ports on the asyncio loop: cheap to read, and never a reset of what hangs behind them."""

from __future__ import annotations

import asyncio
import errno
import os
import termios

import serial

from drivers.beats import next_beat_s
from drivers.errors import DeviceLost, DeviceMisconfigured

READ_BYTES = 65_536
FLOOD_BYTES = 2_048
"""A line that has so many bytes at once is read on: the kernel holds but a few thousand."""
MAX_UNSENT_BYTES = 262_144
GOING = (errno.EIO, errno.ENXIO, errno.ENODEV, errno.ENOENT)
"""Of a port that is being pulled, or is not quite there yet."""


class SerialLine:
    """One open port, a `ByteLine`. Must be made on a running loop."""

    def __init__(self, path: str, baud: int) -> None:
        """Open `path`, 8N1, exclusively; clear HUPCL, so that closing drops no modem line."""
        self.path = path
        try:
            self._port = serial.Serial(path, baud, timeout=0, exclusive=True)
        except (OSError, termios.error) as error:  # a SerialException is an OSError
            raise _refusal(path, error) from error
        self._fd: int = self._port.fileno()
        try:
            keep_modem_lines(self._fd)
            tell_idle_from_gone(self._fd)
        except termios.error as error:
            self._port.close()
            raise DeviceLost(
                "port_gone", path, "it went while it was opened; tried again"
            ) from error
        self._loop = asyncio.get_running_loop()
        self._readable = asyncio.Event()
        self._unsent = bytearray()
        self._next_read_s = 0.0
        self._watching_reads = False
        self._closed = False

    async def read(self) -> bytes:
        """Wait for bytes; give whatever has arrived."""
        pause_s = self._next_read_s - self._loop.time()
        if pause_s > 0:
            await asyncio.sleep(pause_s)
        while True:
            if self._closed:
                raise self._lost()
            try:
                data = os.read(self._fd, READ_BYTES)
            except BlockingIOError:
                data = None
            except OSError as error:
                raise self._lost() from error
            if data:
                if len(data) < FLOOD_BYTES:
                    self._next_read_s = next_beat_s(self._loop.time())
                return data
            if data == b"":
                raise self._lost()
            await self._wait_readable()

    async def _wait_readable(self) -> None:
        self._readable.clear()
        self._loop.add_reader(self._fd, self._readable.set)
        self._watching_reads = True
        try:
            await self._readable.wait()
        finally:
            if self._watching_reads:
                self._watching_reads = False
                self._loop.remove_reader(self._fd)

    def write(self, data: bytes) -> None:
        """Send at once what the port takes; the rest follows. Raises DeviceLost when it is gone."""
        if self._closed:
            raise self._lost()
        if self._unsent:
            if len(self._unsent) + len(data) > MAX_UNSENT_BYTES:
                raise DeviceLost("port_stuck", self.path, "it takes no bytes; check the cable")
            self._unsent += data
            return
        try:
            sent = os.write(self._fd, data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise self._lost() from error
        if sent < len(data):
            self._unsent += data[sent:]
            self._loop.add_writer(self._fd, self._send_rest)

    def _send_rest(self) -> None:
        try:
            sent = os.write(self._fd, self._unsent)
        except BlockingIOError:
            return
        except OSError:
            self._unsent.clear()  # the reader meets the same error and reports it
            sent = 0
        del self._unsent[:sent]
        if not self._unsent:
            self._loop.remove_writer(self._fd)

    def close(self) -> None:
        """Close the port; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._watching_reads = False
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        self._readable.set()
        self._port.close()

    def _lost(self) -> DeviceLost:
        return DeviceLost("port_gone", self.path, "check the cable; it is tried again")


def keep_modem_lines(fd: int) -> None:
    """Clear HUPCL: otherwise closing drops DTR, and the next open resets many boards."""
    settings = termios.tcgetattr(fd)
    settings[2] &= ~termios.HUPCL
    termios.tcsetattr(fd, termios.TCSANOW, settings)


def tell_idle_from_gone(fd: int) -> None:
    """Set VMIN to 1: an idle line then reads as EAGAIN, and only one that has gone as nothing."""
    settings = termios.tcgetattr(fd)
    settings[6][termios.VMIN] = 1
    termios.tcsetattr(fd, termios.TCSANOW, settings)


def _errno(error: OSError | termios.error) -> int | None:
    """What the kernel said, however pyserial has wrapped it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno is not None:
            return cause.errno
        if isinstance(cause, termios.error):
            return int(cause.args[0])
        cause = cause.__cause__ or cause.__context__
    return None


def _refusal(path: str, error: OSError | termios.error) -> DeviceLost | DeviceMisconfigured:
    reason = _errno(error)
    if not os.path.exists(path):
        return DeviceLost("port_missing", path, "plug the device in, or correct `port`")
    if isinstance(error.__cause__, PermissionError) or reason == errno.EACCES:
        return DeviceMisconfigured("port_forbidden", path, "add the agent's user to group dialout")
    if "exclusively lock" in str(error):
        return DeviceLost("port_in_use", path, "another program or device entry holds it")
    if reason in GOING:
        return DeviceLost("port_gone", path, "it went while it was opened; tried again")
    return DeviceMisconfigured("port_unfit", path, f"not a serial port: {error}")
