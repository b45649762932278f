"""SunVote keypads on their serial base (PVS-2010-433M)."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from pydantic import Field

from drivers import api
from drivers.exchange import Conversing
from drivers.ports import Ports
from drivers.protocols.sunvote import SunvoteTalk
from drivers.protocols.sunvote_frames import Answers, SunvoteFrames
from drivers.readings import KeyPress


class SunvoteOptions(api.Options):
    """Settings of one base."""

    port: str = Field(description="Serial port, e.g. /dev/serial/by-id/usb-...")
    baud: int = Field(default=19_200, gt=0, description="Speed in baud")


class Sunvote(Conversing):
    """One base with its keypads."""

    Options: ClassVar[type[api.Options]] = SunvoteOptions
    FITS = api.Fits("serial")

    def __init__(self, device_id: str, options: SunvoteOptions, *, ports: Ports) -> None:
        super().__init__(device_id, options, ports=ports)
        self._port, self._baud = options.port, options.baud

    @classmethod
    def decoder(cls, device_id: str) -> api.Decoder:
        """A decoder of what a base sends."""
        return SunvoteDecoder(device_id)

    async def run(self, emit: api.Emit) -> None:
        """Poll the base until cancelled."""
        line = await self.ports.serial(self._port, baud=self._baud)
        now_s = asyncio.get_running_loop().time()
        await self.converse(line, SunvoteTalk(self.device_id, self._port, now_s=now_s), emit)


class SunvoteDecoder:
    """Bytes to presses; an answer that the base repeats is given once."""

    def __init__(self, device_id: str) -> None:
        self._frames = SunvoteFrames()
        self._answers = Answers(device_id)

    @property
    def junk_bytes(self) -> int:
        """Bytes that belonged to no frame so far."""
        return self._frames.junk_bytes

    def feed(self, data: bytes, now_ns: int) -> list[KeyPress]:
        """The presses whose frames `data` completes."""
        taken = (self._answers.take(payload, now_ns) for payload in self._frames.feed(data))
        return [press for press in taken if press is not None]
