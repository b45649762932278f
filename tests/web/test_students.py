"""Students' phones over the API, through the phone driver, to the journal and back."""

from __future__ import annotations

import asyncio
import sqlite3
from uuid import uuid4

import pytest

from agent.lesson.events import ResponseRecorded, kind_of
from agent.web import phones
from agent.web.phones import MAX_WAITING, PhoneDesk, PhonesBusy
from agent.web.students import MAX_SEATS
from drivers.capabilities import Outcome
from tests.web.room import Board, Json, Visitor


async def begin(board: Board, **question: object) -> tuple[Visitor, Json]:
    """A teacher with an open lesson and an open question."""
    teacher = await board.teacher()
    lesson = await teacher.ok("POST", "/lessons", {})
    asked = {"kind": "single", "options": ["", "", ""]} | question
    await teacher.ok("POST", f"/lessons/{lesson['id']}/questions", asked)
    return teacher, lesson


def attempt(key: str, question: int = 1, attempt_id: str = "") -> Json:
    return {"question": question, "key": key, "attempt_id": attempt_id or str(uuid4())}


async def test_a_phone_joins_answers_and_changes_its_answer(board: Board) -> None:
    teacher, lesson = await begin(board)
    phone = board.visitor()
    assert await phone.ok("GET", "/s/info") == {"lesson_open": True}
    joined = await phone.ok("POST", "/s/join", {"room_code": f" {lesson['room_code']} "})
    assert joined["number"] == 1
    nothing = {"seat": joined["seat"], "number": 1, "question": 1, "key": None}
    assert await phone.ok("GET", "/s/me") == nothing
    done = await phone.ok("POST", "/s/answer", attempt("A"))
    assert done == {"outcome": "accepted", "code": ""}
    done = await phone.ok("POST", "/s/answer", attempt("c"))
    assert done == {"outcome": "changed", "code": ""}
    done = await phone.ok("POST", "/s/answer", attempt("D"))
    assert done == {"outcome": "rejected", "code": "option_unknown"}
    assert await phone.ok("GET", "/s/me") == nothing | {"key": "C"}
    await phone.ok("POST", "/s/answer", attempt(""))
    assert await phone.ok("GET", "/s/me") == nothing
    state = await teacher.ok("GET", f"/lessons/{lesson['id']}")
    assert [(one["label"], one["present"]) for one in state["respondents"]] == [("1", True)]


async def test_a_tick_means_that_another_program_can_read_the_answer(board: Board) -> None:
    _, lesson = await begin(board)
    phone = await board.phone(lesson)
    await phone.ok("POST", "/s/answer", attempt("B"))
    db = sqlite3.connect(f"file:{board.folder / 'journal.db'}?mode=ro", uri=True)
    kinds = [kind_of(kept) for (kept,) in db.execute("select kind from event")]
    db.close()
    assert kinds[-1] == ResponseRecorded.__name__


async def test_a_phone_keeps_its_seat_in_this_lesson_and_no_other(board: Board) -> None:
    teacher, lesson = await begin(board)
    phone = board.visitor()
    code = {"room_code": lesson["room_code"]}
    first = await phone.ok("POST", "/s/join", code)
    again = await phone.ok("POST", "/s/join", code)
    assert (again["seat"], again["number"]) == (first["seat"], 1)
    other = await board.visitor().ok("POST", "/s/join", code)
    assert other["number"] == 2
    assert len(board.intake.committed.lessons[-1].seats) == 2

    await teacher.ok("POST", f"/lessons/{lesson['id']}/end")
    assert await phone.ok("GET", "/s/info") == {"lesson_open": False}
    assert await phone.refused("POST", "/s/join", code) == "409 no_lesson"
    newer = await teacher.ok("POST", "/lessons", {})
    assert await phone.refused("POST", "/s/answer", attempt("A")) == "409 lesson_over"
    assert await phone.refused("GET", "/s/me") == "409 lesson_over"
    joined = await phone.ok("POST", "/s/join", {"room_code": newer["room_code"]})
    assert (joined["number"], joined["seat"] == first["seat"]) == (1, False)


async def test_an_answer_of_the_lesson_before_is_none_of_this_one(board: Board) -> None:
    teacher, lesson = await begin(board)
    phone = board.visitor()
    before = await phone.ok("POST", "/s/join", {"room_code": lesson["room_code"]})
    await teacher.ok("POST", f"/lessons/{lesson['id']}/end")
    lesson = await teacher.ok("POST", "/lessons", {})
    asked = {"kind": "single", "options": ["", "", ""]}
    await teacher.ok("POST", f"/lessons/{lesson['id']}/questions", asked)
    now = await phone.ok("POST", "/s/join", {"room_code": lesson["room_code"]})
    late = attempt("A") | {"seat": before["seat"]}
    assert await phone.refused("POST", "/s/answer", late) == "409 lesson_over"
    done = await phone.ok("POST", "/s/answer", attempt("A") | {"seat": now["seat"]})
    assert done["outcome"] == "accepted"


async def test_a_seat_token_serves_where_cookies_do_not(board: Board) -> None:
    _, lesson = await begin(board)
    token = (await board.visitor().ok("POST", "/s/join", {"room_code": lesson["room_code"]}))[
        "token"
    ]
    program = board.visitor(Authorization=f"Seat {token}")
    del program.http.headers["Origin"]
    assert (await program.ok("POST", "/s/answer", attempt("A")))["outcome"] == "accepted"
    forged = board.visitor(Authorization=f"Seat {token[:-1]}x")
    assert await forged.refused("POST", "/s/answer", attempt("A")) == "401 join_first"
    teachers = (await board.teacher()).http.cookies["session"]
    thief = board.visitor(Authorization=f"Seat {teachers}")
    assert await thief.refused("POST", "/s/answer", attempt("A")) == "401 join_first"


async def test_an_attempt_sent_again_is_the_same_attempt(board: Board) -> None:
    _, lesson = await begin(board)
    phone = await board.phone(lesson)
    first, second = attempt("A"), attempt("B")
    assert (await phone.ok("POST", "/s/answer", first))["outcome"] == "accepted"
    assert (await phone.ok("POST", "/s/answer", second))["outcome"] == "changed"
    replies = await asyncio.gather(*(phone.ok("POST", "/s/answer", first) for _ in range(4)))
    assert replies == [{"outcome": "accepted", "code": ""}] * 4
    assert (await phone.ok("GET", "/s/me"))["key"] == "B"
    question = board.intake.committed.lessons[-1].questions[0]
    assert question.presses == 2


async def test_an_attempt_id_of_one_phone_is_not_anothers(board: Board) -> None:
    _, lesson = await begin(board)
    one, other = await board.phone(lesson), await board.phone(lesson)
    same = attempt("A")
    assert (await one.ok("POST", "/s/answer", same))["outcome"] == "accepted"
    assert (await other.ok("POST", "/s/answer", same | {"key": "B"}))["outcome"] == "accepted"
    assert (await other.ok("GET", "/s/me"))["key"] == "B"


async def test_an_answer_counts_for_the_question_that_the_phone_showed(board: Board) -> None:
    teacher, lesson = await begin(board)
    phone = await board.phone(lesson)
    at = f"/lessons/{lesson['id']}/questions"
    await teacher.ok("POST", at, {"kind": "true_false"})
    late = await phone.ok("POST", "/s/answer", attempt("A", question=1))
    assert late == {"outcome": "rejected", "code": "question_closed"}
    assert (await phone.ok("GET", "/s/me"))["key"] is None
    assert (await phone.ok("POST", "/s/answer", attempt("A", question=2)))["outcome"] == "accepted"
    assert (await phone.ok("GET", "/s/me"))["key"] == "true"
    unknown = await phone.ok("POST", "/s/answer", attempt("A", question=3))
    assert unknown["outcome"] == "rejected"


async def test_the_first_answer_counts_where_the_question_says_so(board: Board) -> None:
    _, lesson = await begin(board, policy="first_wins")
    phone = await board.phone(lesson)
    await phone.ok("POST", "/s/answer", attempt("A"))
    second = await phone.ok("POST", "/s/answer", attempt("B"))
    assert second == {"outcome": "rejected", "code": "first_answer_counts"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        attempt("A") | {"question": 0},
        attempt("A") | {"question": "one"},
        attempt("A") | {"attempt_id": ""},
        attempt("A") | {"attempt_id": "x" * 65},
        attempt("A") | {"attempt_id": "a b c d e f"},
        attempt("A" * 401),
        attempt("A") | {"seat": "1" * 65},
        attempt("A") | {"student": "1"},
    ],
)
async def test_an_answer_that_is_none_is_refused(board: Board, body: Json) -> None:
    _, lesson = await begin(board)
    phone = await board.phone(lesson)
    assert await phone.refused("POST", "/s/answer", body) == "422 request_invalid"


async def test_an_answer_that_cannot_be_saved_is_not_ticked_and_may_be_sent_again(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phones, "CONFIRM_S", 0.5)
    _, lesson = await begin(board)
    phone = await board.phone(lesson)
    board.journal._db.execute("pragma busy_timeout = 50")  # noqa: SLF001 (not 5 s)
    other = sqlite3.connect(board.folder / "journal.db", isolation_level=None)
    other.execute("begin immediate")
    same = attempt("A")
    answer = await phone.send("POST", "/s/answer", same)
    assert (answer.status_code, answer.json()["code"]) == (503, "not_durable")
    assert answer.headers["retry-after"] == "1"
    assert (await phone.ok("GET", "/s/me"))["key"] is None
    assert board.supervisor.devices()[0].counters["late"] == 1
    other.close()
    assert (await phone.ok("POST", "/s/answer", same))["outcome"] == "accepted"


async def test_a_room_has_a_bound(board: Board) -> None:
    _, lesson = await begin(board)
    seats = board.intake.committed.lessons[-1].seats
    seats |= {f"seat-{number}": number for number in range(MAX_SEATS)}
    visitor = board.visitor()
    code = {"room_code": lesson["room_code"]}
    assert await visitor.refused("POST", "/s/join", code) == "409 seats_full"


async def test_the_desk_holds_so_many_answers_and_no_more() -> None:
    desk = PhoneDesk(now_ns=lambda: 7)
    waiting = [
        asyncio.create_task(desk.answer("s", 1, "A", str(number))) for number in range(MAX_WAITING)
    ]
    await asyncio.sleep(0)
    with pytest.raises(PhonesBusy):
        await desk.answer("s", 1, "A", "one-more")
    assert desk.counters() == {"late": 0, "no_room": 1, "too_many": 0}
    presses = await desk.take()
    assert len(presses) == MAX_WAITING
    assert (presses[0].keypad, presses[0].item, presses[0].mono_ns) == ("s", 1, 7)
    desk.confirm([(press.token or "", Outcome("accepted")) for press in presses])
    assert set(await asyncio.gather(*waiting)) == {Outcome("accepted")}
    desk.confirm([("s:gone", Outcome("accepted"))])


async def test_a_phone_that_hangs_up_leaves_nothing_behind() -> None:
    desk = PhoneDesk(now_ns=lambda: 7)
    waiting = asyncio.create_task(desk.answer("s", 1, "A", "a"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    [press] = await desk.take()
    desk.confirm([(press.token or "", Outcome("accepted"))])
    again = asyncio.create_task(desk.answer("s", 1, "A", "a"))
    await desk.take()
    desk.confirm([(press.token or "", Outcome("accepted"))])
    assert await again == Outcome("accepted")


async def test_a_token_needs_neither_cookie_nor_origin(board: Board) -> None:
    _, lesson = await begin(board)
    phone = await board.phone(lesson)
    token = (await phone.ok("POST", "/s/join", {"room_code": lesson["room_code"]}))["token"]
    for scheme in ("Seat", "Bearer"):
        program = board.visitor(Authorization=f"{scheme} {token}", Cookie="other=1")
        del program.http.headers["Origin"]
        reply = await program.ok("POST", "/s/answer", attempt("A", attempt_id=f"{scheme}.1"))
        assert reply["outcome"] in ("accepted", "changed")


async def test_without_room_a_phone_is_told_so_and_gets_no_tick(board: Board) -> None:
    teacher, lesson = await begin(board)
    phone = await board.phone(lesson)
    board.intake.full = True
    refused = await phone.ok("POST", "/s/answer", attempt("A"))
    assert refused == {"outcome": "rejected", "code": "storage_full"}
    assert (await phone.ok("GET", "/s/me"))["key"] is None
    at = f"/lessons/{lesson['id']}"
    question = {"kind": "single", "options": ["", ""]}
    assert await teacher.refused("POST", f"{at}/questions", question) == "503 storage_full"
    await teacher.ok("POST", f"{at}/end")
    assert await teacher.refused("POST", "/lessons", {}) == "503 storage_full"
