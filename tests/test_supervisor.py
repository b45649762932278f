from __future__ import annotations

import asyncio
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from agent.device_status import DeviceState, DeviceStatus
from agent.supervisor import DevicePlan, NotHeld, Supervisor
from drivers import registry
from drivers.api import Decoder, Driver, Emit, Options
from drivers.capabilities import Outcome, QuestionView
from drivers.errors import DeviceLost, DeviceMisconfigured
from drivers.readings import Attached, KeyPress, Reading, Token
from tests.drivers.fake_ports import FakePorts


class Acme(Driver):
    """A device whose life is a script: one entry a run."""

    script: ClassVar[list[Exception | None]] = []
    attaches: ClassVar[int] = -1
    """How often it still says that it is ready; -1: always."""
    told: ClassVar[list[object]] = []

    @classmethod
    def decoder(cls, device_id: str) -> Decoder | None:
        del device_id
        return None

    async def run(self, emit: Emit) -> None:
        if Acme.attaches:
            Acme.attaches -= 1
            await emit(Attached(device=self.device_id, mono_ns=0, facts={"firmware": "1.0"}))
            await emit(KeyPress(device=self.device_id, mono_ns=0, keypad="0A", key="A"))
        end = self.script.pop(0) if self.script else None
        if end is not None:
            raise end
        await asyncio.Event().wait()

    def confirm(self, outcomes: Sequence[tuple[Token, Outcome]]) -> None:
        if not outcomes:
            raise ZeroDivisionError("a bug")
        self.told.append(list(outcomes))

    def show(self, view: QuestionView | None) -> None:
        self.told.append(view)

    def locate(self) -> None:
        self.told.append("locate")

    def counters(self) -> dict[str, int]:
        return {"junk_bytes": 3}


class PluggedOptions(Options):
    """Where it is."""

    port: str


class Plugged(Acme):
    """The same with a port, that it never opens."""

    Options = PluggedOptions

    def counters(self) -> dict[str, int]:
        return {}


@pytest.fixture(autouse=True)
def acme(monkeypatch: pytest.MonkeyPatch) -> type[Acme]:
    Acme.script, Acme.told, Acme.attaches = [], [], -1
    known = registry.names()
    monkeypatch.setattr(registry, "names", lambda: [*known, "acme", "plugged"])
    for name, one in (("acme", Acme), ("plugged", Plugged)):
        module = types.ModuleType(f"drivers.{name}")
        monkeypatch.setitem(sys.modules, f"drivers.{name}", module)
        monkeypatch.setattr(module, one.__name__, one, raising=False)
        monkeypatch.setattr(one, "__module__", f"drivers.{name}")
    return Acme


class Bench:
    def __init__(self, driver: str = "acme", *, plans: Sequence[DevicePlan] = ()) -> None:
        self.readings: list[Reading] = []
        self.states: list[DeviceState] = []
        plans = plans or [DevicePlan("device-1", driver, {})]
        self.supervisor = Supervisor(plans, ports=FakePorts(), emit=self.emit)
        self.supervisor.on_change(lambda: self.states.append(self.status.state))

    async def emit(self, *readings: Reading) -> None:
        self.readings.extend(readings)

    @property
    def status(self) -> DeviceStatus:
        return self.supervisor.devices()[0]

    async def until(self, *states: DeviceState) -> None:
        while self.states[-len(states) :] != list(states):
            await asyncio.sleep(0.005)


async def test_a_device_is_ready_when_it_says_so() -> None:
    bench = Bench()
    async with bench.supervisor:
        await bench.until("ready")
        assert bench.status.facts["firmware"] == "1.0"
        assert bench.status.counters == {"junk_bytes": 3}
        while not bench.readings:
            await asyncio.sleep(0)
        assert [type(one) for one in bench.readings] == [KeyPress]
    assert bench.status.state == "stopped"


async def test_a_lost_device_is_tried_again() -> None:
    Acme.script = [DeviceLost("port_gone", "device-1", "check the cable")]
    bench = Bench()
    async with bench.supervisor:
        await bench.until("ready", "lost", "ready")
        assert bench.status.code == ""


async def test_a_faulty_driver_is_fenced_off(caplog: pytest.LogCaptureFixture) -> None:
    Acme.script = [ZeroDivisionError("a bug")]
    bench = Bench()
    async with bench.supervisor:
        await bench.until("ready", "lost")
        assert bench.status.code == "driver_fault"
        await bench.until("lost", "ready")
    assert "ZeroDivisionError" in caplog.text


async def test_a_driver_that_fails_at_what_it_is_told_is_started_again_and_harms_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()
    async with bench.supervisor:
        await bench.until("ready")
        bench.supervisor.confirm("device-1", [])
        await bench.until("ready", "lost")
        assert bench.status.code == "driver_fault"
        await bench.until("lost", "ready")
        bench.supervisor.confirm("device-1", [("t", Outcome("accepted"))])
    assert Acme.told[-1] == [("t", Outcome("accepted"))]
    assert "ZeroDivisionError" in caplog.text


async def test_a_misconfigured_device_waits_for_a_person() -> None:
    Acme.script = [DeviceMisconfigured("protocol_unknown", "device-1", "update the receiver")]
    bench = Bench()
    async with bench.supervisor:
        keeper = next(task for task in asyncio.all_tasks() if task.get_name() == "device-1")
        await bench.until("ready", "misconfigured")
        await asyncio.wait({keeper})  # nobody is left who would try it again
        assert keeper.exception() is None
        assert bench.states == ["ready", "misconfigured"]
        assert (bench.status.code, bench.status.hint) == (
            "protocol_unknown",
            "update the receiver",
        )


async def test_what_was_refused_is_tried_again_when_something_else_is_plugged_in(
    tmp_path: Path,
) -> None:
    port = tmp_path / "ttyUSB0"
    port.touch()
    Acme.script = [DeviceMisconfigured("protocol_foreign", str(port), "update the receiver")]
    bench = Bench()
    async with bench.supervisor:
        await bench.until("ready", "misconfigured")
        port.unlink()
        port.touch()
        await bench.until("misconfigured", "starting", "ready")


async def test_a_port_whose_rights_are_just_being_set_is_tried_again(tmp_path: Path) -> None:
    port = tmp_path / "ttyUSB0"
    port.touch()
    Acme.script = [DeviceMisconfigured("port_forbidden", str(port), "add it to the group")]
    bench = Bench()
    async with bench.supervisor:
        await bench.until("ready", "lost", "ready")


async def test_a_start_that_fails_at_once_tells_nobody_anything_new() -> None:
    Acme.script = [DeviceLost("port_gone", "device-1", "check the cable")]
    Acme.script += [DeviceLost("port_missing", "device-1", "plug it in")] * 3
    Acme.attaches = 1
    bench = Bench()
    async with bench.supervisor:
        while Acme.script:
            await asyncio.sleep(0.005)
        Acme.attaches = -1
        await bench.until("lost", "ready")
    assert bench.states == ["ready", "lost", "lost", "ready", "stopped"]
    assert bench.status.counters == {"junk_bytes": 3, "port_gone": 1, "port_missing": 1}


async def test_of_two_entries_on_one_port_the_first_has_it(tmp_path: Path) -> None:
    port, name = tmp_path / "ttyUSB0", tmp_path / "by-id"
    port.touch()
    name.symlink_to(port)
    options = ({"port": str(name)}, {"port": str(port)}, {"port": str(tmp_path / "ttyUSB1")})
    plans = [DevicePlan(f"device-{n}", "plugged", one) for n, one in enumerate(options, start=1)]
    bench = Bench(plans=plans)
    async with bench.supervisor:
        while [one.state for one in bench.supervisor.devices()] != [
            "ready",
            "misconfigured",
            "ready",
        ]:
            await asyncio.sleep(0.005)
        doubled = bench.supervisor.devices()[1]
        assert doubled.code == "port_doubled"
        assert "device-1" in doubled.hint
        assert doubled.counters == {"port_doubled": 1}


async def test_what_hangs_on_one_receiver_has_its_port_together() -> None:
    names = ("clicker.reference", "card.wiegand", "card.wiegand", "card.em4100")
    plans = [
        DevicePlan(name, driver, {"port": "/dev/no-such-port"})
        for name, driver in zip("abcd", names, strict=True)
    ]
    bench = Bench(plans=plans)
    async with bench.supervisor:
        while "starting" in [one.state for one in bench.supervisor.devices()]:
            await asyncio.sleep(0.005)
        codes = [one.code for one in bench.supervisor.devices()]
    assert codes == ["port_missing", "port_missing", "port_doubled", "port_doubled"]


async def test_an_unknown_driver_is_named() -> None:
    bench = Bench("acne")
    async with bench.supervisor:
        await bench.until("misconfigured")
        assert bench.status.code == "driver_unknown"
        assert "'acme'" in bench.status.hint


async def test_options_that_a_driver_does_not_know_are_refused() -> None:
    bench = Bench()
    plan = DevicePlan("device-1", "acme", {"prot": "x"})
    bench.supervisor = Supervisor([plan], ports=FakePorts(), emit=bench.emit)
    bench.supervisor.on_change(lambda: bench.states.append(bench.status.state))
    async with bench.supervisor:
        await bench.until("misconfigured")
        assert "prot" in bench.status.hint


async def test_abilities_reach_the_driver_that_has_them() -> None:
    bench = Bench()
    view = QuestionView(question=1, kind="single", options=4, answered=0)
    outcomes = [("t1", Outcome("accepted"))]
    async with bench.supervisor:
        await bench.until("ready")
        bench.supervisor.show(view)
        bench.supervisor.confirm("device-1", outcomes)
        bench.supervisor.confirm("device-9", outcomes)
        assert bench.supervisor.locate("device-1")
        assert not bench.supervisor.locate("device-9")
    assert Acme.told == [None, view, outcomes, "locate"]


async def test_a_device_that_is_held_does_not_run_until_it_is_released() -> None:
    bench = Bench()
    async with bench.supervisor:
        await bench.until("ready")
        async with bench.supervisor.hold("device-1") as driver:
            assert isinstance(driver, Acme)
            assert bench.status.state == "held"
            assert not [task for task in asyncio.all_tasks() if task.get_name() == "device-1"]
            with pytest.raises(NotHeld, match="device_held"):
                await bench.supervisor.hold("device-1").__aenter__()
        await bench.until("ready", "held", "starting", "ready")


async def test_whatever_hangs_on_the_same_port_is_held_with_a_device() -> None:
    bench = Bench()
    plans = [
        DevicePlan("clickers", "clicker.reference", {"port": "/dev/none"}),
        DevicePlan("cards", "card.wiegand", {"port": "/dev/none"}),
        DevicePlan("other", "clicker.reference", {"port": "/dev/other"}),
    ]
    supervisor = Supervisor(plans, ports=FakePorts(), emit=bench.emit)

    def held() -> list[str]:
        return [one.id for one in supervisor.devices() if one.state == "held"]

    async with supervisor:
        async with supervisor.hold("clickers"):
            assert held() == ["clickers", "cards"]
            with pytest.raises(NotHeld, match="device_held"):
                await supervisor.hold("cards").__aenter__()
            async with supervisor.hold("other"):
                assert held() == ["clickers", "cards", "other"]
        assert held() == []


async def test_a_device_that_needs_a_person_may_be_held_and_is_tried_again_after_that() -> None:
    Acme.script = [DeviceMisconfigured("protocol_unknown", "device-1", "update the receiver")]
    bench = Bench()
    async with bench.supervisor:
        await bench.until("misconfigured")
        async with bench.supervisor.hold("device-1"):
            assert (bench.status.state, bench.status.code) == ("held", "")
        await bench.until("held", "starting", "ready")


async def test_nobody_holds_what_is_not_there_and_no_hold_outlives_the_supervisor() -> None:
    bench = Bench()
    async with bench.supervisor:
        with pytest.raises(NotHeld, match="there are: device-1"):
            await bench.supervisor.hold("device-2").__aenter__()
        hold = bench.supervisor.hold("device-1")
        await hold.__aenter__()
    await hold.__aexit__(None, None, None)
    assert bench.status.state == "stopped"
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "device-1"]


async def test_a_driver_that_fails_while_it_ends_does_not_keep_the_agent_from_ending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run(self: Acme, emit: Emit) -> None:
        await emit(Attached(device=self.device_id, mono_ns=0, facts={}))
        try:
            await asyncio.Event().wait()
        finally:
            raise DeviceLost("port_gone", "here", "it went while it was closed")

    monkeypatch.setattr(Acme, "run", run)

    async def emit(*_: Reading) -> None:
        return

    async with asyncio.timeout(20):
        plans = [DevicePlan("acme-1", "acme", {})]
        async with Supervisor(plans, ports=FakePorts(), emit=emit) as supervisor:
            await asyncio.sleep(0.05)
        assert supervisor.devices()[0].state == "stopped"


async def test_a_hold_that_is_broken_off_while_its_driver_ends_gives_the_device_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    starts = 0

    async def run(self: Acme, emit: Emit) -> None:
        nonlocal starts
        starts += 1
        await emit(Attached(device=self.device_id, mono_ns=0, facts={}))
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.1)

    monkeypatch.setattr(Acme, "run", run)

    async def emit(*_: Reading) -> None:
        return

    async def hold(supervisor: Supervisor) -> None:
        async with supervisor.hold("acme-1"):
            pass

    async with Supervisor([DevicePlan("acme-1", "acme", {})], ports=FakePorts(), emit=emit) as one:
        await asyncio.sleep(0.05)
        holding = asyncio.create_task(hold(one))
        await asyncio.sleep(0.02)
        holding.cancel()
        async with asyncio.timeout(20):
            while starts < 2:
                await asyncio.sleep(0.01)
