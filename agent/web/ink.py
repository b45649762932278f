"""What is drawn: strokes from pens on the pages, and boards as files."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from agent.lesson import commands as cmd
from agent.lesson.drawing import attachable, full, ink_of, open_question, surface_mm
from agent.lesson.errors import NotThere
from agent.lesson.events import Ink as Colour
from agent.lesson.ink import MAX_STROKE_POINTS, Ink, Under
from agent.lesson.model import Lesson, State
from agent.web import ink_files
from agent.web.context import Context
from agent.web.past_lessons import lesson_of
from agent.web.views import InkView, PictureView

Whose = Annotated[
    int | None, Query(description="A question's number; without it, the lesson's own board")
]
After = Annotated[int, Query(ge=0, description="Leave out so many strokes")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Board(_Body):
    """Whose board: a question's, or the lesson's own for null."""

    question: int | None = None


class OpenQuestion(_Body):
    """The number of the open question."""

    question: int


class NewStroke(Board):
    """A stroke: (x_mm, y_mm, ms since the first) a point, and a pressure for each, or none."""

    tool: Literal["pen", "eraser"] = "pen"
    colour: Colour = "black"
    width_mm: float = Field(gt=0, le=500)
    points: list[tuple[float, float, int]] = Field(min_length=1, max_length=MAX_STROKE_POINTS)
    pressures: list[float] = Field(default=[], max_length=MAX_STROKE_POINTS)


def ink_view(state: State, lesson: Lesson | None) -> InkView | None:
    """The board that is drawn on now."""
    if lesson is None:
        return None
    question = open_question(lesson)
    ink = lesson.ink if question is None else question.ink
    width_mm, height_mm = surface_mm(state)
    return InkView(
        question=None if question is None else question.number,
        strokes=len(ink.seen()),
        changes=ink.changes,
        undoable=bool(ink.steps),
        full=full(lesson, ink),
        width_mm=width_mm,
        height_mm=height_mm,
        picture=None if ink.under is None else picture_view(ink.under),
        attachable=attachable(lesson),
    )


def picture_view(under: Under) -> PictureView:
    """A picture under a board."""
    return PictureView(
        sha256=under.picture.sha256,
        x_mm=under.x_mm,
        y_mm=under.y_mm,
        width_mm=under.width_mm,
        height_mm=under.height_mm,
    )


def routes(ctx: Context) -> APIRouter:
    """The routes of this file."""
    router = APIRouter()

    def board(lesson: Lesson, question: int | None) -> Ink:
        ink = ink_of(lesson, question)
        if ink is None:
            raise NotThere("question_unknown", f"{lesson.id}/{question}", "reload the page")
        return ink

    def past(request: Request, lesson: str, question: int | None) -> Ink:
        ctx.demand(request, "teacher")
        return board(lesson_of(ctx, lesson), question)

    @router.get("/lessons/{lesson}/ink")
    async def get_ink(
        lesson: str,
        request: Request,
        question: Whose = None,
        after: After = 0,
    ) -> Response:
        """The strokes of a board of the open lesson, as they are seen; pressure null if unknown."""
        session = ctx.demand(request, "teacher", "guest", "projector")
        found = ctx.open_lesson
        if found is None or found.id != lesson or not ctx.its_lesson(session):
            raise NotThere("lesson_unknown", lesson, "reload the page")
        ink = board(found, question)
        strokes = [
            {
                "tool": one.tool,
                "colour": one.colour,
                "width_mm": one.width_mm,
                "points": list(one.points()),
            }
            for one in ink.seen()[after:]
        ]
        body = {"changes": ink.changes, "after": after, "strokes": strokes}
        return Response(msgspec.json.encode(body), media_type="application/json")

    @router.post("/lessons/{lesson}/ink", status_code=204)
    async def draw(lesson: str, body: NewStroke, request: Request) -> None:
        """A stroke of a pen on a page."""
        ctx.demand_drawing(request, lesson)
        await ctx.intake.submit(cmd.DrawStroke(lesson=lesson, **body.model_dump()))

    @router.post("/lessons/{lesson}/ink/undo", status_code=204)
    async def undo(lesson: str, body: Board, request: Request) -> None:
        """Take back the newest stroke, or the clearing, of a board."""
        ctx.demand_drawing(request, lesson)
        await ctx.intake.submit(cmd.UndoInk(lesson=lesson, question=body.question))

    @router.post("/lessons/{lesson}/ink/clear", status_code=204)
    async def clear(lesson: str, body: Board, request: Request) -> None:
        """Clear a board; undo brings it back."""
        ctx.demand_drawing(request, lesson)
        await ctx.intake.submit(cmd.ClearInk(lesson=lesson, question=body.question))

    @router.post("/lessons/{lesson}/ink/attach", status_code=204)
    async def attach(lesson: str, body: OpenQuestion, request: Request) -> None:
        """Give what is on the lesson's own board to the open question, whose board is blank."""
        ctx.demand_lesson(request, lesson)
        await ctx.intake.submit(cmd.AttachBoard(lesson=lesson, question=body.question))

    @router.get("/lessons/{lesson}/ink.svg")
    async def get_svg(lesson: str, request: Request, question: Whose = None) -> Response:
        """A board as a picture, of ended lessons too; the picture under it is in the file."""
        ink = past(request, lesson, question)
        size_mm = surface_mm(ctx.intake.committed)
        path = None if ink.under is None else ctx.pictures.path(ink.under.picture.sha256)
        if ink.under is None or path is None:
            whole = ink_files.svg(ink.seen(), *size_mm)
            return _file(whole, "image/svg+xml", lesson, question, "svg")
        before, after = ink_files.svg_around(ink.seen(), *size_mm, under=ink.under)
        return StreamingResponse(
            ink_files.embedded(before, path, ink.under.picture.media_type, after),
            media_type="image/svg+xml",
            headers=_headers(lesson, question, "svg"),
        )

    @router.get("/lessons/{lesson}/ink.inkml")
    async def get_inkml(lesson: str, request: Request, question: Whose = None) -> Response:
        """A board as digital ink, with the time and the pressure of each point."""
        ink = past(request, lesson, question)
        said = ink_files.inkml(ink.seen(), ink.under)
        return _file(said, "application/inkml+xml", lesson, question, "inkml")

    return router


def _file(text: str, kind: str, lesson: str, question: int | None, ending: str) -> Response:
    return Response(text, media_type=kind, headers=_headers(lesson, question, ending))


def _headers(lesson: str, question: int | None, ending: str) -> dict[str, str]:
    name = f"board-{lesson}-{'lesson' if question is None else question}.{ending}"
    return {"Content-Disposition": f'attachment; filename="{name}"'}
