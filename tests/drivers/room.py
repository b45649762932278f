"""A driver under the real supervisor, on real ports; what it says is kept."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

from agent.device_status import DeviceStatus
from agent.ports import BoardPorts
from agent.supervisor import DevicePlan, Supervisor
from drivers.capabilities import QuestionView
from drivers.readings import CardTap, KeyPress, Reading
from drivers.sim.serial_port import Fault, VirtualPort
from tests.drivers.fake_ports import MemoryPhones


async def until(condition: Callable[[], object], timeout_s: float = 20.0) -> None:
    """Wait for it; the time limit only ends a test that has failed."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


def question(number: int, kind: str = "single", options: int = 4) -> QuestionView:
    return QuestionView(question=number, kind=kind, options=options, answered=0)


class Room:
    """One device. `states` is all that it went through: state and code."""

    def __init__(self, driver: str, **options: Any) -> None:
        self.readings: list[Reading] = []
        self.states: list[tuple[str, str]] = []
        plan = DevicePlan(id="base", driver=driver, options=options)
        self.supervisor = Supervisor([plan], ports=BoardPorts(MemoryPhones()), emit=self._emit)
        self.supervisor.on_change(self._note)

    async def __aenter__(self) -> "Room":
        await self.supervisor.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.supervisor.__aexit__(*exc)

    async def _emit(self, *readings: Reading) -> None:
        self.readings += readings

    def _note(self) -> None:
        self.states.append((self.status.state, self.status.code))

    @property
    def status(self) -> DeviceStatus:
        return self.supervisor.devices()[0]

    @property
    def answers(self) -> list[tuple[str, int | None, str]]:
        presses = [one for one in self.readings if isinstance(one, KeyPress)]
        return [(one.keypad, one.item, one.key) for one in presses]

    @property
    def taps(self) -> list[str]:
        return [one.uid for one in self.readings if isinstance(one, CardTap)]

    async def ready(self) -> None:
        await until(lambda: self.status.state == "ready")

    async def counted(self, counter: str, count: int) -> None:
        await until(lambda: self.status.counters.get(counter, 0) >= count)


class OnAPort(Protocol):
    """A virtual device."""

    @property
    def port(self) -> VirtualPort: ...


@asynccontextmanager
async def ready_room(driver: str, device: OnAPort, **options: Any) -> AsyncIterator[Room]:
    """The device plugged in, and its driver ready."""
    async with device.port, Room(driver, port=device.port.path, **options) as room:
        await room.ready()
        yield room


def spoiling(seed: int) -> Fault:
    """Loses one byte of a hundred, and changes a bit in another."""
    chance = random.Random(seed)

    def spoil(data: bytes) -> bytes:
        kept = (byte ^ (chance.random() < 0.01) for byte in data if chance.random() > 0.01)
        return bytes(kept)

    return spoil


async def noise_alone(driver: str, device: OnAPort) -> Room:
    """A room after its device has sent noise until that was said of it, and nothing else."""
    chance = random.Random(3)
    async with device.port, Room(driver, port=device.port.path) as room:

        def garbled() -> bool:
            device.port.send(chance.randbytes(7))
            return room.status.code == "line_garbled"

        await until(garbled)
        return room
