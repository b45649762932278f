"""What is drawn on one board: its strokes in their order, wipes and clearings among them.

A step is taken back by undoing the newest one, so that even a cleared board comes back.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import msgspec

from agent.lesson.events import Ink as Colour
from agent.lesson.events import Picture, PicturePlaced, StrokeDrawn

MAX_STROKE_POINTS = 500
MAX_BOARD_POINTS = 20_000
MAX_LESSON_POINTS = 60_000
MAX_LESSON_STEPS = 6_000
"""Steps are bounded, too: a tap is a stroke of one point."""
TENTHS, THOUSANDTHS = 10, 1000
NO_PRESSURE = -1


class Point(NamedTuple):
    """Right and down of the upper left corner; `pressure` 0 to 1, None if the pen tells none."""

    x_mm: float
    y_mm: float
    ms: int
    pressure: float | None


class Step(msgspec.Struct, frozen=True, gc=False):
    """One stroke, or the clearing of the board.

    `traces`: four numbers of 32 bits a point, in tenths of a mm, ms and thousandths.
    """

    tool: Literal["pen", "eraser", "clear"]
    colour: Colour = "black"
    width_mm: float = 0
    traces: bytes = b""

    def points(self) -> Iterator[Point]:
        """The points of a stroke."""
        numbers = array("i", self.traces)
        for at in range(0, len(numbers), 4):
            x, y, ms, pressure = numbers[at : at + 4]
            told = None if pressure == NO_PRESSURE else pressure / THOUSANDTHS
            yield Point(x / TENTHS, y / TENTHS, ms, told)


def step_of(stroke: StrokeDrawn) -> Step:
    """A stroke as the state keeps it."""
    numbers = array("i")
    pressures: Sequence[float | None] = stroke.pressures or [None] * len(stroke.points)
    for (x, y, ms), pressure in zip(stroke.points, pressures, strict=False):
        told = NO_PRESSURE if pressure is None else round(pressure * THOUSANDTHS)
        numbers.extend((round(x * TENTHS), round(y * TENTHS), ms, told))
    return Step(stroke.tool, stroke.colour, stroke.width_mm, numbers.tobytes())


class Under(msgspec.Struct, frozen=True):
    """A picture under a board, and where it lies on it."""

    picture: Picture
    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float


class Ink(msgspec.Struct):
    """One board. `changes` counts what is more than one stroke more: undone, cleared.

    `under`: the picture that is drawn over; neither undone, nor wiped or cleared.
    """

    steps: list[Step] = []
    points: int = 0
    changes: int = 0
    under: Under | None = None

    @property
    def blank(self) -> bool:
        """Nothing was drawn on it or lies under it."""
        return not self.steps and self.under is None

    def place(self, placed: PicturePlaced) -> None:
        """A picture lies under it."""
        self.under = Under(
            placed.picture, placed.x_mm, placed.y_mm, placed.width_mm, placed.height_mm
        )

    def draw(self, stroke: StrokeDrawn) -> None:
        """One stroke more."""
        self.steps.append(step_of(stroke))
        self.points += stroke.count

    def clear(self) -> None:
        """Nothing is seen any more."""
        self.steps.append(Step("clear"))
        self.changes += 1

    def undo(self) -> None:
        """As if the newest step had not been."""
        if self.steps:
            self.points -= len(self.steps.pop().traces) // 16
            self.changes += 1

    def seen(self) -> list[Step]:
        """The strokes since the board was last cleared."""
        for at in range(len(self.steps) - 1, -1, -1):
            if self.steps[at].tool == "clear":
                return self.steps[at + 1 :]
        return self.steps
