"""From strokes to events: which board they are on, in which measure, and when it is full."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, cast, get_args

from agent.lesson import commands as cmd
from agent.lesson import events as ev
from agent.lesson.errors import IllegalTransition, LessonRefused, NotThere
from agent.lesson.ink import (
    MAX_BOARD_POINTS,
    MAX_LESSON_POINTS,
    MAX_LESSON_STEPS,
    MAX_STROKE_POINTS,
    Ink,
)
from agent.lesson.model import Lesson, Question, State
from agent.lesson.plane import XY, Plane, check_corners, plane_of
from drivers.readings import Stroke

PAGE = "page"
"""The `device` of strokes drawn on a page."""
INKS = get_args(ev.Ink)
PEN_MM, ERASER_MM = 4.0, 60.0
FARTHEST_MM = 50_000.0
LONGEST_MS = 3_600_000
SIDE_MM = range(100, 20_001)
WIDTH_MM, HEIGHT_MM = 1600.0, 900.0
"""Of a board that nobody calibrated."""
MAX_LESSON_PICTURES = 200


def surface_mm(state: State) -> tuple[float, float]:
    """Width and height of what is drawn on: those of the board that was calibrated last."""
    newest = next(reversed(state.surfaces.values()), None)
    return (WIDTH_MM, HEIGHT_MM) if newest is None else (newest.width_mm, newest.height_mm)


def open_question(lesson: Lesson) -> Question | None:
    """The question that is drawn at now; None: the board is the lesson's own."""
    question = lesson.current
    return question if question is not None and question.status == "open" else None


def ink_of(lesson: Lesson, number: int | None) -> Ink | None:
    """The board of a question, or the lesson's own for None; None if there is no such question."""
    if number is None:
        return lesson.ink
    return lesson.questions[number - 1].ink if 1 <= number <= len(lesson.questions) else None


def full(lesson: Lesson, ink: Ink, more: int = MAX_STROKE_POINTS) -> bool:
    """Whether so many points more have no room."""
    boards = [lesson.ink, *(question.ink for question in lesson.questions)]
    return (
        ink.points + more > MAX_BOARD_POINTS
        or sum(one.points for one in boards) + more > MAX_LESSON_POINTS
        or sum(len(one.steps) for one in boards) >= MAX_LESSON_STEPS
    )


def decide_stroke(state: State, stroke: Stroke) -> list[ev.Event]:
    """A stroke of a whiteboard; none without a lesson, or where its board is full."""
    lesson = state.lesson
    if lesson is None or not 0 < len(stroke.points) <= MAX_STROKE_POINTS:
        return []
    question = open_question(lesson)
    ink = lesson.ink if question is None else question.ink
    if full(lesson, ink, len(stroke.points)):
        return []
    size = state.surfaces.get(stroke.device)
    plane = None if size is None else _plane(tuple(size.corners), size.width_mm, size.height_mm)
    tool, colour = in_hand(state, stroke)
    points = stroke.points
    if plane is not None:
        points = tuple((*_place(plane, x, y), ms) for x, y, ms in points)
    if len(stroke.pressures) not in (0, len(points)) or not _sane(points, stroke.pressures):
        return []  # no board is so large, no hand so slow
    drawn = ev.StrokeDrawn(
        lesson=lesson.id,
        question=None if question is None else question.number,
        device=stroke.device,
        tool=tool,
        colour=colour,
        width_mm=PEN_MM if tool == "pen" else ERASER_MM,
        points=list(points),
        pressures=list(stroke.pressures),
        count=len(points),
    )
    return [drawn]


def in_hand(state: State, stroke: Stroke) -> tuple[Literal["pen", "eraser"], ev.Ink]:
    """What draws: the frame sees a touch, and the tray says which tool is away from it.

    Of several the one taken last; a touch that the frame itself calls the eraser is one.
    """
    name = state.lifted[-1].name if state.lifted else ""
    if stroke.tool == "eraser" or name == "eraser":
        return "eraser", "black"
    return "pen", cast("ev.Ink", name) if name in INKS else "black"


@lru_cache(maxsize=8)
def _plane(corners: tuple[XY, ...], width_mm: float, height_mm: float) -> Plane:
    return plane_of(list(corners), width_mm, height_mm)


def _place(plane: Plane, x: float, y: float) -> XY:
    u, v = plane.place(x, y)
    bound = FARTHEST_MM
    return round(min(max(u, -bound), bound), 1), round(min(max(v, -bound), bound), 1)


def draw(state: State, command: cmd.DrawStroke) -> list[ev.Event]:
    """A stroke of a page, on the board that the page showed."""
    lesson, ink = _board(state, command.lesson, command.question, "draw")
    points, pressures = command.points, command.pressures
    if not 0 < len(points) <= MAX_STROKE_POINTS or (pressures and len(pressures) != len(points)):
        hint = f"1 to {MAX_STROKE_POINTS} points, and a pressure for each or none"
        raise LessonRefused("stroke_invalid", "points", hint)
    if not _sane(points, pressures) or not 0 < command.width_mm <= 500:  # noqa: PLR2004
        hint = "mm from the upper left corner, ms since the first point, pressure 0 to 1"
        raise LessonRefused("stroke_invalid", "points", hint)
    if full(lesson, ink, len(points)):
        hint = "the board is full: go on with a new question, or take strokes back"
        raise LessonRefused("board_full", "points", hint)
    return [
        ev.StrokeDrawn(
            lesson=lesson.id,
            question=command.question,
            device=PAGE,
            tool=command.tool,
            colour=command.colour,
            width_mm=command.width_mm,
            points=[(round(x, 1), round(y, 1), ms) for x, y, ms in points],
            pressures=[round(one, 3) for one in pressures],
            count=len(points),
        )
    ]


def _sane(points: Sequence[tuple[float, float, int]], pressures: Sequence[float]) -> bool:
    return all(
        math.isfinite(x) and math.isfinite(y) and max(abs(x), abs(y)) <= FARTHEST_MM
        and 0 <= ms <= LONGEST_MS
        for x, y, ms in points
    ) and all(0 <= one <= 1 for one in pressures)  # fmt: skip


def undo(state: State, command: cmd.UndoInk) -> list[ev.Event]:
    """Take the newest step back; nothing if there is none."""
    _, ink = _board(state, command.lesson, command.question, "undo")
    return [ev.InkUndone(lesson=command.lesson, question=command.question)] if ink.steps else []


def clear(state: State, command: cmd.ClearInk) -> list[ev.Event]:
    """Clear the board; nothing if it is."""
    _, ink = _board(state, command.lesson, command.question, "clear")
    return [ev.InkCleared(lesson=command.lesson, question=command.question)] if ink.seen() else []


def place(state: State, command: cmd.PlacePicture) -> list[ev.Event]:
    """Lay a picture in the middle of a board, as large as it can be."""
    lesson, _ = _board(state, command.lesson, command.question, "place")
    picture, span = command.picture, state.spans[lesson.id]
    if len(span.pictures) >= MAX_LESSON_PICTURES and picture.sha256 not in span.pictures:
        hint = f"a lesson has {MAX_LESSON_PICTURES} pictures at most"
        raise LessonRefused("pictures_full", "picture", hint)
    width_mm, height_mm = surface_mm(state)
    scale = min(width_mm / picture.width_px, height_mm / picture.height_px)
    wide, high = round(picture.width_px * scale, 1), round(picture.height_px * scale, 1)
    return [
        ev.PicturePlaced(
            lesson=lesson.id,
            question=command.question,
            picture=picture,
            x_mm=round((width_mm - wide) / 2, 1),
            y_mm=round((height_mm - high) / 2, 1),
            width_mm=wide,
            height_mm=high,
        )
    ]


def remove(state: State, command: cmd.RemovePicture) -> list[ev.Event]:
    """Take the picture from under a board; nothing if there is none."""
    lesson, ink = _board(state, command.lesson, command.question, "remove")
    if ink.under is None:
        return []
    return [ev.PictureRemoved(lesson=lesson.id, question=command.question)]


def attachable(lesson: Lesson) -> bool:
    """Whether the open question may have what is on the lesson's own board."""
    question = open_question(lesson)
    return question is not None and question.ink.blank and not lesson.ink.blank


def attach(state: State, command: cmd.AttachBoard) -> list[ev.Event]:
    """Give the lesson's own board to the open question."""
    lesson, _ = _board(state, command.lesson, command.question, "attach")
    question = open_question(lesson)
    if question is None or question.number != command.question or not attachable(lesson):
        hint = "the question must be open and its board blank, and the lesson's must not be"
        raise LessonRefused("board_not_attachable", f"{lesson.id}/{command.question}", hint)
    return [ev.BoardAttached(lesson=lesson.id, question=command.question)]


def _board(state: State, lesson: str, number: int | None, trigger: str) -> tuple[Lesson, Ink]:
    found = state.find(lesson)
    if found is None:
        raise NotThere("lesson_unknown", lesson, "open a lesson first")
    if found.ended is not None:
        raise IllegalTransition("ended", trigger)
    ink = ink_of(found, number)
    if ink is None:
        raise NotThere("question_unknown", f"{lesson}/{number}", "reload the page")
    return found, ink


def calibrate(state: State, command: cmd.Calibrate) -> list[ev.Event]:
    """What the four corners of a board are."""
    for name, side in (("width_mm", command.width_mm), ("height_mm", command.height_mm)):
        if round(side) not in SIDE_MM:
            hint = f"{SIDE_MM.start} to {SIDE_MM.stop - 1} mm"
            raise LessonRefused("size_out_of_range", name, hint)
    check_corners(command.corners)
    return [
        ev.BoardCalibrated(
            device=command.device,
            corners=command.corners,
            width_mm=command.width_mm,
            height_mm=command.height_mm,
        )
    ]
