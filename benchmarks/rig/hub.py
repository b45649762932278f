"""A hub of virtual devices that are pulled and plugged in, each under a name that stays.

What /dev/serial/by-id is to real devices is a folder of links here: a device that is plugged in
again is another pseudo-terminal behind the same name.
"""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from agent.clock import now_ns
from drivers.protocols import zkxl_frames
from drivers.sim.card_reader import VirtualCardReader
from drivers.sim.clicker_base import PtyBase
from drivers.sim.receiver import PtyLine, VirtualReceiver
from drivers.sim.serial_port import VirtualPort
from drivers.sim.sunvote_base import VirtualSunvote
from drivers.sim.zkxl_receiver import VirtualZkxl, VirtualZkxlJson

EVERY_S = 0.02
"""So often a device that is plugged in says something."""
ANSWER_A = zkxl_frames.SINGLE << 6 | 1


class Gadget(ABC):
    """One device on the hub, of the driver `driver` with `options`; told by its device's id."""

    driver: ClassVar[str]
    options: ClassVar[dict[str, Any]] = {}

    def __init__(self, number: int) -> None:
        self.number = number
        self._talking: asyncio.Task[None] | None = None

    @abstractmethod
    def make(self) -> VirtualPort | PtyLine:
        """A new one, as it comes out of its box."""

    @abstractmethod
    def speak(self, turn: int) -> None:
        """Say something that becomes a reading: a press, a card, a value."""

    async def plug(self, name: Path) -> None:
        """Plug it in; it speaks from now on."""
        self._port = self.make()
        await self._port.__aenter__()
        os.symlink(self._port.path, name)
        self._talking = asyncio.create_task(self._talk())

    async def pull(self, name: Path) -> None:
        """Pull it out; safe to call twice."""
        talking, self._talking = self._talking, None
        if talking is not None:
            talking.cancel()
            with suppress(asyncio.CancelledError):
                await talking
            os.unlink(name)
            self._port.unplug()

    async def _talk(self) -> None:
        turn = 0
        while True:
            self.speak(turn)
            turn += 1
            await asyncio.sleep(EVERY_S)


class Reference(Gadget):
    """Our own receiver."""

    driver = "clicker.reference"

    def make(self) -> PtyLine:
        self._receiver = VirtualReceiver(f"00000000000E{self.number:04X}", now_ns=now_ns)
        return PtyLine(self._receiver, now_ns)

    @property
    def refused(self) -> int:
        """Presses that it had no room for."""
        return self._receiver.refused

    def speak(self, turn: int) -> None:
        self._receiver.press(f"00E0{self.number:02X}{turn % 20:02X}", "ABCD"[turn % 4])


class Zkxl(Gadget):
    """A ZKXL receiver that speaks frames."""

    driver = "clicker.zkxl"

    def make(self) -> VirtualPort:
        self._receiver = VirtualZkxl()
        return self._receiver.port

    def speak(self, turn: int) -> None:
        self._receiver.answer(f"00A1{turn % 20:04X}", (1, ANSWER_A))


class ZkxlJson(Gadget):
    """A ZKXL receiver that speaks JSON."""

    driver = "clicker.zkxl"
    options: ClassVar[dict[str, Any]] = {"dialect": "json"}

    def make(self) -> VirtualPort:
        self._receiver = VirtualZkxlJson()
        return self._receiver.port

    def speak(self, turn: int) -> None:
        self._receiver.answer(f"{turn % 20:010}", ("s", 1, "A"))


class Sunvote(Gadget):
    """A SunVote base."""

    driver = "clicker.sunvote"

    def make(self) -> VirtualPort:
        self._base = VirtualSunvote()
        return self._base.port

    def speak(self, turn: int) -> None:
        self._base.press(turn % 20 + 1, 1)


class Iclicker(Gadget):
    """An i>clicker base, which needs no time to change its frequency."""

    driver = "clicker.iclicker"
    options: ClassVar[dict[str, Any]] = {"settle_s": 0}

    def make(self) -> VirtualPort:
        self._line = PtyBase()
        return self._line

    def speak(self, turn: int) -> None:
        if self._line.base.polling:
            self._line.base.press(f"0011{turn % 20:02X}00", "ABCDE"[turn % 5])


class SlowIclicker(Iclicker):
    """The same, which needs its five seconds."""

    options: ClassVar[dict[str, Any]] = {}


class Em4100(Gadget):
    """A card reader; a card is laid on it as it is plugged in."""

    driver = "card.em4100"

    def make(self) -> VirtualPort:
        self._reader = VirtualCardReader()
        return self._reader

    def speak(self, turn: int) -> None:
        if turn == 0:
            self._reader.lay("0A00C0FFEE")


class Thermometer(Gadget):
    """A sensor that writes lines."""

    driver = "sensor.serial_line"

    def make(self) -> VirtualPort:
        self._line = VirtualPort(lambda _: None)
        return self._line

    def speak(self, turn: int) -> None:
        self._line.send(b"21.5\r\n")


KINDS: dict[str, type[Gadget]] = {
    "our receiver": Reference,
    "ZKXL, frames": Zkxl,
    "ZKXL, JSON": ZkxlJson,
    "SunVote": Sunvote,
    "i>clicker, ready at once": Iclicker,
    "i>clicker, ready after 5 s": SlowIclicker,
    "EM4100 card reader": Em4100,
    "sensor": Thermometer,
}
