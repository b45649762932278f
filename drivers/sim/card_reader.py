"""A virtual reader of the RDM6300 kind on a pseudo-terminal: a card that lies there is repeated."""

from __future__ import annotations

import asyncio

from drivers.sim.serial_port import VirtualPort

EVERY_S = 0.065


def frame(uid: str) -> bytes:
    """What the reader sends for a card. `uid`: ten hex digits."""
    check = 0
    for byte in bytes.fromhex(uid):
        check ^= byte
    return b"\x02%s%02X\x03" % (uid.upper().encode("ascii"), check)


class VirtualCardReader(VirtualPort):
    """`async with VirtualCardReader() as reader:`; `reader.path` is the serial port."""

    def __init__(self, *, every_s: float = EVERY_S) -> None:
        """`every_s`: how often a card that lies there is read."""
        super().__init__(lambda _: None)  # it only speaks
        self._every_s = every_s
        self._card = b""
        self._timer: asyncio.TimerHandle | None = None

    def lay(self, uid: str) -> None:
        """Lay a card on it, in place of one that lies there."""
        self._card = frame(uid)
        self._stop_timer()
        self._read_card()

    def lift(self) -> None:
        """Take the card away."""
        self._card = b""
        self._stop_timer()

    def unplug(self) -> None:
        """The port goes away, as when a cable is pulled; safe to call twice."""
        self.lift()
        super().unplug()

    def _read_card(self) -> None:
        self.send(self._card)
        self._timer = asyncio.get_running_loop().call_later(self._every_s, self._read_card)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
