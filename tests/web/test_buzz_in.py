"""A buzz-in as the pages are told of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.clock import now_ns
from drivers.readings import KeyPress
from tests.web.room import Board, Json, Visitor

MS = 1_000_000
ROSTER = "number,name,keypad\n07,林小雨,0A\n12,陈一诺,0B\n".encode()


@pytest.fixture
async def board(tmp_path: Path) -> AsyncIterator[Board]:
    async with Board(tmp_path) as made:
        yield made


async def begin(board: Board) -> tuple[Visitor, Json]:
    teacher = await board.teacher()
    await teacher.ok(
        "PUT", "/classes/7-3/roster", content=ROSTER, headers={"Content-Type": "text/csv"}
    )
    lesson = await teacher.ok("POST", "/lessons", {"class_id": "7-3"})
    await teacher.ok("POST", f"/lessons/{lesson['id']}/questions", {"kind": "buzz"})
    return teacher, lesson


async def buzz(board: Board, keypad: str, at_ns: int) -> None:
    press = KeyPress(device="receiver-1", mono_ns=at_ns, keypad=keypad, key="A", uncertainty_ns=MS)
    await board.intake.emit(press)
    await board.settled()


async def test_the_teacher_is_told_the_order_with_gaps_and_their_uncertainty(
    board: Board,
) -> None:
    teacher, lesson = await begin(board)
    at_ns = now_ns()
    await buzz(board, "0B", at_ns + 30 * MS)
    await buzz(board, "0A", at_ns)
    question = (await teacher.ok("GET", f"/lessons/{lesson['id']}"))["questions"][0]
    shown = [
        (one["place"], one["last_place"], one["label"], one["behind_ms"], one["give_or_take_ms"])
        for one in question["buzzes"]
    ]
    assert shown == [(1, 1, "07", 0.0, 0.0), (2, 2, "12", 30.0, 2.0)]
    assert {one["who"] for one in question["buzzes"]} == set(question["answers"])
    assert [one["final"] for one in question["buzzes"]] == [False, False]
    assert question["bars"] == []


async def test_the_room_is_told_numbers_and_neither_names_nor_pseudonyms(board: Board) -> None:
    teacher, lesson = await begin(board)
    await buzz(board, "0A", now_ns())
    async with teacher.live("projector") as page:
        room = (await page.until(lambda view: view["question"]["buzzes"]))["question"]
        assert [(one["label"], one["who"]) for one in room["buzzes"]] == [("07", None)]
        at = f"/lessons/{lesson['id']}/questions/1/show"
        await teacher.ok("POST", at, {"show": "count"})
        room = (await page.until(lambda view: view["question"]["show"] == "count"))["question"]
        assert (room["buzzes"], room["answered"]) == (None, 1)


async def test_phones_buzz_by_their_arrival_and_those_near_each_other_tie(board: Board) -> None:
    teacher, lesson = await begin(board)
    for number in (1, 2):
        phone = await board.phone(lesson)
        body = {"question": 1, "key": "buzz", "attempt_id": f"a{number}"}
        assert await phone.ok("POST", "/s/answer", body) == {"outcome": "accepted", "code": ""}
    question = (await teacher.ok("GET", f"/lessons/{lesson['id']}"))["questions"][0]
    assert [(one["label"], one["place"], one["last_place"]) for one in question["buzzes"]] == [
        ("1", 1, 2),
        ("2", 1, 2),
    ]
    assert question["buzzes"][1]["give_or_take_ms"] == 400.0
