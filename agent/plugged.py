"""What is plugged in and not used yet, and taking it into use without a restart.

A device is never taken for what it may be: a person chooses the driver. Nothing here looks at the
machine, or is loaded for it, until somebody asks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from agent.errors import AgentError, SettingsInvalid
from agent.supervisor import DevicePlan, NotHeld, Supervisor
from drivers.blocking import BlockingThread
from drivers.plugs import whole_machine
from drivers.registry import load

if TYPE_CHECKING:  # loaded when somebody looks
    from pydantic.fields import FieldInfo

    from agent.discovery import FoundDevice, Machine

Look = Callable[[bool], "Machine"]
"""What is plugged in, with or without PC/SC readers."""
THREAD = "plugged devices"
PCSCD = Path("/run/pcscd/pcscd.comm")
LOOK_S = 5.0
GRACE_S = 0.2
SETTLE_S = 4.0
"""So long after something was plugged in it is looked at anew: links and pcscd come later."""


class TakeRefused(AgentError, RuntimeError):
    """A device cannot be taken into use, or given back."""


class PluggedDriver(msgspec.Struct, frozen=True, kw_only=True):
    """A driver that could be behind a device; `lines` are for the settings file."""

    driver: str
    likeness: Literal["fits", "possible"]
    lines: str
    needs_more: bool


class PluggedDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device that no entry of the settings uses: see `FoundDevice`."""

    bus: str
    port: str
    device: str
    usb: str
    says: str
    bridge: str
    drivers: list[PluggedDriver]


class PluggedDevices:
    """What could be used, and what was taken into use since the start."""

    def __init__(
        self, supervisor: Supervisor, file: Path | None, *, look: Look | None = None
    ) -> None:
        """Open nothing. `file`: of the settings, None if there is none to write."""
        self._supervisor = supervisor
        self._file = file
        self._given_look = look
        self._written: dict[str, bytes] = {}
        self._mark: Hashable = None
        self._changed_s = self._looked_s = 0.0
        self._found: list[FoundDevice] = []
        self._turn = asyncio.Lock()

    @property
    def writable(self) -> bool:
        """Whether the settings file can be written."""
        from agent import settings_blocks  # noqa: PLC0415 (rarely needed)

        return self._file is not None and settings_blocks.is_writable(self._file)

    @property
    def undoable(self) -> list[str]:
        """Devices that `give_back` can take out again."""
        return list(self._written)

    async def unused(self) -> list[PluggedDevice]:
        """What is plugged in, could be used, and is not."""
        async with self._turn:
            await self._look()
            return self._unused()

    async def take(self, port: str, driver: str) -> str:
        """Write a device into the settings and start it; its id.

        Raises:
            TakeRefused: nothing such is plugged in unused, or its driver needs more than a port.
            BlockRefused: the settings file cannot be written.
        """
        from agent import settings_blocks  # noqa: PLC0415 (rarely needed)

        async with self._turn:
            await self._look()
            here = next((one for one in self._unused() if one.port == port), None)
            if here is None:
                raise TakeRefused("plug_gone", port, "it is not there any more, or is in use")
            fitting = next((one for one in here.drivers if one.driver == driver), None)
            if fitting is None:
                raise TakeRefused("driver_unfit", driver, "choose one of those that fit")
            if fitting.needs_more:
                hint = "it needs more than a port: complete its lines in the settings file"
                raise TakeRefused("driver_needs_more", driver, hint)
            if self._file is None:
                hint = "the agent has no settings file to write; an admin adds the lines"
                raise settings_blocks.BlockRefused("settings_read_only", port, hint)
            name = self._name(driver)
            block = _block(name, driver, port)
            try:
                written = await asyncio.to_thread(settings_blocks.add, self._file, block)
            except SettingsInvalid as error:
                hint = f"with the new device the file would be wrong: {error}"
                raise TakeRefused("settings_unfit", str(self._file), hint) from error
            self._written[name] = written
            self._supervisor.add(DevicePlan(name, driver, {"port": port}))
            return name

    async def give_back(self, device: str) -> None:
        """Undo `take`: out of the settings, and stopped.

        Raises:
            TakeRefused: it was not taken into use since the start, or its firmware is written now.
            BlockRefused: its lines were changed, or the file cannot be written.
        """
        from agent import settings_blocks  # noqa: PLC0415 (rarely needed)

        async with self._turn:
            if self._file is None or device not in self._written:
                hint = "it was not taken into use here since the start; an admin takes it out"
                raise TakeRefused("not_undoable", device, hint)
            if any(one.id == device and one.state == "held" for one in self._supervisor.devices()):
                raise TakeRefused("device_held", device, "its firmware is being written; wait")
            try:
                await asyncio.to_thread(settings_blocks.remove, self._file, self._written[device])
            except SettingsInvalid as error:
                hint = f"without the device the file would be wrong: {error}"
                raise TakeRefused("settings_unfit", str(self._file), hint) from error
            del self._written[device]
            try:
                await self._supervisor.remove(device)
            except NotHeld as error:
                raise TakeRefused(error.code, error.where, error.hint) from error

    async def _look(self) -> None:
        """Look again if something has changed, or has a moment ago."""
        mark = (whole_machine(), [plan.id for plan in self._supervisor.plans()])
        now_s = time.monotonic()
        if mark != self._mark:
            self._mark, self._changed_s = mark, now_s
        elif self._given_look is None and self._looked_s > self._changed_s + SETTLE_S:
            return
        hangs = BlockingThread.is_left_behind(THREAD)
        thread = BlockingThread(THREAD, grace_s=GRACE_S)
        plans = self._supervisor.plans()
        try:
            self._found = await thread.call(
                lambda: _find(self._given_look, plans, card_readers=not hangs), timeout_s=LOOK_S
            )
            self._looked_s = now_s
        except TimeoutError:  # pcscd does not answer: the next look is without it
            return
        finally:
            await thread.close()

    def _unused(self) -> list[PluggedDevice]:
        shown = []
        for one in self._found:
            drivers = [
                PluggedDriver(
                    driver=like.driver,
                    likeness=like.likeness,
                    lines=_block(self._name(like.driver), like.driver, one.port),
                    needs_more=bool(_asked(like.driver)),
                )
                for like in one.drivers
                if like.likeness != "unfit"
            ]
            pluggable = (
                one.usb or one.bus == "smartcard"
            )  # a port of the board itself always is there
            if drivers and pluggable and one.used_by is None:
                about = {
                    name: getattr(one, name)
                    for name in ("bus", "port", "device", "usb", "says", "bridge")
                }
                shown.append(PluggedDevice(**about, drivers=drivers))
        return shown

    def _name(self, driver: str) -> str:
        """An id that no device has."""
        family = driver.partition(".")[0]
        taken = {plan.id for plan in self._supervisor.plans()}
        return next(
            name for n in range(1, len(taken) + 2) if (name := f"{family}-{n}") not in taken
        )


def _find(look: Look | None, plans: list[DevicePlan], *, card_readers: bool) -> list[FoundDevice]:
    from agent import discovery  # noqa: PLC0415 (only where somebody looks)

    if look is None:
        machine = discovery.this_machine(card_readers=card_readers and PCSCD.exists())
    else:
        machine = look(card_readers)
    return discovery.find(machine, discovery.ports_in_use(plans), [one.id for one in plans])


def _asked(driver: str) -> dict[str, FieldInfo]:
    """What people must say of such a device beside its port."""
    kind = load(driver)
    return {
        name: field
        for name, field in kind.Options.model_fields.items()
        if name != "port" and (field.is_required() or name in kind.FITS.asks)
    }


def _block(name: str, driver: str, port: str) -> str:
    """Lines for the settings file; what people must say stands there with an example."""
    told = {"id": name, "driver": driver, "port": port}
    lines = [f"{key} = {msgspec.json.encode(value).decode()}\n" for key, value in told.items()]
    for key, field in _asked(driver).items():
        usual = "…" if field.is_required() else msgspec.json.encode(field.default).decode()
        lines.append(f"{key} = {usual}  # {field.description}\n")
    return "".join(["[[devices]]\n", *lines])
