"""Flashing receivers beside a running agent: which may be, and how far each is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Literal

import msgspec

from agent.errors import AgentError
from agent.supervisor import Supervisor
from drivers.capabilities import Flashable
from drivers.errors import DeviceMisconfigured, DriverError
from firmware_bridge.flash_errors import FlashError

if TYPE_CHECKING:  # loaded when something is flashed
    from firmware_bridge.image import FirmwareImage, FlashStep, Phase

log = logging.getLogger(__name__)


class FlashRefused(AgentError, RuntimeError):
    """A device cannot be flashed, or not now."""


class FlashState(msgspec.Struct, frozen=True, kw_only=True):
    """How far flashing a device is, or how it ended.

    Attributes:
        version: of the image.
        was: the version before; "" if none is known.
        percent: of writing or verifying, else 0.
        code: why it failed; "" if it did not. `hint` says what to do.
    """

    phase: Phase | Literal["failed"]
    version: str
    was: str = ""
    percent: int = 0
    code: str = ""
    hint: str = ""


class Flashing:
    """Holds devices for whoever writes their firmware. An async context manager."""

    def __init__(self, supervisor: Supervisor, *, lesson_open: Callable[[], bool]) -> None:
        """Take everything, start nothing."""
        self._supervisor = supervisor
        self._lesson_open = lesson_open
        self._states: dict[str, FlashState] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ports: set[str] = set()

    async def __aenter__(self) -> Flashing:
        """Nothing is flashed yet."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Break off what is under way; it can be flashed again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def state(self, device: str) -> FlashState | None:
        """How far it is, or how it ended last; None if it was not flashed since the start."""
        return self._states.get(device)

    @asynccontextmanager
    async def hold(self, device: str) -> AsyncIterator[Flashable]:
        """Keep a device's port free; what flashes it.

        Raises:
            FlashRefused: a lesson is open, its settings are wrong, or it bears no such firmware.
            NotHeld: there is no such device, or it is being flashed.
        """
        if self._lesson_open():
            raise FlashRefused("lesson_open", device, "a lesson is open; end it first")
        async with AsyncExitStack() as stack:
            try:
                driver = await stack.enter_async_context(self._supervisor.hold(device))
            except DeviceMisconfigured as error:
                raise FlashRefused(error.code, error.where, error.hint) from error
            if not isinstance(driver, Flashable):
                hint = "it bears no firmware of ours"
                raise FlashRefused("not_flashable", device, hint)
            yield driver

    @asynccontextmanager
    async def hold_port(self, device: str) -> AsyncIterator[None]:
        """Keep a device's port free for a command; or a port that no device in the settings has.

        Raises:
            As `hold` does.
        """
        known = self._supervisor.device_at(device) if "/" in device else device
        if known is not None:
            async with self.hold(known):
                yield
            return
        if self._lesson_open():
            raise FlashRefused("lesson_open", device, "a lesson is open; end it first")
        if device in self._ports:
            hint = "it is being flashed already; wait for its end"
            raise FlashRefused("device_held", device, hint)
        self._ports.add(device)
        try:
            yield
        finally:
            self._ports.discard(device)

    async def begin(
        self, device: str, image: FirmwareImage, *, change_keypads: bool = False
    ) -> None:
        """Begin to flash a device; `state` says how it goes on.

        `change_keypads`: even with firmware for other keypads than it serves.

        Raises:
            As `hold` does.
        """
        async with AsyncExitStack() as stack:
            driver = await stack.enter_async_context(self.hold(device))
            self._states[device] = FlashState(phase="asking", version=image.version)
            log.info("device %s: firmware %s (%s) begins", device, image.version, image.sha256)
            task = asyncio.create_task(
                self._flash(device, driver, image, stack.pop_all(), change_keypads=change_keypads)
            )
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _flash(
        self,
        device: str,
        driver: Flashable,
        image: FirmwareImage,
        held: AsyncExitStack,
        *,
        change_keypads: bool,
    ) -> None:
        def tell(step: FlashStep) -> None:
            self._states[device] = FlashState(
                phase=step.phase, version=image.version, was=step.was, percent=step.percent
            )

        async with held:
            try:
                await driver.flash(image, tell, change_keypads=change_keypads)
            except (FlashError, DriverError) as error:
                log.warning("device %s was not flashed: %s", device, error)
                was = self._states[device].was
                self._states[device] = FlashState(
                    phase="failed",
                    version=image.version,
                    was=was,
                    code=error.code,
                    hint=error.hint,
                )
            else:
                log.info("device %s runs firmware %s", device, image.version)
