"""Pictures under the boards: laid there, shown to the room and nobody else, gone, refused."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from agent.journal import snapshot
from agent.lesson.replay import copy_of
from agent.pictures import MAX_PICTURE_BYTES
from tests.web.room import API, Board, Visitor

SAMPLES = Path(__file__).parents[1] / "samples"
JPEG = (SAMPLES / "baseline.jpg").read_bytes()
NAME = hashlib.sha256(JPEG).hexdigest()
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
async def teacher(board: Board) -> Visitor:
    return await board.teacher()


@pytest.fixture
async def lesson(teacher: Visitor) -> str:
    opened = await teacher.ok("POST", "/lessons", {})
    return f"/lessons/{opened['id']}"


async def test_a_picture_is_shown_to_the_room_and_to_no_phone(
    board: Board, teacher: Visitor, lesson: str
) -> None:
    projector, nobody = await board.projector(teacher), board.visitor()
    phone = await board.phone(await teacher.ok("GET", lesson))
    async with projector.live("projector") as page:
        placed = await teacher.ok("PUT", f"{lesson}/picture", content=JPEG)
        view = await page.until(lambda view: view["ink"]["picture"])
        assert view["ink"]["picture"] == placed
        box = {"x_mm": 200, "y_mm": 0, "width_mm": 1200, "height_mm": 900}
        assert placed == {"sha256": NAME, **box}
        await teacher.ok("POST", f"{lesson}/questions", {"kind": "true_false"})
        view = await page.until(lambda view: view["ink"]["question"] == 1)
        assert view["ink"]["picture"] == placed
        shown = await projector.send("GET", f"{lesson}/pictures/{NAME}")
        assert shown.content == JPEG
        assert shown.headers["content-type"] == "image/jpeg"
        assert shown.headers["x-content-type-options"] == "nosniff"
        assert shown.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert shown.headers["cache-control"].startswith("private, ")
        for visitor, refusal in ((nobody, "401 sign_in_first"), (phone, "401 sign_in_first")):
            assert await visitor.refused("GET", f"{lesson}/pictures/{NAME}") == refusal
            assert await visitor.refused("PUT", f"{lesson}/picture", content=JPEG) == refusal
        assert await projector.refused("PUT", f"{lesson}/picture") == "403 not_allowed"
        await teacher.ok("DELETE", f"{lesson}/picture?question=1")
        await page.until(lambda view: view["ink"]["picture"] is None)
    assert await projector.refused("GET", f"{lesson}/pictures/{NAME}") == "404 picture_gone"
    async with phone.live("student") as page:
        assert NAME not in str(await page.next())


async def test_what_is_no_picture_is_refused_in_the_words_of_the_page(
    board: Board, teacher: Visitor, lesson: str
) -> None:
    at = f"{lesson}/picture"

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield bytes(1024 * 1024)

    for content, refusal in (
        (b"", "422 picture_unknown"), (b"<svg/>" * 90, "422 picture_unknown"),
        (JPEG[:-9], "422 picture_cut_off"), (bytes(50 * 1024 * 1024), "413 picture_too_large"),
        (endless(), "422 picture_unknown"),
        (JPEG + bytes(MAX_PICTURE_BYTES), "413 picture_too_large"),
    ):  # fmt: skip
        assert await teacher.refused("PUT", at, content=content) == refusal
    assert await teacher.refused("PUT", f"{at}?question=1", content=JPEG) == "404 question_unknown"
    assert await teacher.refused("PUT", "/lessons/x/picture") == "404 lesson_unknown"
    for odd in ("x", "0" * 64, "..%2f..%2fjournal.db", NAME.upper()):
        assert await teacher.refused("GET", f"{lesson}/pictures/{odd}") in (
            "404 picture_gone", "404 not_found",
        )  # fmt: skip
    board.storage = type(board.storage)(room="low", reason="disk")
    assert await teacher.refused("PUT", at, content=JPEG) == "507 pictures_no_room"
    assert not list((board.folder / "pictures").glob("*"))


async def test_a_picture_is_there_again_after_a_start_and_from_a_snapshot(
    board: Board, teacher: Visitor, lesson: str
) -> None:
    await teacher.ok("PUT", f"{lesson}/picture", content=JPEG)
    await teacher.ok("POST", f"{lesson}/questions", {"kind": "true_false"})
    state = board.intake.committed
    ink = state.lessons[0].questions[0].ink
    assert ink.under is not None
    assert ink.under.picture.size_bytes == len(JPEG)
    replayed = snapshot.recover(board.journal, afresh=True)
    assert replayed.lessons == state.lessons
    assert replayed.spans == state.spans
    assert snapshot.decoded(snapshot.row(state)[1:]) == copy_of(state)
    rows = board.journal.read(state.epoch, 0, 100)
    assert not [row for row in rows if JPEG[:20] in row.body]


async def test_a_board_as_a_file_holds_its_picture_or_names_it(
    board: Board, teacher: Visitor, lesson: str
) -> None:
    await teacher.ok("PUT", f"{lesson}/picture", content=JPEG)
    line = {"width_mm": 4, "points": [[300, 20, 0], [400, 40, 16]]}
    await teacher.ok("POST", f"{lesson}/ink", line)
    await teacher.ok("POST", f"{lesson}/ink", line | {"tool": "eraser", "width_mm": 60})
    await teacher.ok("POST", f"{lesson}/end")
    svg = await teacher.http.get(f"{API}{lesson}/ink.svg")
    image = ElementTree.fromstring(svg.text).find(f"{SVG}image")  # noqa: S314 (our own)
    assert image is not None
    assert image.get("href") == f"data:image/jpeg;base64,{base64.b64encode(JPEG).decode()}"
    assert [image.get(side) for side in ("x", "y", "width", "height")] == [
        "200",
        "0",
        "1200",
        "900",
    ]
    inkml = (await teacher.http.get(f"{API}{lesson}/ink.inkml")).text
    [told] = [one for one in ElementTree.fromstring(inkml) if one.get("type") == "picture"]  # noqa: S314
    assert told.get("href") == f"{NAME}.jpg"
    shown = await teacher.send("GET", f"{lesson}/pictures/{NAME}")
    assert shown.content == JPEG
    (board.folder / "pictures" / NAME).unlink()
    assert "<image" not in (await teacher.http.get(f"{API}{lesson}/ink.svg")).text
    assert await teacher.refused("GET", f"{lesson}/pictures/{NAME}") == "404 picture_gone"


async def test_what_was_written_before_the_question_is_given_to_it(
    teacher: Visitor, lesson: str
) -> None:
    line = {"width_mm": 4, "points": [[300, 20, 0]]}
    await teacher.ok("POST", f"{lesson}/ink", line)
    await teacher.ok("POST", f"{lesson}/questions", {"kind": "true_false"})
    async with teacher.live("teacher") as page:
        assert (await page.next())["ink"]["attachable"]
        await teacher.ok("POST", f"{lesson}/ink/attach", {"question": 1})
        view = await page.until(lambda view: view["ink"]["strokes"] == 1)
        assert not view["ink"]["attachable"]
    again = await teacher.refused("POST", f"{lesson}/ink/attach", {"question": 1})
    assert again == "409 board_not_attachable"
