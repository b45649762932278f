"""What is plugged in, over HTTP: seen, taken into use, given back."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from agent.errors import AgentError
from agent.plugged import TakeRefused
from agent.web.context import Context
from agent.web.problems import Refusal

NOT_THERE = ("plug_gone", "device_unknown", "not_undoable")


class TakeBody(BaseModel):
    """Which device, and what it is to be: both as `GET /devices/plugged` says them."""

    port: Annotated[str, Field(min_length=1, max_length=300)]
    driver: Annotated[str, Field(min_length=1, max_length=80)]


def routes(ctx: Context) -> APIRouter:
    """The routes of this file."""
    router = APIRouter(prefix="/devices")

    @router.get("/plugged")
    async def plugged(request: Request) -> dict[str, Any]:
        """What is plugged in, could be used, and is not; and what could be undone."""
        ctx.demand(request, "teacher")
        return {
            "devices": msgspec.to_builtins(await ctx.plugged.unused()),
            "writable": ctx.plugged.writable,
            "undoable": ctx.plugged.undoable,
        }

    @router.post("", status_code=201)
    async def take(body: TakeBody, request: Request) -> dict[str, Any]:
        """Write a device into the settings file and start it."""
        ctx.demand(request, "teacher")
        try:
            return {"id": await ctx.plugged.take(body.port, body.driver)}
        except AgentError as error:
            raise _refusal(error) from error

    @router.delete("/{device}", status_code=204)
    async def give_back(device: str, request: Request) -> None:
        """Undo: the device is stopped, and its lines are out of the settings file."""
        ctx.demand(request, "teacher")
        try:
            await ctx.plugged.give_back(device)
        except AgentError as error:
            raise _refusal(error) from error

    return router


def _refusal(error: AgentError) -> Exception:
    """What may be told: a refusal of ours, with its reason; anything else as it came."""
    from agent.settings_blocks import BlockRefused  # noqa: PLC0415 (rarely needed)

    if not isinstance(error, TakeRefused | BlockRefused):
        return error
    status = 404 if error.code in NOT_THERE else 409
    return Refusal(status, error.code, error.where, error.hint)
