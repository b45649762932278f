"""What other sites, other phones and other people in the network may try."""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from uuid import uuid4

import pytest

from agent.web.guard import MAX_BODY_BYTES, MAX_ROSTER_BYTES
from tests.web.room import API, Board

EVIL = "http://evil.example"
CHANGES = [
    ("POST", "/session"),
    ("DELETE", "/session"),
    ("POST", "/screens"),
    ("POST", "/lessons"),
    ("PUT", "/classes/7-3/roster"),
    ("DELETE", "/classes/7-3/bindings"),
    ("POST", "/s/join"),
    ("POST", "/s/answer"),
]


@pytest.mark.parametrize(("method", "path"), CHANGES)
async def test_a_page_of_another_site_changes_nothing(board: Board, method: str, path: str) -> None:
    teacher = await board.teacher()
    for origin in (
        EVIL,
        "null",
        f"{board.url}.evil.example",
        f"{board.url}1",
        "http://127.0.0.1",
        "http://[",
    ):
        headers = {"Origin": origin}
        assert await teacher.refused(method, path, headers=headers) == "403 origin_foreign"


@pytest.mark.parametrize("view", ["teacher", "projector", "student"])
async def test_a_page_of_another_site_sees_no_stream(board: Board, view: str) -> None:
    teacher = await board.teacher()
    path = f"/live?view={view}"
    assert await teacher.refused("GET", path, headers={"Origin": EVIL}) == "403 origin_foreign"
    del teacher.http.headers["Origin"]
    assert await teacher.refused("GET", path) == "403 origin_foreign"
    far = {"Referer": f"{EVIL}/page"}
    assert await teacher.refused("GET", path, headers=far) == "403 origin_foreign"


async def test_a_browser_that_sends_no_origin_is_known_by_its_referrer(board: Board) -> None:
    """Browsers send no Origin with a GET of the same origin."""
    teacher = await board.teacher()
    del teacher.http.headers["Origin"]
    teacher.http.headers["Referer"] = f"{board.url}/"
    async with teacher.live("teacher") as page:
        assert (await page.next())["role"] == "teacher"


async def test_without_a_cookie_no_origin_is_needed(board: Board) -> None:
    program = board.visitor()
    del program.http.headers["Origin"]
    assert await program.ok("POST", "/session", {"pin": board.pin}) == {"role": "teacher"}
    assert await program.refused("POST", "/lessons", {}) == "403 origin_foreign"


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", "", "a b", "[::1", "@"]
)
async def test_the_board_answers_to_its_own_names_alone(board: Board, host: str) -> None:
    answer = await board.visitor().http.get(f"{API}/s/info", headers={"Host": host})
    assert answer.status_code in (400, 421)
    if answer.status_code == 421:
        assert answer.json()["code"] == "host_unknown"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "classroom.example"])
async def test_the_board_answers_to_each_of_its_names(board: Board, host: str) -> None:
    own = f"{host}:{board.web.port}"
    visitor = board.visitor(Host=own, Origin=f"http://{own}")
    await visitor.ok("POST", "/session", {"pin": board.pin})


async def test_an_address_in_a_header_is_not_believed(board: Board) -> None:
    visitor = board.visitor()
    for number in range(12):
        headers = {"X-Forwarded-For": f"10.0.0.{number}", "Forwarded": f"for=10.0.0.{number}"}
        last = await visitor.refused("POST", "/session", {"code": "x"}, headers=headers)
    assert last == "429 too_many_tries"


@pytest.mark.parametrize(
    ("method", "path", "limit_bytes"),
    [("POST", "/session", MAX_BODY_BYTES), ("PUT", "/classes/a/roster", MAX_ROSTER_BYTES)],
)
@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_too_large_is_not_read(
    board: Board, method: str, path: str, limit_bytes: int, announced: bool
) -> None:
    teacher = await board.teacher()
    body = b"x" * (limit_bytes + 1)

    async def pieces() -> Any:
        for start in range(0, len(body), 4096):
            yield body[start : start + 4096]

    headers = {"Content-Type": "application/json"}
    content = body if announced else pieces()
    assert await teacher.refused(method, path, content=content, headers=headers) == "413 too_large"


async def test_every_error_has_one_shape(board: Board) -> None:
    teacher = await board.teacher()
    lesson = await teacher.ok("POST", "/lessons", {})
    at = f"/lessons/{lesson['id']}"
    for method, path, body, refusal in (
        ("GET", "/nowhere", None, "404 not_found"),
        ("PUT", "/session", None, "405 method_not_allowed"),
        ("POST", "/lessons", {"title": 3}, "422 request_invalid"),
        ("POST", "/lessons", {"titel": ""}, "422 request_invalid"),
        ("POST", "/lessons", {}, "409 lesson_open"),
        ("GET", "/lessons/none", None, "404 lesson_unknown"),
        ("PATCH", at, {"class_id": "none"}, "404 class_unknown"),
        ("POST", f"{at}/questions", {"kind": "essay"}, "422 request_invalid"),
        ("POST", f"{at}/questions", {"kind": "single", "options": ["a"]}, "422 options_count"),
        ("POST", f"{at}/questions/1/close", None, "404 question_unknown"),
        ("POST", f"{at}/questions/x/close", None, "422 request_invalid"),
        ("POST", f"{at}/questions/1/show", {"show": "all"}, "422 request_invalid"),
        ("GET", "/live?view=cellar", None, "422 request_invalid"),
        ("GET", "/live?view=ceiling", None, "422 request_invalid"),
        ("POST", "/classes/none/bindings", {"student": "1"}, "404 class_unknown"),
        ("POST", "/devices/none/locate", None, "404 cannot_locate"),
        ("GET", "/s/me", None, "401 join_first"),
    ):
        assert await teacher.refused(method, path, body) == refusal, f"{method} {path}"
    answer = await teacher.http.post(f"{API}/session", content=b"{", headers={"Accept": "*/*"})
    assert answer.status_code == 422
    assert answer.json().keys() == {"code", "where", "hint"}
    page = await teacher.http.get("/")
    assert (page.status_code, page.json()["code"]) == (503, "pages_not_built")


async def test_a_fault_tells_nothing_of_the_inside(
    board: Board, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret of the inside")

    teacher = await board.teacher()
    monkeypatch.setattr(board.supervisor, "devices", broken)
    answer = await teacher.send("GET", "/devices")
    assert answer.status_code == 500
    assert answer.json()["code"] == "fault"
    assert "secret" not in answer.text
    assert "secret of the inside" in caplog.text


async def test_every_answer_carries_the_headers_that_protect_a_page(board: Board) -> None:
    visitor = board.visitor()
    for path in (f"{API}/s/info", f"{API}/nowhere", "/"):
        headers = (await visitor.http.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


async def test_a_guest_runs_the_open_lesson_and_sees_no_other(board: Board) -> None:
    teacher = await board.teacher()
    past = await teacher.ok("POST", "/lessons", {"title": "past"})
    await teacher.ok("POST", f"/lessons/{past['id']}/end")
    for class_id in ("7-3", "8-1"):
        await teacher.ok("PUT", f"/classes/{class_id}/roster", content=b"01,A\n")
    lesson = await teacher.ok("POST", "/lessons", {"class_id": "7-3"})
    at = f"/lessons/{lesson['id']}"
    guest = await board.guest(teacher)

    await guest.ok("POST", f"{at}/questions", {"kind": "true_false"})
    await guest.ok("POST", f"{at}/questions/1/show", {"show": "count"})
    await guest.ok("POST", f"{at}/questions/1/reveal")
    await guest.ok("POST", "/classes/7-3/bindings", {"student": "01", "keypad": "AB"})
    seen = await guest.ok("GET", "/lessons")
    assert [one["id"] for one in seen["lessons"]] == [lesson["id"]]

    bind = {"student": "01", "keypad": "AB"}
    for method, path, body in (
        ("GET", f"/lessons/{past['id']}", None),
        ("PATCH", f"/lessons/{past['id']}", {"class_id": "7-3"}),
        ("PUT", "/classes/7-3/roster", None),
        ("POST", "/classes/8-1/bindings", bind),
        ("DELETE", "/classes/8-1/bindings", {"keypad": "AB"}),
        ("GET", "/devices", None),
        ("POST", "/pairing", None),
    ):
        assert await guest.refused(method, path, body) == "403 not_allowed", f"{method} {path}"

    await guest.ok("POST", f"{at}/end")
    assert await guest.refused("GET", at) == "403 not_allowed"
    assert await guest.refused("POST", "/lessons", {}) == "403 not_allowed"
    assert await guest.ok("GET", "/lessons") == {"lessons": []}


async def test_a_guest_of_the_last_lesson_reaches_nothing_of_the_next(board: Board) -> None:
    teacher = await board.teacher()
    await teacher.ok("PUT", "/classes/7-3/roster", content=b"01,A\n")
    first = await teacher.ok("POST", "/lessons", {"class_id": "7-3"})
    guest = await board.guest(teacher)
    async with guest.live("projector") as screen:
        await screen.next()
        await teacher.ok("POST", f"/lessons/{first['id']}/end")
        second = await teacher.ok("POST", "/lessons", {"class_id": "7-3", "title": "hers"})
        with pytest.raises(StopAsyncIteration):
            await screen.until(lambda view: view["title"] == "hers")
    bind = {"student": "01", "keypad": "AB"}
    for method, path, body in (
        ("GET", f"/lessons/{second['id']}", None),
        ("GET", "/lessons", None),
        ("POST", "/classes/7-3/bindings", bind),
        ("DELETE", "/classes/7-3/bindings", {"keypad": "AB"}),
        ("GET", "/live?view=projector", None),
        ("GET", "/live?view=teacher", None),
        ("GET", "/join.svg", None),
    ):
        assert await guest.refused(method, path, body) == "403 not_allowed", f"{method} {path}"


async def test_a_guests_page_holds_no_code_and_no_screens(board: Board) -> None:
    teacher = await board.teacher()
    await teacher.ok("POST", "/lessons", {})
    guest = await board.guest(teacher)
    await board.visitor().ok("POST", "/screens")
    await teacher.ok("POST", "/pairing")
    async with teacher.live("teacher") as hers, guest.live("teacher") as his:
        view = await hers.next()
        assert view["pairing"] is not None
        assert view["screens"]
        view = await his.next()
        assert (view["role"], view["pairing"], view["screens"]) == ("guest", None, [])


async def test_what_a_role_may_see(board: Board) -> None:
    teacher = await board.teacher()
    lesson = await teacher.ok("POST", "/lessons", {})
    guest, projector = await board.guest(teacher), await board.projector(teacher)
    phone, stranger = await board.phone(lesson), board.visitor()
    for visitor, views in (
        (teacher, {"teacher", "projector"}),
        (guest, {"teacher", "projector"}),
        (projector, {"projector"}),
        (phone, {"student"}),
        (stranger, set[str]()),
    ):
        for view in ("teacher", "projector", "student"):
            if view in views:
                async with visitor.live(view) as page:
                    await page.next()
            else:
                refusal = await visitor.refused("GET", f"/live?view={view}")
                assert refusal.startswith(("401", "403"))
    assert await projector.refused("GET", "/lessons") == "403 not_allowed"
    assert await projector.refused("POST", f"/lessons/{lesson['id']}/end") == "403 not_allowed"


async def test_the_key_leaves_the_board_at_its_reveal_and_not_before(board: Board) -> None:
    teacher = await board.teacher()
    lesson = await teacher.ok("POST", "/lessons", {})
    at = f"/lessons/{lesson['id']}/questions"
    projector, phone = await board.projector(teacher), await board.phone(lesson)
    key = "31337"
    async with projector.live("projector") as screen, phone.live("student") as small:
        asked = await teacher.ok("POST", at, {"kind": "number", "key": [key]})
        assert asked["key"] == [key]
        await phone.ok("POST", "/s/answer", answer(1, "7"))
        for show in ("count", "distribution", "hidden", "distribution"):
            await teacher.ok("POST", f"{at}/1/show", {"show": show})
            view = await screen.until(lambda view, show=show: shown(view) == show)
            assert view["question"]["key"] is None
        assert view["question"]["bars"] == [{"key": "7", "count": 1, "right": None}]
        await teacher.ok("POST", f"{at}/1/close")
        await screen.until(lambda view: view["question"]["asked"]["status"] == "closed")
        await small.until(lambda view: (view["question"] or {}).get("status") == "closed")
        for path in ("/s/me", "/s/info"):
            assert key not in (await phone.http.get(API + path)).text
        assert key not in screen.seen
        assert key not in small.seen
        assert await teacher.refused("POST", f"{at}/1/show", {"show": "key"}) == "409 not_revealed"
        await teacher.ok("POST", f"{at}/1/reveal")
        view = await screen.until(lambda view: shown(view) == "key")
        assert view["question"]["key"] == [key]
        await small.until(lambda view: view["question"]["status"] == "revealed")
        assert key not in small.seen


async def test_a_hidden_question_shows_the_room_no_count(board: Board) -> None:
    teacher = await board.teacher()
    lesson = await teacher.ok("POST", "/lessons", {})
    at = f"/lessons/{lesson['id']}/questions"
    projector = await board.projector(teacher)
    await teacher.ok("POST", at, {"kind": "single", "options": ["", ""], "key": ["A"]})
    await board.press("AB", "A")
    async with projector.live("projector") as screen:
        question = (await screen.next())["question"]
        nothing = dict.fromkeys(("answered", "expected", "bars", "key"))
        assert {name: question[name] for name in nothing} == nothing
        await teacher.ok("POST", f"{at}/1/show", {"show": "count"})
        question = (await screen.until(lambda view: shown(view) == "count"))["question"]
        assert (question["answered"], question["bars"]) == (1, None)


async def test_names_are_in_no_view_of_the_room_and_in_no_journal(board: Board) -> None:
    teacher = await board.teacher()
    await teacher.ok("PUT", "/classes/7-3/roster", content="20260101,甲同学,AB,04A3B2\n".encode())
    lesson = await teacher.ok("POST", "/lessons", {"class_id": "7-3"})
    projector, phone = await board.projector(teacher), await board.phone(lesson)
    await teacher.ok("POST", f"/lessons/{lesson['id']}/questions", {"kind": "number"})
    await board.press("AB", "5")
    await board.tap("04A3B2")
    async with (
        projector.live("projector") as screen,
        phone.live("student") as small,
        teacher.live("teacher") as page,
    ):
        for one in (screen, small, page):
            await one.next()
        health = await board.visitor().http.get(f"{API}/health")
        assert "甲同学" in page.seen
        journal = b"".join(file.read_bytes() for file in board.folder.glob("journal.db*"))
        for secret in ("甲同学", "20260101", "04A3B2"):
            assert secret not in screen.seen + small.seen + health.text
            assert secret.encode() not in journal


async def test_logs_hold_no_names_codes_or_tokens(
    board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("httpcore").setLevel(logging.WARNING)
    teacher = await board.teacher()
    await teacher.ok("PUT", "/classes/7-3/roster", content="20260101,甲同学\n".encode())
    lesson = await teacher.ok("POST", "/lessons", {"class_id": "7-3"})
    phone = board.visitor()
    token = (await phone.ok("POST", "/s/join", {"room_code": lesson["room_code"]}))["token"]
    code = (await teacher.ok("POST", "/pairing"))["code"]
    await phone.refused("POST", "/session", {"code": "31337"})
    for secret in ("甲同学", "20260101", lesson["room_code"], token, code, board.pin, "31337"):
        assert secret not in caplog.text


async def test_a_flood_of_one_phone_holds_up_no_other(board: Board) -> None:
    teacher = await board.teacher()
    lesson = await teacher.ok("POST", "/lessons", {})
    await teacher.ok("POST", f"/lessons/{lesson['id']}/questions", {"kind": "true_false"})
    mad, calm = await board.phone(lesson), await board.phone(lesson)
    flood = [mad.send("POST", "/s/answer", answer(1, "A")) for _ in range(60)]
    answers, calm_answer = await asyncio.gather(
        asyncio.gather(*flood), calm.send("POST", "/s/answer", answer(1, "B"))
    )
    assert calm_answer.json() == {"outcome": "accepted", "code": ""}
    refused = [one for one in answers if one.status_code == 429]
    assert len(refused) >= 30
    assert all(one.json()["code"] == "too_many_presses" for one in refused)
    assert all(int(one.headers["retry-after"]) >= 1 for one in refused)


async def test_guessing_room_codes_is_slowed_down(board: Board) -> None:
    teacher = await board.teacher()
    lesson = await teacher.ok("POST", "/lessons", {})
    phone = board.visitor()
    wrong = f"{(int(lesson['room_code']) + 1) % 10_000:04d}"
    seen = [await phone.refused("POST", "/s/join", {"room_code": wrong}) for _ in range(12)]
    assert seen[0] == "401 room_code_wrong"
    assert seen[-1] == "429 too_many_tries"


def answer(question: int, key: str, attempt_id: str = "") -> dict[str, object]:
    return {"question": question, "key": key, "attempt_id": attempt_id or str(uuid4())}


def shown(view: dict[str, Any]) -> str:
    question: dict[str, Any] = view["question"] or {}
    return str(question.get("show", ""))


async def test_a_class_behind_one_address_may_mistype(board: Board) -> None:
    teacher = await board.teacher()
    lesson = await teacher.ok("POST", "/lessons", {})
    right = lesson["room_code"]
    wrong = {"room_code": "0000" if right != "0000" else "0001"}
    for _ in range(8):
        assert await board.visitor().refused("POST", "/s/join", wrong) == "401 room_code_wrong"
        await board.phone(lesson)
