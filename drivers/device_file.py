"""A device of the kernel as a file on the asyncio loop, read record by record."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

from drivers.errors import DeviceLost, DeviceMisconfigured

READ_BYTES = 65_536


class DeviceFile:
    """One open device, a `ByteLine`. Must be made on a running loop.

    `read` gives whole records, one or more, as the kernel hands them out.
    """

    def __init__(self, path: str, *, prefix: bytes = b"") -> None:
        """Open `path` to read and write.

        Args:
            path: e.g. /dev/hidraw0.
            prefix: what the kernel wants in front of everything written, e.g. a report's number.

        Raises:
            DeviceLost: it is not there, is in use, or went while it was opened.
            DeviceMisconfigured: no permission, or no such kind of file.
        """
        self.path = path
        self._prefix = prefix
        # By its real name: what stands in for a device in a test may not know the links to it.
        self._fd = _open(os.path.realpath(path), path)
        self._loop = asyncio.get_running_loop()
        self._readable = asyncio.Event()
        self._closed = False

    def fileno(self) -> int:
        """The open file, for what only the kernel's ioctl can say."""
        return self._fd

    async def read(self) -> bytes:
        """Wait for records; give whatever has arrived. Raises DeviceLost when it is gone."""
        while True:
            if self._closed:
                raise self._lost()
            try:
                data = os.read(self._fd, READ_BYTES)
            except BlockingIOError:
                await self._wait_readable()
                continue
            except OSError as error:  # ENODEV, or EIO: it was pulled
                raise self._lost() from error
            if not data:
                raise self._lost()
            return data

    async def _wait_readable(self) -> None:
        self._readable.clear()
        self._loop.add_reader(self._fd, self._readable.set)
        try:
            await self._readable.wait()
        finally:
            if not self._closed:
                self._loop.remove_reader(self._fd)

    def write(self, data: bytes) -> None:
        """Send one record; the kernel takes it whole or not at all. Raises DeviceLost if not."""
        if self._closed:
            raise self._lost()
        try:
            os.write(self._fd, self._prefix + data)
        except OSError as error:
            raise self._lost() from error

    def close(self) -> None:
        """Close it; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._fd)
        self._readable.set()
        os.close(self._fd)

    def _lost(self) -> DeviceLost:
        return DeviceLost("port_gone", self.path, "check the cable; it is tried again")


def _open(real: str, path: str) -> int:
    if not Path(real).exists():
        raise DeviceLost("port_missing", path, "plug the device in, or correct `port`")
    try:
        fd = os.open(real, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except PermissionError as error:
        hint = "install systemd/*.rules, or add the agent's user to the group that owns it"
        raise DeviceMisconfigured("port_forbidden", path, hint) from error
    except IsADirectoryError as error:
        raise DeviceMisconfigured("port_unfit", path, "this is a folder, not a device") from error
    except OSError as error:
        raise DeviceLost("port_gone", path, f"it cannot be opened ({error.strerror})") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:  # else both would be told the same presses
        os.close(fd)
        raise DeviceLost("port_in_use", path, "another entry of the settings has it") from error
    except OSError:  # an imitation that knows no locks
        pass
    return fd
