"""Prepared sets over the API: brought, looked at, asked from, taken away."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from agent.lesson import events as ev
from agent.sets import gift
from agent.sets.items import Item, QuestionSet
from agent.sets.reading import read
from tests.web.room import Board, Json, Visitor

GIFT = """\
// [tag:一元一次方程] [timer:60]
$2x\\=4$, $x\\=$?{~1 =2 ~3}

Essay {}

1 + 1 \\= 3 {F}
"""


async def bring(teacher: Visitor, content: str | bytes = GIFT, query: str = "&keep=1") -> Json:
    data = content.encode() if isinstance(content, str) else content
    report: Json = await teacher.ok("POST", f"/sets?name=方程{query}", content=data)
    return report


async def test_a_file_is_looked_at_and_then_kept_with_a_report_by_line(board: Board) -> None:
    teacher = await board.teacher()
    looked = await bring(teacher, query="")
    assert looked["id"] is None
    assert await teacher.ok("GET", "/sets") == {"sets": []}
    report = await bring(teacher)
    assert report == looked | {"id": report["id"]}
    assert [one["text"] for one in report["items"]] == ["$2x=4$, $x=$?", "1 + 1 = 3"]
    assert report["left_out"] == 1
    [problem] = report["problems"]
    assert (problem["line"], problem["code"], problem["what"]) == (
        4, "kind_unsupported", "Essay {}",
    )  # fmt: skip
    listed = {"id": report["id"], "name": "方程", "version": report["version"], "items": 2}
    assert await teacher.ok("GET", "/sets") == {"sets": [listed]}
    again = await bring(teacher, "x {T}")
    assert again["id"] == report["id"]
    assert again["version"] != report["version"]
    assert len((await teacher.ok("GET", "/sets"))["sets"]) == 1
    await teacher.ok("DELETE", f"/sets/{report['id']}")
    assert await teacher.refused("GET", f"/sets/{report['id']}") == "404 set_unknown"


async def test_a_file_without_a_question_is_refused_with_every_line(board: Board) -> None:
    teacher = await board.teacher()
    answer = await teacher.send("POST", "/sets", content=b"a {\n\nb {=x}")
    assert answer.status_code == 422
    assert answer.json()["code"] == "set_empty"
    assert [(one["line"], one["code"]) for one in answer.json()["problems"]] == [
        (1, "unfinished"), (3, "kind_unsupported"),
    ]  # fmt: skip
    harmful = b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    assert await teacher.refused("POST", "/sets", content=harmful) == "422 set_unreadable"
    assert await teacher.refused("POST", "/sets", content=b"x" * 3_000_000) == "413 too_large"
    longest = Item(kind="true_false", text="x" * 2000, key=["true"])
    full = QuestionSet(name="", items=[longest] * 490)
    assert (await bring(teacher, gift.write(full)))["left_out"] == 0


async def test_a_question_is_asked_from_a_set_and_its_event_says_so(board: Board) -> None:
    teacher = await board.teacher()
    report = await bring(teacher)
    lesson = await teacher.ok("POST", "/lessons", {})
    path = f"/lessons/{lesson['id']}/prepared"
    wish = {"set_id": report["id"], "version": report["version"], "item": 1}
    phone = await board.phone(lesson)
    once = {"Idempotency-Key": "k"}
    asked = await teacher.ok("POST", path, wish, headers=once)
    assert await teacher.ok("POST", path, wish, headers=once) == asked
    assert asked["asked"]["text"] == "$2x=4$, $x=$?"
    assert (asked["asked"]["timer_s"], asked["key"]) == (60, ["B"])
    async with phone.live("student") as page:
        view = await page.next()
        assert view["question"]["options"] == ["1", "2", "3"]
        assert '"key"' not in page.seen
    question = board.intake.committed.lessons[-1].questions[-1]
    assert question.points == ["一元一次方程"]
    assert question.prepared == ev.Prepared(set_id=report["id"], version=report["version"], item=1)
    shown = await teacher.ok("GET", f"/sets/{report['id']}")
    assert [one["asked"] for one in shown["items"]] == ["lesson", None]
    await teacher.ok("POST", f"/lessons/{lesson['id']}/end")
    shown = await teacher.ok("GET", f"/sets/{report['id']}")
    assert [one["asked"] for one in shown["items"]] == ["today", None]


async def test_what_was_changed_meanwhile_is_not_asked_unseen(board: Board) -> None:
    teacher = await board.teacher()
    report = await bring(teacher)
    lesson = await teacher.ok("POST", "/lessons", {})
    await bring(teacher, "x {T}")
    path = f"/lessons/{lesson['id']}/prepared"
    wish = {"set_id": report["id"], "version": report["version"], "item": 1}
    assert await teacher.refused("POST", path, wish) == "409 set_changed"
    newest = await teacher.ok("GET", f"/sets/{report['id']}")
    wish = wish | {"version": newest["version"], "item": 2}
    assert await teacher.refused("POST", path, wish) == "404 set_unknown"


async def test_a_substitute_asks_from_sets_and_neither_brings_nor_takes_them(board: Board) -> None:
    teacher = await board.teacher()
    report = await bring(teacher)
    lesson = await teacher.ok("POST", "/lessons", {})
    guest, wall = await board.guest(teacher), await board.projector(teacher)
    at = f"/sets/{report['id']}"
    wish = {"set_id": report["id"], "version": report["version"], "item": 2}
    await guest.ok("GET", at)
    await guest.ok("POST", f"/lessons/{lesson['id']}/prepared", wish)
    assert await guest.refused("POST", "/sets?keep=1", content=b"x {T}") == "403 not_allowed"
    assert await guest.refused("DELETE", at) == "403 not_allowed"
    assert await guest.refused("GET", f"{at}/set.gift") == "403 not_allowed"
    assert await wall.refused("GET", at) == "403 not_allowed"
    assert await board.visitor().refused("GET", "/sets") == "401 sign_in_first"


async def test_a_set_taken_away_as_a_file_comes_back_the_same(board: Board) -> None:
    teacher = await board.teacher()
    report = await bring(teacher)
    for name, kind in (("set.gift", "text/plain"), ("set.zip", "application/zip")):
        answer = await teacher.send("GET", f"/sets/{report['id']}/{name}")
        assert answer.headers["content-type"].startswith(kind)
        assert "attachment" in answer.headers["content-disposition"]
        found = read(answer.content)
        assert QuestionSet(name=found.name, items=found.items).version == report["version"]


async def test_a_damaged_file_of_sets_is_set_aside_and_sets_can_be_brought_again(
    board: Board, tmp_path: Path
) -> None:
    teacher = await board.teacher()
    await bring(teacher)
    path = board.folder / "sets.db"
    path.write_bytes(b"no database" * 500)
    assert await teacher.ok("GET", "/sets") == {"sets": []}
    assert (board.folder / "sets.damaged-1.db").exists()
    report = await bring(teacher)
    with closing(sqlite3.connect(path)) as db:
        content = db.execute("select content from question_set").fetchone()[0]
    kept = msgspec.json.decode(content, type=QuestionSet)
    assert kept.version == report["version"]
