"""Writing firmware to receivers over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request

from agent.flashing import FlashRefused
from agent.supervisor import NotHeld
from agent.web.context import Context
from agent.web.device_views import FlashView
from agent.web.problems import Refusal
from firmware_bridge.flash_errors import ImageInvalid

MAX_NAME_CHARS = 200
MAX_HASH_CHARS = 400


def routes(ctx: Context) -> APIRouter:
    """The routes of this file."""
    router = APIRouter(prefix="/devices")

    @router.post("/{device}/flash", status_code=202)
    async def flash(
        device: str,
        request: Request,
        name: Annotated[str, Query(max_length=MAX_NAME_CHARS)] = "",
        sha256: Annotated[str, Query(max_length=MAX_HASH_CHARS)] = "",
        change_keypads: Annotated[bool, Query()] = False,
    ) -> dict[str, Any]:
        """Begin to write the image in the body: Intel HEX, ELF or BIN, as its `name` ends.

        `sha256`: what the image's must be, or a line as sha256sum writes it. While a lesson is open
        nothing is flashed. Firmware for other keypads than the receiver serves (keypad bus, or
        ResponseCards by radio) is refused unless `change_keypads`.
        """
        ctx.demand(request, "teacher")
        from firmware_bridge.image import read_image  # noqa: PLC0415 (rarely needed)

        try:
            image = read_image(await request.body(), name, sha256)
            await ctx.flashing.begin(device, image, change_keypads=change_keypads)
        except ImageInvalid as error:
            raise Refusal(422, error.code, error.where, error.hint) from error
        except (FlashRefused, NotHeld) as error:
            status = 404 if error.code == "device_unknown" else 409
            raise Refusal(status, error.code, error.where, error.hint) from error
        return _view(ctx, device)

    @router.get("/{device}/flash")
    async def flashed(device: str, request: Request) -> dict[str, Any]:
        """How far it is, or how it ended last."""
        ctx.demand(request, "teacher")
        return _view(ctx, device)

    return router


def _view(ctx: Context, device: str) -> dict[str, Any]:
    state = ctx.flashing.state(device)
    if state is None:
        hint = "nobody has flashed it since the agent started"
        raise Refusal(404, "not_flashed", device, hint)
    view = FlashView(**{name: getattr(state, name) for name in FlashView.__struct_fields__})
    fields: dict[str, Any] = msgspec.to_builtins(view)
    return fields
