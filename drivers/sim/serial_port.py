"""The far end of a serial port: a pseudo-terminal that a virtual device speaks through."""

from __future__ import annotations

import asyncio
import os
import pty
import tty
from collections.abc import Callable
from contextlib import suppress
from typing import Self

Fault = Callable[[bytes], bytes]
"""What becomes of bytes on their way: lost, garbled, or whole."""


class VirtualPort:
    """`async with VirtualPort(on_bytes) as port:` on a running loop; `port.path` is the port."""

    def __init__(self, on_bytes: Callable[[bytes], None]) -> None:
        """`on_bytes` is given what the host writes. `fault` may be set for what it reads."""
        self.path = ""
        self.fault: Fault = bytes
        self._on_bytes = on_bytes
        self._master = self._slave = -1

    async def __aenter__(self) -> Self:
        """Plug it in."""
        self._loop = asyncio.get_running_loop()
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._loop.add_reader(self._master, self._read)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Unplug it."""
        self.unplug()

    def send(self, data: bytes) -> None:
        """Let the host read this."""
        sent = self.fault(data)
        if sent and self._master >= 0:
            with suppress(BlockingIOError):  # nobody listens: a real line loses the bytes too
                os.write(self._master, sent)

    def unplug(self) -> None:
        """The port goes away, as when a cable is pulled; safe to call twice."""
        if self._master >= 0:
            self._loop.remove_reader(self._master)
            os.close(self._master)
            os.close(self._slave)
            self._master = self._slave = -1

    def _read(self) -> None:
        self._on_bytes(os.read(self._master, 65_536))
