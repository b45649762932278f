"""A virtual reader of the RDM6300 kind on a pseudo-terminal: a card that lies there is repeated."""

from __future__ import annotations

import asyncio
import os
import pty
import tty
from contextlib import suppress
from typing import Self

EVERY_S = 0.065


def frame(uid: str) -> bytes:
    """What the reader sends for a card. `uid`: ten hex digits."""
    check = 0
    for byte in bytes.fromhex(uid):
        check ^= byte
    return b"\x02%s%02X\x03" % (uid.upper().encode("ascii"), check)


class VirtualCardReader:
    """`async with VirtualCardReader() as reader:`; `reader.path` is the serial port."""

    def __init__(self, *, every_s: float = EVERY_S) -> None:
        """`every_s`: how often a card that lies there is read."""
        self.path = ""
        self._every_s = every_s
        self._card = b""
        self._timer: asyncio.TimerHandle | None = None
        self._master = self._slave = -1

    async def __aenter__(self) -> Self:
        """Plug it in."""
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Unplug it."""
        self.unplug()

    def lay(self, uid: str) -> None:
        """Lay a card on it, in place of one that lies there."""
        self._card = frame(uid)
        self._stop_timer()
        self._read_card()

    def lift(self) -> None:
        """Take the card away."""
        self._card = b""
        self._stop_timer()

    def noise(self, data: bytes) -> None:
        """Send bytes that are no frame."""
        os.write(self._master, data)

    def unplug(self) -> None:
        """The port goes away, as when a cable is pulled; safe to call twice."""
        self.lift()
        if self._master >= 0:
            os.close(self._master)
            os.close(self._slave)
            self._master = self._slave = -1

    def _read_card(self) -> None:
        with suppress(BlockingIOError):  # nobody listens: a real line loses the bytes too
            os.write(self._master, self._card)
        self._timer = asyncio.get_running_loop().call_later(self._every_s, self._read_card)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
