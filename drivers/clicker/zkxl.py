"""ZKXL/WHTY "DTQ" clickers on their serial receiver, in its binary or its JSON dialect."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from drivers import api
from drivers.capabilities import KeypadState
from drivers.exchange import Conversing
from drivers.ports import Ports
from drivers.protocols.zkxl import BinaryTalk
from drivers.protocols.zkxl_json import JsonTalk
from drivers.protocols.zkxl_stream import ZkxlCover, ZkxlStream, readings
from drivers.readings import CardTap, KeyPress

Uid = Annotated[str, StringConstraints(pattern="^[0-9A-Fa-f]{8}$")]


class ZkxlOptions(api.Options):
    """Settings of one receiver."""

    port: str = Field(description="Serial port, e.g. /dev/serial/by-id/usb-...")
    baud: int = Field(default=1_152_000, gt=0, description="Speed in baud")
    dialect: Literal["binary", "json"] = Field(
        default="binary", description="What the receiver wants to be told; it is heard in both"
    )
    clickers: tuple[Uid, ...] = Field(
        default=(),
        description="Ids (8 hex digits) of the only clickers that may answer; none lets all answer",
    )
    attendance: bool = Field(
        default=False, description="Whether clickers laid on the receiver's coil are card taps"
    )


class Zkxl(Conversing):
    """One receiver with its clickers."""

    Options: ClassVar[type[api.Options]] = ZkxlOptions
    FITS = api.Fits("serial")
    CARD_NUMBERS = True  # what lies on its coil

    def __init__(self, device_id: str, options: ZkxlOptions, *, ports: Ports) -> None:
        super().__init__(device_id, options, ports=ports)
        self._settings = options

    @classmethod
    def decoder(cls, device_id: str) -> api.Decoder:
        """A decoder of either dialect."""
        return ZkxlDecoder(device_id)

    @classmethod
    def cover(cls) -> api.Cover:
        """All messages but the cards on its coil."""
        return ZkxlCover()

    async def run(self, emit: api.Emit) -> None:
        """Talk to the receiver until cancelled."""
        settings = self._settings
        line = await self.ports.serial(settings.port, baud=settings.baud)
        await self.converse(line, self._begin(asyncio.get_running_loop().time()), emit)

    def _begin(self, now_s: float) -> BinaryTalk | JsonTalk:
        one, said = self.device_id, self._settings
        attendance = said.attendance
        if said.dialect == "json":
            return JsonTalk(one, said.port, attendance=attendance, now_s=now_s, clock=local_time)
        return BinaryTalk(
            one,
            said.port,
            clickers=said.clickers,
            attendance=attendance,
            now_s=now_s,
            clock=local_time,
        )

    def keypads(self) -> dict[str, KeypadState]:
        """The signal of each clicker, where the receiver says it."""
        return dict(self._talk.keypads) if isinstance(self._talk, JsonTalk) else {}


def local_time() -> datetime:
    """What the clickers show as the time."""
    return datetime.now().astimezone()


class ZkxlDecoder:
    """Bytes of either dialect to answers and card taps."""

    def __init__(self, device_id: str) -> None:
        self._device = device_id
        self._stream = ZkxlStream()

    @property
    def junk_bytes(self) -> int:
        """Bytes that belonged to no message so far."""
        return self._stream.junk_bytes

    def feed(self, data: bytes, now_ns: int) -> list[KeyPress | CardTap]:
        """The answers and taps that `data` completes."""
        return [
            reading
            for message in self._stream.feed(data, now_ns)
            for reading in readings(self._device, message, now_ns)
        ]
