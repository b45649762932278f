"""What is drawn: strokes from pens on the pages, and boards as files."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from agent.lesson import commands as cmd
from agent.lesson.drawing import full, ink_of, open_question
from agent.lesson.errors import NotThere
from agent.lesson.events import Ink as Colour
from agent.lesson.ink import MAX_STROKE_POINTS, Ink, Step
from agent.lesson.model import Lesson, State
from agent.web import ink_files
from agent.web.context import Context
from agent.web.past_lessons import lesson_of
from agent.web.views import InkView

WIDTH_MM, HEIGHT_MM = 1600.0, 900.0
"""Of a board that nobody calibrated."""


Whose = Annotated[
    int | None, Query(description="A question's number; without it, the lesson's own board")
]
After = Annotated[int, Query(ge=0, description="Leave out so many strokes")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Board(_Body):
    """Whose board: a question's, or the lesson's own for null."""

    question: int | None = None


class NewStroke(Board):
    """A stroke: (x_mm, y_mm, ms since the first) a point, and a pressure for each, or none."""

    tool: Literal["pen", "eraser"] = "pen"
    colour: Colour = "black"
    width_mm: float = Field(gt=0, le=500)
    points: list[tuple[float, float, int]] = Field(min_length=1, max_length=MAX_STROKE_POINTS)
    pressures: list[float] = Field(default=[], max_length=MAX_STROKE_POINTS)


def surface_mm(state: State) -> tuple[float, float]:
    """Width and height of what is drawn on: those of the board that was calibrated last."""
    newest = next(reversed(state.surfaces.values()), None)
    return (WIDTH_MM, HEIGHT_MM) if newest is None else (newest.width_mm, newest.height_mm)


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
    )


def routes(ctx: Context) -> APIRouter:
    """The routes of this file."""
    router = APIRouter()

    def board(lesson: Lesson, question: int | None) -> Ink:
        ink = ink_of(lesson, question)
        if ink is None:
            raise NotThere("question_unknown", f"{lesson.id}/{question}", "reload the page")
        return ink

    def past(request: Request, lesson: str, question: int | None) -> list[Step]:
        ctx.demand(request, "teacher")
        return board(lesson_of(ctx, lesson), question).seen()

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

    @router.get("/lessons/{lesson}/ink.svg")
    async def get_svg(lesson: str, request: Request, question: Whose = None) -> Response:
        """A board as a picture, of ended lessons too."""
        strokes = past(request, lesson, question)
        picture = ink_files.svg(strokes, *surface_mm(ctx.intake.committed))
        return _file(picture, "image/svg+xml", lesson, question, "svg")

    @router.get("/lessons/{lesson}/ink.inkml")
    async def get_inkml(lesson: str, request: Request, question: Whose = None) -> Response:
        """A board as digital ink, with the time and the pressure of each point."""
        strokes = past(request, lesson, question)
        return _file(ink_files.inkml(strokes), "application/inkml+xml", lesson, question, "inkml")

    return router


def _file(text: str, kind: str, lesson: str, question: int | None, ending: str) -> Response:
    name = f"board-{lesson}-{'lesson' if question is None else question}.{ending}"
    headers: dict[str, Any] = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type=kind, headers=headers)
