"""`flash`: write firmware to a receiver, beside a running agent or while none runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from pydantic import ValidationError

from agent import clock, control
from agent.errors import AgentError, InputInvalid
from agent.ports import BoardPorts
from agent.settings import Settings
from agent.web.phones import PhoneDesk
from drivers.capabilities import Flashable
from drivers.errors import DeviceLost
from drivers.registry import load
from firmware_bridge.flash_errors import ImageInvalid
from firmware_bridge.image import FirmwareImage, FlashStep, read_image

RECEIVER = "clicker.reference"
HASH_SUFFIX = ".sha256"
Tell = Callable[[FlashStep], None]


def image_of(path: Path, sha256: str | None) -> FirmwareImage:
    """The image in this file; without `sha256`, it is checked by the file beside it.

    Raises:
        InputInvalid: a file cannot be read.
        ImageInvalid: it is no image that may be written.
    """
    content = _read(path)
    if sha256 is None:
        beside = path.with_name(path.name + HASH_SUFFIX)
        if not beside.exists():
            hint = f"give its SHA-256 with --sha256, or put it beside it as {beside.name}"
            raise ImageInvalid("hash_missing", str(path), hint)
        sha256 = _read(beside).decode("ascii", "replace")
    return read_image(content, str(path), sha256)


def flash(
    settings: Settings | None,
    device: str,
    image: FirmwareImage,
    tell: Tell,
    *,
    change_keypads: bool = False,
) -> str:
    """Write it; the version that the receiver then says it runs.

    Args:
        settings: of the board; None: nobody else uses the port.
        device: a device's id in the settings, or the port of a receiver.
        image: what is written.
        tell: hears how far it is.
        change_keypads: even if it is for other keypads than the receiver serves.

    Raises:
        FlashError: the receiver was not flashed.
        AgentError: the running agent refuses, or the port is gone or taken.
        InputInvalid: no such device, or none that can be flashed.
    """
    name, driver, options = _plan(settings, device)
    driver_class = load(driver)
    try:
        checked = driver_class.Options.model_validate(options)
    except ValidationError as error:
        raise InputInvalid("options_invalid", device, str(error)) from error
    receiver = driver_class(name, checked, ports=BoardPorts(PhoneDesk(now_ns=clock.now_ns)))
    if not isinstance(receiver, Flashable):
        raise InputInvalid("not_flashable", device, f"{driver} bears no firmware of ours")
    hold = nullcontext() if settings is None else control.hold(settings.agent.data_dir, name)
    with hold as holding:
        inherited = () if holding is None else (holding,)
        try:
            return asyncio.run(
                receiver.flash(image, tell, change_keypads=change_keypads, inherited=inherited)
            )
        except DeviceLost as error:
            raise AgentError(error.code, error.where, error.hint) from error


def _plan(settings: Settings | None, device: str) -> tuple[str, str, dict[str, object]]:
    """Its name, its driver and its options."""
    is_port = "/" in device
    known = [] if settings is None else settings.devices
    for one in known:
        port = one.options.get("port")
        same = is_port and isinstance(port, str) and Path(port).resolve() == Path(device).resolve()
        if one.id == device or same:
            return one.id, one.driver, one.options
    if is_port:
        port = str(Path(device).resolve())  # one name, whoever flashes it
        return port, RECEIVER, {"port": device}
    if settings is None:
        hint = "give the board's settings with --config, or the port, e.g. /dev/ttyUSB0"
        raise InputInvalid("config_missing", device, hint)
    names = ", ".join(one.id for one in known) or "none"
    hint = f"there is no such device in the settings; there are: {names}"
    raise InputInvalid("device_unknown", device, hint)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        hint = f"cannot be read: {error.strerror}"
        raise InputInvalid("file_unreadable", str(path), hint) from error
