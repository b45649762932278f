"""i>clicker bases on USB (1881:0150): the host opens and closes polls, the base sends votes."""

from __future__ import annotations

import asyncio
from typing import ClassVar, Literal

from pydantic import Field

from drivers import api
from drivers.exchange import Conversing
from drivers.ports import Ports
from drivers.protocols.iclicker import IclickerTalk
from drivers.protocols.iclicker_reports import IclickerDecoder


class IclickerOptions(api.Options):
    """Settings of one base."""

    port: str = Field(default="1881:0150", description="Path or USB id, e.g. /dev/hidraw0")
    frequency: str = Field(
        default="AA",
        pattern="^[A-D][A-D]$",
        description="Radio channel that the remotes are set to: two letters from A to D",
    )
    protocol: Literal[1, 2] = Field(
        default=2, description="Generation of the base: 2, or 1 for those that must be asked"
    )
    settle_s: float = Field(
        default=5.0, ge=0, le=60, description="Seconds that a base needs to change its frequency"
    )
    answer_s: float = Field(
        default=1.0, gt=0, le=10, description="Seconds that a base may take to answer a command"
    )


class Iclicker(Conversing):
    """One base with its remotes."""

    Options: ClassVar[type[api.Options]] = IclickerOptions
    FITS = api.Fits("hid", usb=("1881:0150",))

    def __init__(self, device_id: str, options: IclickerOptions, *, ports: Ports) -> None:
        super().__init__(device_id, options, ports=ports)
        self._options = options

    @classmethod
    def decoder(cls, device_id: str) -> api.Decoder:
        """A decoder of a base's reports, of either generation."""
        return IclickerDecoder(device_id)

    async def run(self, emit: api.Emit) -> None:
        """Start the base, then open and close its polls and give its votes until cancelled."""
        said = self._options
        line = await self.ports.hid(said.port)
        talk = IclickerTalk(
            self.device_id,
            said.port,
            frequency=said.frequency,
            protocol=said.protocol,
            settle_s=said.settle_s,
            answer_s=said.answer_s,
            now_s=asyncio.get_running_loop().time(),
        )
        await self.converse(line, talk, emit)
