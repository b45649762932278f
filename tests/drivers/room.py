"""A driver under the real supervisor, on real ports; what it says is kept."""

import asyncio
from collections.abc import Callable
from typing import Any

from agent.ports import BoardPorts
from agent.supervisor import DevicePlan, DeviceStatus, Supervisor
from drivers.capabilities import QuestionView
from drivers.readings import CardTap, KeyPress, Reading
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
