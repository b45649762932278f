"""EM4100 cards (125 kHz) on a serial reader of the RDM6300 kind.

A frame, sent about 15 times a second while the card stays: STX, 10 hex digits (version 1 byte,
id 4 bytes), 2 hex digits (xor of those five bytes), ETX. The ten digits are the card's UID.
"""

from __future__ import annotations

import re
from typing import ClassVar

from pydantic import Field

from drivers import api
from drivers.listening import listen
from drivers.ports import Ports
from drivers.presence import Presence
from drivers.readings import CardTap

FRAME = re.compile(rb"\x02([0-9A-Fa-f]{10})([0-9A-Fa-f]{2})\x03")
FRAME_BYTES = 14
STX = b"\x02"


class Em4100Options(api.Options):
    """Settings of one reader."""

    port: str = Field(description="Serial port, e.g. /dev/serial/by-id/usb-...")
    baud: int = Field(default=9600, gt=0, description="Speed in baud")


class Em4100(api.Driver):
    """One reader."""

    Options: ClassVar[type[api.Options]] = Em4100Options
    FITS = api.Fits("serial")
    CARD_NUMBERS = True

    def __init__(self, device_id: str, options: Em4100Options, *, ports: Ports) -> None:
        super().__init__(device_id, options, ports=ports)
        self._port, self._baud = options.port, options.baud
        self._decoder = Em4100Decoder(device_id)
        self._presence = Presence()

    @classmethod
    def decoder(cls, device_id: str) -> api.Decoder:
        """A decoder that gives every frame: only the driver knows when a card was away."""
        return Em4100Decoder(device_id)

    async def run(self, emit: api.Emit) -> None:
        """Read cards until cancelled."""
        line = await self.ports.serial(self._port, baud=self._baud)
        self._decoder, self._presence = Em4100Decoder(self.device_id), Presence()
        try:
            await listen(
                line,
                self._take,
                emit,
                device=self.device_id,
                where=self._port,
                now_ns=self.ports.now_ns,
            )
        finally:
            line.close()

    def _take(self, data: bytes, now_ns: int) -> tuple[int, list[CardTap]]:
        frames = self._decoder.feed(data, now_ns)
        return len(frames), [one for one in frames if self._presence.arrives(one.uid, now_ns)]

    def counters(self) -> dict[str, int]:
        """Bytes of no frame, and frames of cards that simply lay there."""
        return {"junk_bytes": self._decoder.junk_bytes, "repeats": self._presence.repeats}


class Em4100Decoder:
    """Bytes to one `CardTap` a frame. Holds at most a frame less one byte."""

    def __init__(self, device_id: str) -> None:
        self.junk_bytes = 0
        self._device = device_id
        self._held = b""

    def feed(self, data: bytes, now_ns: int) -> list[CardTap]:
        """The cards whose frames `data` completes."""
        held = self._held + data
        taps: list[CardTap] = []
        at = held.find(STX)
        used = 0
        while at >= 0 and len(held) - at >= FRAME_BYTES:
            end = at + 1
            if (frame := FRAME.match(held, at)) and _xor(frame[1]) == int(frame[2], 16):
                uid = frame[1].decode().upper()
                taps.append(CardTap(device=self._device, mono_ns=now_ns, uid=uid))
                self.junk_bytes += at - used
                used = end = frame.end()
            at = held.find(STX, end)
        keep = at if at >= 0 else len(held)
        self.junk_bytes += keep - used
        self._held = held[keep:]
        return taps


def _xor(digits: bytes) -> int:
    value = 0
    for byte in bytes.fromhex(digits.decode()):
        value ^= byte
    return value
