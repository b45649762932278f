"""Rosters over the API and the command line: looked over, taken, undone."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from agent.commands import roster
from agent.control import Control
from agent.errors import AgentError
from agent.rosters.desk import attend
from agent.rosters.model import MAX_FILE_BYTES
from tests.web.room import Board, Json, Visitor

FIRST = "学号,姓名,答题器,卡号\n01,甲同学,AA,04A3B2\n02,乙同学,BB,\n03,丙同学,,\n"
SECOND = "学号,姓名,答题器,卡号\n01,甲同學,BB,\n03,丙同学,CC,\n04,丁同学,,\n05,<i>\n"


async def look(teacher: Visitor, text: str | bytes, name: str = "7-3.csv") -> Json:
    data = text.encode() if isinstance(text, str) else text
    seen: Json = await teacher.ok("POST", f"/rosters/preview?name={name}", content=data)
    return seen


async def take(teacher: Visitor, text: str) -> Any:
    return await teacher.ok("POST", "/rosters/take", {"id": (await look(teacher, text))["id"]})


def whose(board: Board) -> dict[str, str]:
    """Names by keypad and by card, as the board has them."""
    roll = board.intake.committed.classes["7-3"]
    names = board.web.context.rosters.names("7-3")
    return {thing: names[who].name for thing, who in (roll.keypads | roll.cards).items()}


def names(board: Board) -> list[str]:
    roll = board.intake.committed.classes["7-3"]
    known = board.web.context.rosters.names("7-3")
    return [known[who].name for who in roll.students]


async def test_a_roster_is_looked_over_taken_and_undone(board: Board) -> None:
    teacher = await board.teacher()
    before = board.intake.committed.seq
    seen = await look(teacher, FIRST)
    assert board.intake.committed.seq == before
    (one,) = seen["classes"]
    assert (one["class_id"], one["students"], one["keypads"], one["cards"]) == ("7-3", 3, 2, 1)
    taken = await teacher.ok("POST", "/rosters/take", {"id": seen["id"]})
    assert taken == {"classes": ["7-3"], "students": 3, "school_year": 2025}
    card = board.identity.card("04A3B2")
    assert whose(board) == {"AA": "甲同学", "BB": "乙同学", card: "甲同学"}
    first = board.intake.committed.classes["7-3"]

    (one,) = (seen := await look(teacher, SECOND))["classes"]
    assert [who["name"] for who in one["new"]] == ["丁同学"]
    assert [(who["before"], who["name"]) for who in one["changed"]] == [("甲同学", "甲同學")]
    assert [who["name"] for who in one["gone"]] == ["乙同学"]
    assert [(p["line"], p["code"]) for p in seen["problems"]] == [(5, "name_markup")]
    students = list(first.students)
    await teacher.ok("POST", "/rosters/take", {"id": seen["id"]})
    assert names(board) == ["甲同學", "丙同学", "丁同学"]
    assert whose(board) == {"AA": "甲同學", "BB": "甲同學", "CC": "丙同学", card: "甲同學"}

    await teacher.ok("POST", "/classes/7-3/bindings", {"student": "03", "keypad": "DD"})
    assert await teacher.ok("GET", "/rosters") == {"undo": ["7-3"]}
    await teacher.ok("POST", "/rosters/undo")
    assert board.intake.committed.classes["7-3"].students == students
    assert names(board) == ["甲同学", "乙同学", "丙同学"]
    assert whose(board) == {"AA": "甲同学", "BB": "乙同学", "DD": "丙同学", card: "甲同学"}
    assert await teacher.refused("POST", "/rosters/undo") == "409 nothing_to_undo"
    assert (await teacher.ok("GET", "/rosters")) == {"undo": []}


async def test_undoing_the_first_roster_leaves_no_class_to_choose(board: Board) -> None:
    teacher = await board.teacher()
    await take(teacher, FIRST)
    await teacher.ok("POST", "/rosters/undo")
    assert await teacher.ok("GET", "/classes") == {"classes": []}
    assert board.web.context.rosters.names("7-3") == {}


async def test_what_has_changed_since_it_was_looked_over_is_not_taken(board: Board) -> None:
    teacher = await board.teacher()
    await take(teacher, FIRST)
    seen = await look(teacher, SECOND)
    await teacher.ok("DELETE", "/classes/7-3/bindings", {"keypad": "BB"})
    body = {"id": seen["id"]}
    assert await teacher.refused("POST", "/rosters/take", body) == "409 preview_stale"
    assert names(board) == ["甲同学", "乙同学", "丙同学"]
    assert await teacher.refused("POST", "/rosters/take", {"id": "x"}) == "404 preview_unknown"


async def test_some_classes_of_a_file_can_be_taken(board: Board) -> None:
    teacher = await board.teacher()
    seen = await look(teacher, "班级,学号,姓名\n7-3,01,甲同学\n7-4,02,乙同学\n")
    await teacher.ok("POST", "/rosters/take", {"id": seen["id"], "classes": ["7-4"]})
    assert await teacher.ok("GET", "/classes") == {"classes": [{"id": "7-4", "students": 1}]}


async def test_a_card_is_nowhere_but_as_its_hash_and_a_name_in_the_roster_alone(
    board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    teacher = await board.teacher()
    await take(teacher, FIRST)
    board.journal.close()
    for path in board.folder.iterdir():
        if path.is_file():
            data = path.read_bytes()
            assert b"04A3B2" not in data, path
            if not path.name.startswith("roster"):
                assert "甲同学".encode() not in data, path
    assert "04A3B2" not in caplog.text


async def test_a_guest_takes_no_roster_and_what_is_too_large_is_not_read(board: Board) -> None:
    teacher = await board.teacher()
    guest = await board.guest(teacher)
    for method, path in (("GET", ""), ("POST", "/preview"), ("POST", "/undo")):
        assert await guest.refused(method, f"/rosters{path}") == "403 not_allowed"
    too_much = b"x" * (MAX_FILE_BYTES + 1)
    refusal = await teacher.refused("POST", "/rosters/preview", content=too_much)
    assert refusal == "413 too_large"


async def test_the_command_line_gives_a_folder_to_the_running_agent(
    board: Board, tmp_path: Path
) -> None:
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "7-3.csv").write_text(f"班级,{FIRST}".replace("\n0", "\n7-3,0"), encoding="gb18030")

    def send(*, take: bool) -> Any:
        return roster.send(tmp_path, folder, class_id="", take=take)

    with pytest.raises(AgentError, match="agent_not_running"):
        await asyncio.to_thread(send, take=False)
    async with Control(tmp_path, {}, attend={"roster": attend(board.web.roster_desk)}):
        seen, reply = await asyncio.to_thread(send, take=False)
        assert (seen.takeable, reply.ok, board.intake.committed.classes) == (True, True, {})
        await asyncio.to_thread(send, take=True)
        assert names(board) == ["甲同学", "乙同学", "丙同学"]
        said = "\n".join(roster.lines(seen))
        assert "甲同学" not in said
        assert "7-3: 3 students; 3 new" in said
        undone = await asyncio.to_thread(roster.undo, tmp_path)
        assert undone.classes == ["7-3"]
        (folder / "7-3.csv").write_bytes(b"PK\x03\x04")
        seen, reply = await asyncio.to_thread(send, take=True)
        assert (seen.takeable, reply.ok) == (False, False)
        assert json.dumps([one.code for one in seen.problems])
