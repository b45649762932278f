"""A lesson over the API, as the teacher's page runs it."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

import pytest

from agent.intake import CAPACITY
from tests.web.room import Board, Json, Visitor

SINGLE: Json = {"kind": "single", "options": ["a", "b", "c"], "key": ["B"]}
ROSTER = "学号,姓名,键盘,卡号\n01,甲同学,AA,04A3\n02,乙同学,BB,\n03,丙同学,,\n".encode()


class Lesson:
    """An open lesson and its teacher."""

    def __init__(self, teacher: Visitor, opened: Json) -> None:
        self.teacher = teacher
        self.opened = opened
        self.at = f"/lessons/{opened['id']}"

    async def ask(self, **question: Any) -> Json:
        asked: Json = await self.teacher.ok("POST", f"{self.at}/questions", SINGLE | question)
        return asked

    async def state(self) -> Json:
        state: Json = await self.teacher.ok("GET", self.at)
        return state

    async def keys(self) -> dict[str, str | None]:
        """Who has answered what: by name, or label where there is none."""
        respondents = (await self.state())["respondents"]
        return {one["name"] or one["label"]: one["key"] for one in respondents}


async def begin(board: Board, class_id: str | None = None, roster: bytes = ROSTER) -> Lesson:
    teacher = await board.teacher()
    if class_id is not None:
        await teacher.ok("PUT", f"/classes/{class_id}/roster", content=roster)
    opened = await teacher.ok("POST", "/lessons", {"class_id": class_id, "title": "方程"})
    return Lesson(teacher, opened)


async def test_a_lesson_from_opening_to_end(board: Board) -> None:
    lesson = await begin(board)
    opened = lesson.opened
    assert (opened["title"], opened["class_id"], opened["status"]) == ("方程", None, "open")
    assert opened["join_url"] == f"{board.url}/s?c={opened['room_code']}"
    assert len(opened["room_code"]) == 4

    asked = await lesson.ask(timer_s=60)
    assert (asked["id"], asked["number"], asked["asked"]["status"]) == (1, 1, "open")
    assert (asked["asked"]["timer_s"], asked["key"], asked["answered"]) == (60, ["B"], 0)
    for keypad, key in (("AA", "A"), ("BB", "B"), ("CC", "3"), ("AA", "B"), ("DD", "F")):
        await board.press(keypad, key)

    at = f"{lesson.at}/questions/1"
    closed = await lesson.teacher.ok("POST", f"{at}/close")
    assert (closed["asked"]["status"], closed["answered"], closed["right"]) == ("closed", 3, 2)
    assert closed["bars"] == [
        {"key": "A", "count": 0, "right": False},
        {"key": "B", "count": 2, "right": True},
        {"key": "C", "count": 1, "right": False},
    ]
    revealed = await lesson.teacher.ok("POST", f"{at}/reveal")
    assert (revealed["asked"]["status"], revealed["show"]) == ("revealed", "key")
    again = await lesson.teacher.ok("POST", f"{at}/reveal")
    assert again["asked"].pop("opened_ago_ms") >= revealed["asked"].pop("opened_ago_ms")
    assert again == revealed

    await lesson.ask(kind="number", options=[], key=None)
    ended = await lesson.teacher.ok("POST", f"{lesson.at}/end")
    assert ended["status"] == "ended"
    assert [one["asked"]["status"] for one in ended["questions"]] == ["revealed", "closed"]
    assert ended["questions"][0]["answers"] == {"AA": "B", "BB": "B", "CC": "C"}
    assert ended["questions"][0]["presses"] == 5
    assert await lesson.teacher.refused("POST", f"{lesson.at}/questions", SINGLE) == (
        "409 step_not_possible"
    )
    listed = (await lesson.teacher.ok("GET", "/lessons"))["lessons"]
    assert [(one["id"], one["status"], one["questions"]) for one in listed] == [
        (opened["id"], "ended", 2)
    ]


async def test_lessons_are_listed_newest_first_and_old_ones_come_from_the_journal(
    board: Board,
) -> None:
    teacher = await board.teacher()
    ids = []
    for number in range(6):
        lesson = Lesson(teacher, await teacher.ok("POST", "/lessons", {"title": str(number)}))
        await lesson.ask()
        await board.press("AA", "B")
        await teacher.ok("POST", f"{lesson.at}/end")
        ids.append(lesson.opened["id"])
    listed = (await teacher.ok("GET", "/lessons"))["lessons"]
    assert [one["id"] for one in listed] == ids[::-1]
    assert board.intake.committed.find(ids[0]) is None
    oldest = await teacher.ok("GET", f"/lessons/{ids[0]}")
    assert (oldest["title"], oldest["status"]) == ("0", "ended")
    assert oldest["questions"][0]["answers"] == {"AA": "B"}
    assert oldest["questions"][0]["right"] == 1


async def test_a_new_question_closes_the_one_before(board: Board) -> None:
    lesson = await begin(board)
    await lesson.ask()
    assert (await lesson.ask())["number"] == 2
    assert [one["status"] for one in (await lesson.state())["history"]] == ["closed", "open"]


async def test_an_idempotency_key_opens_nothing_twice(board: Board) -> None:
    teacher = await board.teacher()
    once = {"Idempotency-Key": "k-1"}
    lessons = await asyncio.gather(
        *(teacher.send("POST", "/lessons", {"title": "x"}, headers=once) for _ in range(5))
    )
    assert {one.status_code for one in lessons} == {201}
    assert len({one.text for one in lessons}) == 1
    lesson = Lesson(teacher, lessons[0].json())
    path = f"{lesson.at}/questions"
    asked = [await teacher.ok("POST", path, SINGLE, headers=once) for _ in range(2)]
    asked += await asyncio.gather(
        *(teacher.ok("POST", path, SINGLE, headers=once) for _ in range(5))
    )
    assert {one["number"] for one in asked} == {1}
    other = {"Idempotency-Key": "k-2"}
    assert (await teacher.ok("POST", path, SINGLE, headers=other))["number"] == 2


async def test_what_was_refused_may_be_tried_again_under_its_key(board: Board) -> None:
    lesson = await begin(board)
    once = {"Idempotency-Key": "k-1"}
    path = f"{lesson.at}/questions"
    wrong = SINGLE | {"options": ["a"]}
    assert await lesson.teacher.refused("POST", path, wrong, headers=once) == "422 options_count"
    assert (await lesson.teacher.ok("POST", path, SINGLE, headers=once))["number"] == 1


async def test_a_roster_is_taken_whole(board: Board) -> None:
    teacher = await board.teacher()
    taken = await teacher.ok("PUT", "/classes/七年级3班/roster", content=ROSTER)
    assert taken == {
        "class_id": "七年级3班",
        "students": 3,
        "school_year": 2025,
        "clock": "synced",
        "problems": [],
    }
    assert await teacher.ok("GET", "/classes") == {"classes": [{"id": "七年级3班", "students": 3}]}


async def test_a_roster_with_a_broken_line_is_not_taken_at_all(board: Board) -> None:
    teacher = await board.teacher()
    broken = b"number,name\n01,A\n01,B\n02,\n"
    answer = await teacher.send("PUT", "/classes/7-3/roster", content=broken)
    assert answer.status_code == 422
    problem = answer.json()
    assert (problem["code"], problem["where"]) == ("roster_invalid", "line 3")
    assert [(one["line"], one["code"]) for one in problem["problems"]] == [
        (3, "number_twice"),
        (4, "name_missing"),
    ]
    assert await teacher.ok("GET", "/classes") == {"classes": []}
    assert not (board.folder / "roster.db").exists() or not names_of(board)


def names_of(board: Board) -> list[str]:
    db = sqlite3.connect(board.folder / "roster.db")
    names = [name for (name,) in db.execute("select name from student")]
    db.close()
    return names


@pytest.mark.parametrize("class_id", ["a b", "%2e%2e", "x" * 41, "a;b"])
async def test_a_class_has_a_plain_name(board: Board, class_id: str) -> None:
    teacher = await board.teacher()
    assert await teacher.refused("PUT", f"/classes/{class_id}/roster", content=ROSTER) in (
        "422 class_invalid",
        "404 not_found",
    )


async def test_keypads_and_cards_of_a_roster_are_the_students(board: Board) -> None:
    lesson = await begin(board, "7-3")
    await lesson.ask()
    await board.press("AA", "A")
    await board.press("FF", "C")
    await board.tap("04a3")
    await board.tap("0999")
    assert await lesson.keys() == {"甲同学": "A", "乙同学": None, "丙同学": None, "FF": "C"}
    state = await lesson.state()
    first = state["respondents"][0]
    assert (first["label"], first["keypads"], first["has_card"]) == ("01", ["AA"], True)
    assert [one["present"] for one in state["respondents"]] == [True, False, False, True]
    assert state["unbound_cards"] == [board.identity.card("0999")]


async def test_binding_a_keypad_files_its_answers_anew_and_can_be_undone(board: Board) -> None:
    lesson = await begin(board, "7-3")
    await lesson.ask()
    await board.press("FF", "C")
    bindings = "/classes/7-3/bindings"
    state = await lesson.state()
    assert state["last_press"] == {"keypad": "FF", "student": None, "count": 1}
    third = state["respondents"][2]
    for student in ("03", third["id"]):
        await lesson.teacher.ok("POST", bindings, {"student": student, "keypad": "ff"})
        assert (await lesson.keys())["丙同学"] == "C"
        await lesson.teacher.ok("DELETE", bindings, {"keypad": "ff"})
        assert (await lesson.keys())["丙同学"] is None
    mistyped = {"student": "01", "keypad": "zz"}
    assert await lesson.teacher.refused("POST", bindings, mistyped) == "422 keypad_invalid"
    path = bindings, {"student": "99", "keypad": "FF"}
    assert await lesson.teacher.refused("POST", *path) == "404 student_unknown"
    for thing in ({}, {"keypad": "A1", "card": "B2"}):
        body = {"student": "03", **thing}
        assert await lesson.teacher.refused("POST", bindings, body) == "422 binding_unclear"


async def test_a_card_is_bound_as_the_page_knows_it_or_by_its_uid(board: Board) -> None:
    lesson = await begin(board, "7-3")
    await board.tap("0999")
    [unbound] = (await lesson.state())["unbound_cards"]
    bindings = "/classes/7-3/bindings"
    for card in (unbound, "0999"):
        await lesson.teacher.ok("POST", bindings, {"student": "02", "card": card})
        state = await lesson.state()
        second = state["respondents"][1]
        assert (second["has_card"], second["present"], state["unbound_cards"]) == (True, True, [])
        await lesson.teacher.ok("DELETE", bindings, {"card": card})
        assert (await lesson.state())["unbound_cards"] == [unbound]


async def test_bindings_follow_a_student_into_a_new_list(board: Board) -> None:
    lesson = await begin(board, "7-3")
    bind = {"student": "03", "keypad": "FF"}
    await lesson.teacher.ok("POST", "/classes/7-3/bindings", bind)
    newer = "03,丙同学改名\n04,丁同学\n".encode()
    await lesson.teacher.ok("PUT", "/classes/7-3/roster", content=newer)
    respondents = (await lesson.state())["respondents"]
    assert [(one["name"], one["keypads"]) for one in respondents] == [
        ("丙同学改名", ["FF"]),
        ("丁同学", []),
    ]


async def test_the_class_of_a_lesson_can_be_changed_and_changed_back(board: Board) -> None:
    lesson = await begin(board)
    await lesson.teacher.ok("PUT", "/classes/7-3/roster", content=ROSTER)
    await lesson.ask()
    await board.press("BB", "B")
    assert await lesson.keys() == {"BB": "B"}
    await lesson.teacher.ok("PATCH", lesson.at, {"class_id": "7-3"})
    assert await lesson.keys() == {"甲同学": None, "乙同学": "B", "丙同学": None}
    await lesson.teacher.ok("PATCH", lesson.at, {"class_id": None})
    assert await lesson.keys() == {"BB": "B"}


async def test_health_needs_no_sign_in_and_says_when_nothing_is_durable(board: Board) -> None:
    visitor = board.visitor()
    well = await visitor.ok("GET", "/health")
    assert well["status"] == "ok"
    assert well["journal"] == {"ok": True, "code": ""}
    phones = {"id": "phones", "state": "ready", "code": "", "refused": 0}
    assert well["devices"] == [phones]
    assert well["cloud"] == {"state": "off", "waiting": 0, "aside": 0}
    assert well["intake"] == {"waiting": 0, "capacity": CAPACITY}
    assert well["clock"] == "synced"
    assert well["uptime_s"] >= 0
    teacher = await board.teacher()
    board.journal._db.execute("pragma busy_timeout = 50")  # noqa: SLF001 (not 5 s)
    other = sqlite3.connect(board.folder / "journal.db", isolation_level=None)
    other.execute("begin immediate")
    try:
        assert await teacher.refused("POST", "/lessons", {}) == "503 not_durable"
        answer = await visitor.send("GET", "/health")
        assert (answer.status_code, answer.json()["status"]) == (503, "degraded")
        assert answer.json()["journal"] == {"ok": False, "code": "not_durable"}
    finally:
        other.close()
    assert (await teacher.ok("POST", "/lessons", {}))["status"] == "open"
    assert (await visitor.ok("GET", "/health"))["status"] == "ok"


async def test_the_joining_code_is_a_picture_of_the_url(board: Board) -> None:
    lesson = await begin(board)
    picture = await lesson.teacher.send("GET", "/join.svg")
    assert picture.headers["content-type"] == "image/svg+xml"
    assert b"<svg" in picture.content
    assert await board.visitor().refused("GET", "/join.svg") == "401 sign_in_first"
    await lesson.teacher.ok("POST", f"{lesson.at}/end")
    assert await lesson.teacher.refused("GET", "/join.svg") == "404 no_lesson"


async def test_the_text_of_a_question_reaches_the_room_and_the_phones(board: Board) -> None:
    teacher = await board.teacher()
    lesson = await teacher.ok("POST", "/lessons", {})
    projector, phone = await board.projector(teacher), await board.phone(lesson)
    asked = {"kind": "number", "text": " 1 + 1 = ? ", "points": ["加法"], "key": ["2"]}
    await teacher.ok("POST", f"/lessons/{lesson['id']}/questions", asked)
    for visitor, name in ((teacher, "teacher"), (projector, "projector"), (phone, "student")):
        async with visitor.live(name) as page:
            view = await page.next()
            shown = view["lesson"]["question"] if name == "teacher" else view["question"]
            assert (shown if name == "student" else shown["asked"])["text"] == "1 + 1 = ?"
    refused = {**asked, "text": "x" * 2001}
    path = f"/lessons/{lesson['id']}/questions"
    assert await teacher.refused("POST", path, refused) == "422 text_too_long"
    assert await teacher.refused("POST", path, asked | {"points": ["x"] * 11}) == (
        "422 points_too_many"
    )
