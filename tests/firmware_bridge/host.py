"""The host's side in tests: the real driver on a real serial port, over a line that may fail."""

import asyncio
from collections.abc import Callable, Sequence

from drivers.capabilities import Outcome
from drivers.clicker.reference import Reference
from drivers.on_receiver import ReceiverOptions
from drivers.ports import ByteLine
from drivers.readings import Attached, KeyPress, Reading
from drivers.serial import SerialLine
from tests.drivers.fake_ports import FakePorts
from tests.firmware_bridge.rigs import boottime_ns, until
from tests.firmware_bridge.world import Fault, whole

ACCEPTED = Outcome("accepted")


class FaultyLine:
    """A byte line whose bytes go through `fault`; at most `portion_bytes` come at once."""

    def __init__(self, line: ByteLine, faults: "FaultyPorts") -> None:
        self._line, self._faults = line, faults
        self._rest = b""

    async def read(self) -> bytes:
        while True:
            if not self._rest:
                data = await self._line.read()  # the fault is that of now, not of before the wait
                self._rest = self._faults.fault(data)
            elif self._faults.pause_s:
                await asyncio.sleep(self._faults.pause_s)
            portion = self._rest[: self._faults.portion_bytes]
            self._rest = self._rest[self._faults.portion_bytes :]
            if portion:
                return portion

    def write(self, data: bytes) -> None:
        self._line.write(self._faults.fault(data))

    def close(self) -> None:
        self._line.close()


class FaultyPorts(FakePorts):
    """Serial ports of this machine, and what goes wrong on them."""

    def __init__(self) -> None:
        super().__init__()
        self.fault: Fault = whole
        self.portion_bytes = 65_536
        self.pause_s = 0.0

    async def serial(self, path: str, *, baud: int) -> ByteLine:
        return FaultyLine(SerialLine(path, baud), self)

    def now_ns(self) -> int:
        return boottime_ns()


class Host:
    """A running driver. Presses are confirmed by `judge` as they come, each batch in one go."""

    def __init__(self, path: str, ports: FaultyPorts | None = None, baud: int = 115_200) -> None:
        self.ports = ports or FaultyPorts()
        self.driver = Reference("rx1", ReceiverOptions(port=path, baud=baud), ports=self.ports)
        self.attached: list[Attached] = []
        self.presses: list[KeyPress] = []
        self.judge: Callable[[KeyPress], Outcome | None] = lambda press: ACCEPTED
        self._unconfirmed: list[tuple[str, Outcome]] = []
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Host":
        self._task = asyncio.create_task(self.driver.run(self._emit))
        await until(lambda: bool(self.attached) or self.failed)
        if self.failed:
            await self._task  # raises
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])

    @property
    def failed(self) -> bool:
        return self._task is not None and self._task.done()

    async def greeted(self, times: int) -> dict[str, str]:
        """Wait until the receiver has said so often who it is; what it said last."""
        await until(lambda: len(self.attached) >= times)
        return self.attached[-1].facts

    async def failure(self) -> BaseException | None:
        assert self._task is not None
        await asyncio.wait([self._task])
        return self._task.exception()

    @property
    def answers(self) -> list[tuple[str, str]]:
        return [(press.keypad, press.key) for press in self.presses]

    async def _emit(self, *readings: Reading) -> None:
        for reading in readings:
            self._take(reading)

    def _take(self, reading: Reading) -> None:
        if isinstance(reading, Attached):
            self.attached.append(reading)
        elif isinstance(reading, KeyPress):
            self.presses.append(reading)
            outcome = self.judge(reading)
            if outcome is not None and reading.token is not None:
                if not self._unconfirmed:
                    asyncio.get_running_loop().call_later(0.005, self._commit)
                self._unconfirmed.append((reading.token, outcome))

    def _commit(self) -> None:
        outcomes, self._unconfirmed = self._unconfirmed, []
        self.confirm(outcomes)

    def confirm(self, outcomes: Sequence[tuple[str, Outcome]]) -> None:
        self.driver.confirm(outcomes)
