"""Where a point of a board is, from where its four corners were touched.

The corners of any quadrangle go to those of the board by the one projective map that does so: a
frame may hang askew, upside down, or be seen by a camera from the side.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from agent.lesson.errors import LessonRefused

XY = tuple[float, float]
CORNERS = 4
LEAST_SHARE = 0.02
"""Three corners span at least such a share of the square of the longest side, or lie in a line."""
LEAST_SIDE_MM = 20


class Plane(NamedTuple):
    """A projective map, to the numbers of the width and height of the board."""

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float
    g: float
    h: float

    def place(self, x: float, y: float) -> XY:
        """Where a point is on the board."""
        w = self.g * x + self.h * y + 1
        if abs(w) < 1e-9:  # noqa: PLR2004 (on the horizon: far outside the board)
            w = 1e-9
        return (self.a * x + self.b * y + self.c) / w, (self.d * x + self.e * y + self.f) / w


def check_corners(corners: list[XY]) -> None:
    """Whether these can be the corners of a board, from its upper left one, clockwise.

    Raises:
        LessonRefused: no; says which are wrong.
    """
    if len(corners) != CORNERS:
        raise _bad("touch the four corners, one after the other")
    longest = max(_distance(one, other) for one in corners for other in corners)
    turns = []
    for at in range(CORNERS):
        one, other = corners[at], corners[(at + 1) % CORNERS]
        if _distance(one, other) < LEAST_SIDE_MM:
            raise _bad(f"corners {at + 1} and {(at + 1) % CORNERS + 1} are the same place")
        turn = _turn(one, other, corners[(at + 2) % CORNERS])
        if abs(turn) < LEAST_SHARE * longest * longest:
            raise _bad(f"corner {(at + 1) % CORNERS + 1} lies between its neighbours")
        turns.append(turn > 0)
    if len(set(turns)) > 1:
        raise _bad("the order is upper left, upper right, lower right, lower left")


def _bad(hint: str) -> LessonRefused:
    return LessonRefused("corners_bad", "corners", hint)


def _distance(one: XY, other: XY) -> float:
    return math.dist(one, other)


def _turn(one: XY, two: XY, three: XY) -> float:
    return (two[0] - one[0]) * (three[1] - two[1]) - (two[1] - one[1]) * (three[0] - two[0])


def plane_of(corners: list[XY], width_mm: float, height_mm: float) -> Plane:
    """The map of four corners that were checked to a board of this size."""
    targets = [(0.0, 0.0), (width_mm, 0.0), (width_mm, height_mm), (0.0, height_mm)]
    rows: list[list[float]] = []
    for (x, y), (u, v) in zip(corners, targets, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, v])
    return Plane(*_solve(rows))


def _solve(rows: list[list[float]]) -> list[float]:
    """Gauss, with the largest pivot each time."""
    size = len(rows)
    for at in range(size):
        best = max(range(at, size), key=lambda row: abs(rows[row][at]))
        rows[at], rows[best] = rows[best], rows[at]
        pivot = rows[at][at]
        rows[at] = [value / pivot for value in rows[at]]
        for other in range(size):
            if other != at:
                factor = rows[other][at]
                pairs = zip(rows[other], rows[at], strict=True)
                rows[other] = [value - factor * own for value, own in pairs]
    return [row[-1] for row in rows]
