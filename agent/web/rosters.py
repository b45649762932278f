"""Rosters from files: looked over, taken, undone. For teachers with the PIN, never for guests."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from agent.lesson.errors import LessonRefused
from agent.web.context import Context
from agent.web.lessons import CLASS_ID


class Taking(BaseModel):
    """What is taken of a file that was looked over. `classes` null: all."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(max_length=40)
    classes: list[Annotated[str, Field(max_length=40)]] | None = Field(default=None, max_length=200)


def routes(ctx: Context) -> APIRouter:
    """The routes of this file."""
    router = APIRouter(prefix="/rosters")

    @router.get("")
    async def rosters(request: Request) -> dict[str, Any]:
        """Whether the newest roster that was taken can be undone."""
        ctx.demand(request, "teacher")
        return {"undo": ctx.roster_desk.undoable()}

    @router.post(
        "/preview",
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
                },
            }
        },
    )
    async def preview_roster(
        request: Request,
        name: Annotated[str, Query(max_length=200)] = "roster",
        class_id: Annotated[str, Query(max_length=40)] = "",
    ) -> Response:
        """Look a file over: CSV, xlsx, or OneRoster in a zip. Nothing is taken."""
        ctx.demand(request, "teacher")
        if class_id and not CLASS_ID.fullmatch(class_id):
            hint = "1 to 40 letters, digits, hyphens, underscores"
            raise LessonRefused("class_invalid", "class_id", hint)
        return _json(await ctx.roster_desk.look_over(name, await request.body(), class_id))

    @router.post("/take")
    async def take_roster(body: Taking, request: Request) -> Response:
        """Take what was looked over; 409 if the board has changed since."""
        ctx.demand(request, "teacher")
        taken = await ctx.roster_desk.take(body.id, body.classes)
        ctx.live.changed()
        return _json(taken)

    @router.post("/undo")
    async def undo_roster(request: Request) -> Response:
        """Put the classes back as they were before the newest taking, once."""
        ctx.demand(request, "teacher")
        undone = await ctx.roster_desk.undo()
        ctx.live.changed()
        return _json(undone)

    return router


def _json(body: msgspec.Struct) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
