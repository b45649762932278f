"""Keeps each driver running: starts it, fences it off, starts it again after a while."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import msgspec
from pydantic import ValidationError

from agent.device_status import DEVICE_STEPS, DeviceState, DeviceStatus
from agent.errors import AgentError, IllegalTransition
from agent.tap import Listener, Tap, tapped, without_card
from drivers.api import REFUSED, Driver, Emit, Options
from drivers.capabilities import (
    Confirms,
    Flashable,
    KeypadState,
    KnowsKeypads,
    Locatable,
    Outcome,
    Polls,
    QuestionView,
    Reports,
)
from drivers.errors import DeviceLost, DeviceMisconfigured, DriverError
from drivers.plugs import can_be_watched, is_settling, plug
from drivers.ports import Ports
from drivers.readings import Attached, Reading, Token
from drivers.registry import load, share_port

log = logging.getLogger(__name__)

FIRST_RETRY_S = 0.25
LONGEST_RETRY_S = 2.0
PLUG_LOOK_S = 0.25
"""So often is looked whether what is away was plugged in."""
QUIET_S = 0.1
"""A start that fails so soon has changed nothing: nobody is told of it."""
LOOK_S = 5.0
"""So often are the counters looked at for presses that were refused."""


class NotHeld(AgentError, LookupError):
    """A device cannot be held: it is not there, or somebody holds it."""


class DevicePlan(msgspec.Struct, frozen=True):
    """One `[[devices]]` entry: its id, its driver's name and the driver's options."""

    id: str
    driver: str
    options: dict[str, Any]


class _Slot:
    """One device: its status, and its driver while that runs."""

    def __init__(self, plan: DevicePlan, now_ns: Callable[[], int]) -> None:
        self.plan = plan
        self.tap = Tap(now_ns)
        self.status = DeviceStatus(id=plan.id, driver=plan.driver)
        self.driver: Driver | None = None
        self.running: asyncio.Future[None] | None = None
        self.keeping: asyncio.Task[None] | None = None
        self.held = False
        self.fault: Exception | None = None
        self.confirm: Callable[[Sequence[tuple[Token, Outcome]]], None] | None = None
        self.made_of: tuple[type[Driver], Options] | None = None
        self.counted: dict[str, int] = {}
        self.troubles: Counter[str] = Counter()
        self.told: tuple[DeviceState, str] = ("starting", "")

    @property
    def port(self) -> str | None:
        """The path of its port, links followed; None if it has none."""
        port = self.plan.options.get("port")
        return os.path.realpath(port) if isinstance(port, str) and port[:1] == "/" else None


class Supervisor:
    """Runs the drivers of all devices in the settings."""

    def __init__(self, plans: Sequence[DevicePlan], *, ports: Ports, emit: Emit) -> None:
        """Take everything, start nothing. `emit`: where readings go, the intake."""
        self._slots = {plan.id: _Slot(plan, ports.now_ns) for plan in plans}
        self._ports = ports
        self._emit = emit
        self._tasks: list[asyncio.Task[None]] = []
        self._watchers: list[Callable[[], None]] = []
        self._view: QuestionView | None = None

    async def __aenter__(self) -> Supervisor:
        """Start every device."""
        for slot in self._slots.values():
            slot.keeping = asyncio.create_task(self._keep(slot), name=slot.plan.id)
        self._tasks.append(asyncio.create_task(self._look(), name="refused presses"))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop every device and wait for its end."""
        keeping = [slot.keeping for slot in self._slots.values() if slot.keeping is not None]
        for slot in self._slots.values():
            slot.held = True  # one that fails while it ends is not started again
        for task in (*self._tasks, *keeping):
            task.cancel()
        await asyncio.gather(*self._tasks, *keeping, return_exceptions=True)
        for slot in self._slots.values():
            self._step(slot, "stop")

    def plans(self) -> list[DevicePlan]:
        """What is to run, in the order of the settings."""
        return [slot.plan for slot in self._slots.values()]

    def add(self, plan: DevicePlan) -> None:
        """Start one more device. Its id must be new."""
        if plan.id in self._slots:
            raise ValueError(f"there is a device {plan.id} already")
        slot = self._slots[plan.id] = _Slot(plan, self._ports.now_ns)
        slot.keeping = asyncio.create_task(self._keep(slot), name=plan.id)
        self._tell()

    async def remove(self, device: str) -> None:
        """Stop a device and forget it.

        Raises:
            NotHeld: there is no such device, or somebody holds it.
        """
        async with self.hold(device):
            del self._slots[device]
        self._tell()

    def on_change(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` whenever a device's state changes, or it has refused presses."""
        self._watchers.append(watcher)

    def devices(self) -> list[DeviceStatus]:
        """How each device is, in the order of the settings."""
        for slot in self._slots.values():
            if slot.driver is not None:
                with self._fence(slot):
                    slot.counted = slot.driver.counters()
            slot.status.counters = slot.counted | slot.troubles
            slot.status.refused = slot.counted.get(REFUSED, 0)
        return [slot.status for slot in self._slots.values()]

    def confirm(self, device: str, outcomes: Sequence[tuple[Token, Outcome]]) -> None:
        """Tell a device what became of its presses, if it can be told."""
        slot = self._slots.get(device)
        if slot is not None and slot.confirm is not None:
            with self._fence(slot):
                slot.confirm(outcomes)

    def show(self, view: QuestionView | None) -> None:
        """Tell every device that must know what is open."""
        self._view = view
        for slot in self._slots.values():
            if slot.status.state == "ready" and isinstance(slot.driver, Polls):
                with self._fence(slot):
                    slot.driver.show(view)

    def complete_ns(self, now_ns: int) -> int:
        """Every press made before this time has been emitted; 0 while a device is coming back."""
        complete_ns = now_ns
        for slot in self._slots.values():
            if slot.status.state in ("starting", "lost"):
                return 0
            if slot.status.state == "ready" and isinstance(slot.driver, Reports):
                with self._fence(slot):
                    complete_ns = min(complete_ns, slot.driver.complete_ns())
        return complete_ns

    def locate(self, device: str) -> bool:
        """Let a device make itself seen; False if it is unknown, away, or cannot."""
        slot = self._slots.get(device)
        if slot is None or not isinstance(slot.driver, Locatable):
            return False
        with self._fence(slot):
            slot.driver.locate()
        return True

    def keypads(self, device: str) -> dict[str, KeypadState] | None:
        """How a device's keypads are, as far as it knows; None if there is no such device."""
        slot = self._slots.get(device)
        if slot is None:
            return None
        if isinstance(slot.driver, KnowsKeypads):
            with self._fence(slot):
                return slot.driver.keypads()
        return {}

    def device_at(self, port: str) -> str | None:
        """The device that the settings give this port to, links followed."""
        path = os.path.realpath(port)
        return next((name for name, slot in self._slots.items() if slot.port == path), None)

    @contextmanager
    def listen(self, device: str, wake: Callable[[], None]) -> Iterator[Listener | None]:
        """Hear what a device says, until the end; None if there is no such device.

        `wake` is called when something passes by; fetch it from the listener.
        """
        slot = self._slots.get(device)
        if slot is None:
            yield None
            return
        listener = Listener(wake)
        slot.tap.listeners += (listener,)
        try:
            yield listener
        finally:
            slot.tap.listeners = tuple(one for one in slot.tap.listeners if one is not listener)

    @asynccontextmanager
    async def hold(self, device: str) -> AsyncIterator[Driver]:
        """Stop a device, and all on its port, for whoever needs that; its driver, not running.

        Raises:
            NotHeld: there is no such device, or somebody holds it.
            DeviceMisconfigured: its settings must be corrected.
        """
        slot = self._slots.get(device)
        if slot is None:
            known = ", ".join(self._slots) or "none"
            raise NotHeld("device_unknown", device, f"there is no such device; there are: {known}")
        port = slot.port
        sharing = [
            one for one in self._slots.values() if one is slot or (port and one.port == port)
        ]
        if any(one.held for one in sharing):
            raise NotHeld("device_held", device, "it is being flashed already; wait for its end")
        driver = self._made(slot)
        for one in sharing:
            one.held = True
        try:
            for one in sharing:
                await self._stop(one)
            yield driver
        finally:
            for one in sharing:
                self._release(one)

    async def _stop(self, slot: _Slot) -> None:
        if slot.keeping is not None:
            slot.keeping.cancel()  # once: it may take its time to let go
            await asyncio.wait([slot.keeping])
        slot.status.code = slot.status.hint = ""
        slot.status.facts = {}
        self._step(slot, "hold")

    def _release(self, slot: _Slot) -> None:
        slot.held = False
        if slot.status.state == "stopped" or slot.plan.id not in self._slots:
            return
        if slot.keeping is not None and not slot.keeping.done():
            if slot.keeping.cancelling():  # the hold was broken off before its driver had ended
                slot.keeping.add_done_callback(lambda _: self._released(slot))
            return
        if slot.status.state != "held":
            self._step(slot, "hold")
        self._step(slot, "release")
        slot.keeping = asyncio.create_task(self._keep(slot), name=slot.plan.id)

    def _released(self, slot: _Slot) -> None:
        if not slot.held:
            self._release(slot)

    @contextmanager
    def _fence(self, slot: _Slot) -> Iterator[None]:
        """What a driver raises while it is told something ends its run, and nothing else."""
        try:
            yield
        except Exception as error:  # the fence: see _keep, which logs it and starts it again
            slot.fault = error
            if slot.running is not None:
                slot.running.cancel()

    async def _keep(self, slot: _Slot) -> None:
        retry_s = FIRST_RETRY_S
        while True:
            error, trigger = await self._until_ended(slot)
            if slot.held:  # it failed while it was cancelled, and swallowed that
                return
            if trigger == "refuse":
                self._trouble(slot, trigger, error)
                if not can_be_watched(error.where):
                    return
                await _until_plugged(error.where)
                self._step(slot, "replug")
                retry_s = FIRST_RETRY_S
                continue
            self._trouble(slot, "lose", error)
            if slot.status.facts:  # it had been ready: begin with a short wait again
                retry_s = FIRST_RETRY_S
                slot.status.facts = {}
            try:
                async with asyncio.timeout(retry_s):
                    await _until_plugged(error.where)
            except TimeoutError:
                retry_s = min(retry_s * 2, LONGEST_RETRY_S)
            else:
                retry_s = FIRST_RETRY_S
            self._step(slot, "retry")

    async def _until_ended(self, slot: _Slot) -> tuple[DriverError, str]:
        """Run the driver; why it ended, and what that means: "lose" or "refuse"."""
        try:
            await self._run(slot)
        except DeviceLost as error:
            return error, "lose"
        except DriverError as error:
            settling = error.code == "port_forbidden" and is_settling(error.where)
            return error, "lose" if settling else "refuse"
        except Exception as error:  # the fence: a faulty driver must not stop the lesson
            log.exception("driver %s of device %s failed", slot.plan.driver, slot.plan.id)
            hint = "it is started again; send the log to support"
            fault = f"{hint} ({type(error).__name__})"
            return DeviceLost("driver_fault", slot.plan.id, fault), "lose"
        return DeviceLost("driver_ended", slot.plan.id, "it is started again"), "lose"

    async def _look(self) -> None:
        """Tell the watchers of refused presses: no reading says so."""
        told: dict[str, int] = {}
        while True:
            await asyncio.sleep(LOOK_S)
            refused = {one.id: one.refused for one in self.devices() if one.refused}
            if refused != told:
                told = refused
                self._tell()

    def _tell(self) -> None:
        for watcher in self._watchers:
            watcher()

    def _made(self, slot: _Slot) -> Driver:
        plan = slot.plan
        if slot.made_of is None:
            driver_class = load(plan.driver)
            try:
                options = driver_class.Options.model_validate(plan.options)
            except ValidationError as error:
                raise DeviceMisconfigured("options_invalid", plan.id, str(error)) from error
            slot.made_of = driver_class, options
        driver_class, options = slot.made_of
        slot.tap.card_numbers, slot.tap.cover = driver_class.CARD_NUMBERS, driver_class.cover()
        return driver_class(plan.id, options, ports=tapped(self._ports, slot.tap))

    async def _run(self, slot: _Slot) -> None:
        self._check_port(slot)
        driver = self._made(slot)
        tap, status = slot.tap, slot.status
        slot.driver = driver
        status.can = _abilities(driver)
        # looked up once: it is used for every group of presses
        slot.confirm = driver.confirm if isinstance(driver, Confirms) else None

        async def emit(*readings: Reading) -> None:
            first = readings[0]
            if type(first) is Attached:
                self._attached(slot, driver, first)
                readings = readings[1:]
            if readings:
                status.readings += len(readings)
                status.last = without_card(readings[-1])
                if tap.listeners:
                    tap.emitted(readings)
                await self._emit(*readings)

        slot.fault = None
        slot.running = asyncio.ensure_future(driver.run(emit))
        try:
            await slot.running
        except asyncio.CancelledError:
            if slot.fault is None:
                raise
            raise slot.fault from None
        finally:
            slot.counted = driver.counters()
            slot.driver = slot.confirm = slot.running = None

    def _check_port(self, slot: _Slot) -> None:
        """Of two entries with one port the first has it, unless both hang on one receiver."""
        port = slot.port
        for other in self._slots.values():
            if port is None or other is slot:
                return
            if other.port != port or other.status.state == "misconfigured":
                continue
            if not share_port(slot.plan.driver, other.plan.driver):
                hint = f"entry {other.plan.id} has the same port: remove one of them"
                raise DeviceMisconfigured("port_doubled", str(slot.plan.options["port"]), hint)

    def _attached(self, slot: _Slot, driver: Driver, reading: Attached) -> None:
        slot.status.facts = {"driver": slot.plan.driver, **reading.facts}
        slot.status.code = slot.status.hint = ""
        self._step(slot, "attach")
        log.info("device %s is ready", slot.plan.id)
        if isinstance(driver, Polls):
            driver.show(self._view)

    def _trouble(self, slot: _Slot, trigger: str, error: DriverError) -> None:
        if slot.status.code != error.code:
            log.warning("device %s: %s", slot.plan.id, error)
            slot.troubles[error.code] += 1
        slot.status.code, slot.status.hint = error.code, error.hint
        self._step(slot, trigger)

    def _step(self, slot: _Slot, trigger: str) -> None:
        before = slot.status.state
        try:
            slot.status.state = DEVICE_STEPS[before][trigger]
        except KeyError:
            raise IllegalTransition(before, trigger) from None
        if trigger == "retry":
            asyncio.get_running_loop().call_later(QUIET_S, self._tell_of, slot)
        else:
            self._tell_of(slot)

    def _tell_of(self, slot: _Slot) -> None:
        """Tell the watchers, unless they know."""
        news = (slot.status.state, slot.status.code)
        if news != slot.told:
            slot.told = news
            self._tell()


async def _until_plugged(port: str) -> None:
    """Wait until there is something else behind this name than there was."""
    was = plug(port)
    while True:
        await asyncio.sleep(PLUG_LOOK_S)
        now = plug(port)
        if now != was and now is not None:
            return
        was = now


def _abilities(driver: Driver) -> tuple[str, ...]:
    can = {"locate": Locatable, "keypads": KnowsKeypads, "flash": Flashable}
    return tuple(name for name, ability in can.items() if isinstance(driver, ability))
