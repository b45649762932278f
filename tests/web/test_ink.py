"""The board on the pages: drawn, fetched, taken back, kept as files; and its corners."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from agent.clock import now_ns
from agent.lesson.events import public_body
from agent.lesson.model import State
from agent.web.ink_files import INKML
from drivers.readings import Stroke
from tests.web.room import Board, Json

DEVICE = "phones"
"""The only device of the board; what it is, nobody asks here."""
SVG = "{http://www.w3.org/2000/svg}"
STROKE: Json = {
    "colour": "blue", "width_mm": 4, "points": [[10, 20, 0], [30.5, 40, 16]],
    "pressures": [0.5, 1],
}  # fmt: skip


@pytest.fixture
async def board(tmp_path: Path) -> AsyncIterator[Board]:
    async with Board(tmp_path) as board:
        yield board


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)  # noqa: S314 (as above)


async def drawn(board: Board, *points: tuple[float, float, int]) -> None:
    await board.intake.emit(Stroke(device=DEVICE, mono_ns=now_ns(), points=points))
    await board.settled()


async def test_strokes_of_pages_and_whiteboards_are_live_on_every_page(board: Board) -> None:
    teacher = await board.teacher()
    lesson = (await teacher.ok("POST", "/lessons", {}))["id"]
    projector = await board.projector(teacher)
    at = f"/lessons/{lesson}/ink"
    async with projector.live("projector") as page:
        await teacher.ok("POST", at, STROKE)
        await drawn(board, (5, 5, 0))
        view = await page.until(lambda view: view["ink"]["strokes"] == 2)
        assert view["lesson"] == lesson
        assert view["ink"]["undoable"]
        assert not view["ink"]["full"]
        seen = await projector.ok("GET", at)
        assert seen["strokes"][0]["points"] == [[10, 20, 0, 0.5], [30.5, 40, 16, 1]]
        assert [one["colour"] for one in seen["strokes"]] == ["blue", "black"]
        assert len((await projector.ok("GET", f"{at}?after=1"))["strokes"]) == 1
        await teacher.ok("POST", f"{at}/clear", {})
        view = await page.until(lambda view: view["ink"]["strokes"] == 0)
        await teacher.ok("POST", f"{at}/undo", {})
        again = await page.until(lambda view: view["ink"]["strokes"] == 2)
        assert again["ink"]["changes"] == view["ink"]["changes"] + 1
        await projector.ok("POST", at, STROKE)
        await page.until(lambda view: view["ink"]["strokes"] == 3)
    await teacher.ok("POST", f"/lessons/{lesson}/end")
    assert await projector.refused("POST", at, STROKE) == "403 not_allowed"
    assert await teacher.refused("GET", "/lessons/other/ink") == "404 lesson_unknown"


async def test_the_board_is_a_picture_and_ink_after_the_lesson_too(board: Board) -> None:
    teacher = await board.teacher()
    lesson = (await teacher.ok("POST", "/lessons", {}))["id"]
    await teacher.ok("POST", f"/lessons/{lesson}/questions", {"kind": "true_false"})
    at = f"/lessons/{lesson}/ink"
    await teacher.ok("POST", at, STROKE | {"question": 1})
    await teacher.ok("POST", at, STROKE | {"question": 1, "tool": "eraser", "width_mm": 60})
    await drawn(board, (5, 5, 0))
    await teacher.ok("POST", f"/lessons/{lesson}/end")
    for number in range(4):  # until the lesson is only in the journal
        other = (await teacher.ok("POST", "/lessons", {"title": str(number)}))["id"]
        await teacher.ok("POST", f"/lessons/{other}/end")
    assert board.intake.committed.find(lesson) is None

    answer = await teacher.send("GET", f"{at}.svg?question=1")
    picture = parsed(answer.text)
    assert answer.headers["content-disposition"].endswith(f'board-{lesson}-1.svg"')
    assert picture.get("viewBox") == "0 0 1600 900"
    wiped = picture.find(f"{SVG}g")
    assert wiped is not None
    assert wiped.get("mask") == "url(#w1)"
    assert wiped[0].get("d") == "M10 20L30.5 40"
    dots = [one.get("d") for one in picture.findall(f"{SVG}path")]
    assert dots == ["M5 5L5 5"]

    ink = parsed((await teacher.send("GET", f"{at}.inkml?question=1")).text)
    assert ink.tag == f"{{{INKML}}}ink"
    traces = ink.findall(f"{{{INKML}}}trace")
    assert [one.text for one in traces] == [
        "10 20 0 0.5, 30.5 40 16 1", "10 20 0 0.5, 30.5 40 16 1", "5 5 0",
    ]  # fmt: skip
    channels = [one.get("name") for one in ink.iter(f"{{{INKML}}}channel")]
    assert channels == ["X", "Y", "T", "X", "Y", "T", "F"]
    ids = {one.get("{http://www.w3.org/XML/1998/namespace}id") for one in ink.iter()}
    assert all((one.get("brushRef") or "")[1:] in ids for one in traces)
    assert all((one.get("contextRef") or "")[1:] in ids for one in traces)
    assert await teacher.refused("GET", f"{at}.svg?question=9") == "404 question_unknown"


async def test_what_is_written_on_the_board_does_not_leave_it(board: Board) -> None:
    teacher = await board.teacher()
    lesson = (await teacher.ok("POST", "/lessons", {}))["id"]
    await teacher.ok("POST", f"/lessons/{lesson}/ink", STROKE)
    rows = board.journal.read(board.intake.committed.epoch, 0, 100)
    [row] = [row for row in rows if row.kind == "StrokeDrawn"]
    told = public_body(row.kind, row.body)
    assert b"30.5" in row.body
    assert b"30.5" not in told
    assert b'"count":2' in told


async def test_four_touches_and_a_size_calibrate_a_board(board: Board) -> None:
    teacher = await board.teacher()
    at = f"/devices/{DEVICE}/corners"
    lesson = (await teacher.ok("POST", "/lessons", {}))["id"]
    async with teacher.live("teacher") as page:
        await teacher.ok("POST", at)
        await drawn(board, (100, 100, 0), (101, 100, 8))
        await drawn(board, (900, 100, 0), (1200, 100, 8))
        view = await page.until(lambda view: (view["calibration"] or {}).get("smeared"))
        assert view["calibration"]["touched"] == [[100.5, 100]]
        size = {"width_mm": 2000, "height_mm": 1000}
        assert await teacher.refused("PUT", at, size) == "409 corners_bad"
        for x, y in ((900, 100), (900, 600), (100, 600), (7, 7)):
            await drawn(board, (x, y, 0))
        view = await page.until(lambda view: len(view["calibration"]["touched"]) == 4)
        await teacher.ok("PUT", at, size)
        view = await page.until(lambda view: view["calibration"] is None)
    assert (view["ink"]["strokes"], view["ink"]["width_mm"], view["ink"]["height_mm"]) == (
        0, 2000, 1000,
    )  # fmt: skip
    await drawn(board, (900, 600, 0))
    seen = await teacher.ok("GET", f"/lessons/{lesson}/ink")
    assert seen["strokes"][0]["points"] == [[2000, 1000, 0, None]]
    assert await teacher.refused("PUT", at, size) == "409 calibration_over"
    assert await teacher.refused("POST", "/devices/none/corners") == "404 device_unknown"


async def test_a_calibration_that_is_broken_off_or_left_draws_again(board: Board) -> None:
    corners = board.intake.corners
    teacher = await board.teacher()
    await teacher.ok("POST", "/lessons", {})
    await teacher.ok("POST", f"/devices/{DEVICE}/corners")
    await teacher.ok("DELETE", f"/devices/{DEVICE}/corners")
    await drawn(board, (1, 1, 0))
    corners.begin(DEVICE, now_ns() - 10**12)
    await drawn(board, (1, 1, 0))
    lesson = board.intake.committed.lesson
    assert lesson is not None
    assert len(lesson.ink.steps) == 2
    assert State().surfaces == board.intake.committed.surfaces
