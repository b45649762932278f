"""The pictures under the boards: laid there, taken away, shown to the room."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse

from agent.lesson import commands as cmd
from agent.lesson.drawing import ink_of
from agent.lesson.errors import NotThere
from agent.lesson.events import Picture
from agent.lesson.model import Lesson
from agent.pictures import too_large
from agent.web.context import Context
from agent.web.ink import Whose, picture_view
from agent.web.past_lessons import lesson_of
from agent.web.problems import Refusal

SHA256 = re.compile(r"[0-9a-f]{64}")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, max-age=3600, immutable",
}
"""A browser may keep it for a lesson; opened by itself, it is a picture and no more."""
TOO_LARGE = 413


def routes(ctx: Context) -> APIRouter:
    """The routes of this file."""
    router = APIRouter()

    @router.put("/lessons/{lesson}/picture")
    async def place(lesson: str, request: Request, question: Whose = None) -> dict[str, Any]:
        """Lay the picture in the body under a board: PNG, JPEG or WebP, of 10 MB at most.

        Its bytes say what it is. What lies under the lesson's own board is the next question's.
        """
        ctx.demand_lesson(request, lesson)
        _known(ctx, lesson, question)
        try:
            async with ctx.pictures.taking(request.stream()) as picture:
                wish = cmd.PlacePicture(lesson=lesson, question=question, picture=picture)
                await ctx.intake.submit(wish)
        except HTTPException as error:
            if error.status_code == TOO_LARGE:
                raise too_large() from error
            raise
        ink = ink_of(_known(ctx, lesson, question), question)
        if ink is None or ink.under is None:  # somebody was quicker
            raise NotThere("picture_gone", lesson, "it was taken away meanwhile")
        fields: dict[str, Any] = msgspec.to_builtins(picture_view(ink.under))
        return fields

    @router.delete("/lessons/{lesson}/picture", status_code=204)
    async def remove(lesson: str, request: Request, question: Whose = None) -> None:
        """Take the picture from under a board."""
        ctx.demand_lesson(request, lesson)
        await ctx.intake.submit(cmd.RemovePicture(lesson=lesson, question=question))

    @router.get("/lessons/{lesson}/pictures/{sha256}")
    async def get_picture(lesson: str, sha256: str, request: Request) -> FileResponse:
        """A picture that lies under one of the lesson's boards; of ended lessons for a teacher."""
        session = ctx.demand(request, "teacher", "guest", "projector")
        found = ctx.open_lesson
        if session.role == "teacher":
            found = lesson_of(ctx, lesson)
        elif found is None or found.id != lesson:
            raise NotThere("lesson_unknown", lesson, "reload the page")
        picture = _under(found, sha256)
        path = ctx.pictures.path(sha256) if SHA256.fullmatch(sha256) else None
        if picture is None or path is None:
            hint = "it is no longer on the board; lay it there again"
            raise Refusal(404, "picture_gone", sha256[:64], hint)
        return FileResponse(path, media_type=picture.media_type, headers=HEADERS)

    return router


def _known(ctx: Context, lesson: str, question: int | None) -> Lesson:
    """The lesson, if it has such a board."""
    found = ctx.intake.committed.find(lesson)
    if found is None:
        raise NotThere("lesson_unknown", lesson, "reload the page")
    if ink_of(found, question) is None:
        raise NotThere("question_unknown", f"{lesson}/{question}", "reload the page")
    return found


def _under(lesson: Lesson, sha256: str) -> Picture | None:
    for ink in (lesson.ink, *(question.ink for question in lesson.questions)):
        if ink.under is not None and ink.under.picture.sha256 == sha256:
            return ink.under.picture
    return None
