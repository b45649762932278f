"""The four corners of a whiteboard: touched one after the other, checked, and kept."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from agent.lesson import commands as cmd
from agent.lesson.errors import NotThere
from agent.web.context import Context
from agent.web.problems import Refusal
from agent.web.views import CalibrationView


class Size(BaseModel):
    """How large a board is between the corners that were touched."""

    model_config = ConfigDict(extra="forbid")

    width_mm: float
    height_mm: float


def calibration_view(ctx: Context) -> CalibrationView | None:
    """The corners that somebody touches now."""
    corners = ctx.intake.corners
    if corners.device is None:
        return None
    return CalibrationView(
        device=corners.device, touched=list(corners.touched), smeared=corners.smeared
    )


def routes(ctx: Context) -> APIRouter:
    """The routes of this file."""
    router = APIRouter()

    def known(device: str) -> None:
        if all(one.id != device for one in ctx.supervisor.devices()):
            raise NotThere("device_unknown", device, "choose one of the list")

    @router.post("/devices/{device}/corners", status_code=204)
    async def begin_corners(device: str, request: Request) -> None:
        """The next four touches of this whiteboard are its corners; nothing is drawn meanwhile."""
        ctx.demand(request, "teacher")
        known(device)
        ctx.intake.corners.begin(device, ctx.now_ns())
        ctx.live.changed()

    @router.delete("/devices/{device}/corners", status_code=204)
    async def end_corners(device: str, request: Request) -> None:
        """Calibrate it no further; it stays as it was."""
        ctx.demand(request, "teacher")
        if ctx.intake.corners.device == device:
            ctx.intake.corners.end()
            ctx.live.changed()

    @router.put("/devices/{device}/corners", status_code=204)
    async def put_corners(device: str, body: Size, request: Request) -> None:
        """The four corners that were touched are those of a board of this size."""
        ctx.demand(request, "teacher")
        corners = ctx.intake.corners
        if corners.device != device:
            raise Refusal(409, "calibration_over", device, "begin it again")
        await ctx.intake.submit(
            cmd.Calibrate(
                device=device,
                corners=list(corners.touched),
                width_mm=body.width_mm,
                height_mm=body.height_mm,
            )
        )
        corners.end()
        ctx.live.changed()

    return router
