from __future__ import annotations

import asyncio
import stat
from collections import Counter

import httpx
import pytest

from agent.web import pin_hash
from agent.web.auth import FREE_TRIES, SESSION_S, Brake, Cookies, Pairing, PinStore, Screens
from tests.web.room import Board


def other_than(secret: str) -> str:
    return "".join("1" if digit == "0" else "0" for digit in secret)


async def test_the_pin_makes_a_teacher_until_the_browser_signs_out(board: Board) -> None:
    visitor = board.visitor()
    assert await visitor.ok("GET", "/session") == {"role": None}
    assert await visitor.refused("GET", "/lessons") == "401 sign_in_first"
    answer = await visitor.send("POST", "/session", {"pin": board.pin})
    assert answer.json() == {"role": "teacher"}
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert await visitor.ok("GET", "/session") == {"role": "teacher"}
    await visitor.ok("DELETE", "/session")
    assert await visitor.ok("GET", "/session") == {"role": None}


async def test_the_pin_is_on_disk_for_the_agents_user_alone_and_hashed_beside(board: Board) -> None:
    first, hashed = board.folder / "teacher-pin", board.folder / "teacher-pin.argon2"
    for file in (first, hashed, board.folder / "session-key", board.folder / "school-key"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert board.pin not in hashed.read_text()
    assert hashed.read_text().startswith("$argon2id$")
    assert len(board.pin) == 6


async def test_wrong_pins_are_held_back_longer_and_longer(board: Board) -> None:
    visitor = board.visitor()
    for _ in range(FREE_TRIES):
        assert await visitor.refused("POST", "/session", {"pin": "x"}) == "401 pin_wrong"
    answer = await visitor.send("POST", "/session", {"pin": board.pin})
    assert answer.status_code == 429
    assert answer.json()["code"] == "too_many_tries"
    assert int(answer.headers["retry-after"]) >= 1


async def test_who_guesses_pins_holds_back_nobody_else(board: Board) -> None:
    guesser = board.visitor()
    for _ in range(FREE_TRIES):
        await guesser.refused("POST", "/session", {"pin": "x"})
    assert await guesser.refused("POST", "/session", {"pin": "x"}) == "429 too_many_tries"
    elsewhere = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
    async with httpx.AsyncClient(transport=elsewhere, headers={"Origin": board.url}) as teacher:
        answer = await teacher.post(f"{board.url}/api/v1/session", json={"pin": board.pin})
    assert answer.json() == {"role": "teacher"}


async def test_tries_side_by_side_are_not_more_tries(board: Board) -> None:
    visitor = board.visitor()
    answers = await asyncio.gather(
        *(visitor.send("POST", "/session", {"pin": f"{number:06d}"}) for number in range(40))
    )
    seen = Counter(answer.status_code for answer in answers)
    assert seen[401] <= FREE_TRIES
    assert seen[429] >= 40 - FREE_TRIES


async def test_wrong_codes_never_lock_the_pin(board: Board) -> None:
    visitor = board.visitor()
    for _ in range(FREE_TRIES):
        assert await visitor.refused("POST", "/session", {"code": "x"}) == "401 code_wrong"
    assert await visitor.refused("POST", "/session", {"code": "x"}) == "429 too_many_tries"
    await visitor.ok("POST", "/session", {"pin": board.pin})


async def test_a_code_pairs_one_browser_once(board: Board) -> None:
    teacher = await board.teacher()
    pairing = await teacher.ok("POST", "/pairing")
    assert 100 < pairing["expires_s"] <= 120
    assert len(pairing["code"]) == 6
    guest, late = board.visitor(), board.visitor()
    wrong = {"code": other_than(pairing["code"])}
    assert await guest.refused("POST", "/session", wrong) == "401 code_wrong"
    assert await guest.ok("POST", "/session", {"code": pairing["code"]}) == {"role": "guest"}
    assert await late.refused("POST", "/session", {"code": pairing["code"]}) == "401 code_used"


async def test_only_a_teacher_makes_codes_and_allows_screens(board: Board) -> None:
    teacher = await board.teacher()
    guest, projector = await board.guest(teacher), await board.projector(teacher)
    screen = (await board.visitor().ok("POST", "/screens"))["id"]
    for visitor, refusal in (
        (board.visitor(), "401 sign_in_first"),
        (guest, "403 not_allowed"),
        (projector, "403 not_allowed"),
    ):
        assert await visitor.refused("POST", "/pairing") == refusal
        assert await visitor.refused("POST", f"/screens/{screen}/approve") == refusal
        assert await visitor.refused("POST", f"/screens/{screen}/refuse") == refusal
        assert await visitor.refused("GET", "/devices") == refusal


async def test_a_screen_waits_for_the_teacher(board: Board) -> None:
    teacher, screen = await board.teacher(), board.visitor()
    asked = await screen.ok("POST", "/screens")
    sign_in = {"screen": asked["id"]}
    async with teacher.live("teacher") as page:
        assert (await page.next())["screens"] == [asked]
        assert await screen.refused("POST", "/session", sign_in) == "409 screen_waiting"
        await teacher.ok("POST", f"/screens/{asked['id']}/approve")
        await page.until(lambda view: view["screens"] == [])
    assert await screen.ok("POST", "/session", sign_in) == {"role": "projector"}
    other = board.visitor()
    assert await other.refused("POST", "/session", sign_in) == "404 screen_unknown"


async def test_a_screen_that_was_allowed_every_day_need_not_wait(board: Board) -> None:
    teacher = await board.teacher()
    for _ in range(8):
        await board.projector(teacher)


async def test_a_refused_screen_is_not_let_in(board: Board) -> None:
    teacher, screen = await board.teacher(), board.visitor()
    asked = await screen.ok("POST", "/screens")
    await teacher.ok("POST", f"/screens/{asked['id']}/refuse")
    assert await screen.refused("POST", "/session", {"screen": asked["id"]}) == "404 screen_unknown"
    assert await teacher.refused("POST", f"/screens/{asked['id']}/approve") == "404 screen_unknown"


async def test_screens_that_nobody_allows_do_not_pile_up(board: Board) -> None:
    visitor = board.visitor()
    answers = [await visitor.send("POST", "/screens") for _ in range(30)]
    assert answers[0].status_code == 201
    assert answers[-1].status_code == 429
    assert len(board.access.screens.waiting()) <= 8


@pytest.mark.parametrize("body", [{}, {"pin": None}, {"pin": "1", "code": "2"}, {"pine": "1"}, []])
async def test_a_sign_in_is_one_thing(board: Board, body: object) -> None:
    assert await board.visitor().refused("POST", "/session", body) == "422 request_invalid"


@pytest.mark.parametrize("cookie", ["", "x", "7b7d.00", ".", "a.b.c", "\xe9"])
async def test_a_cookie_that_the_board_did_not_sign_is_nobodys(board: Board, cookie: str) -> None:
    own = {b"Cookie": f"session={cookie}".encode("latin-1")}
    answer = await board.visitor().http.get("/api/v1/session", headers=own)
    assert answer.json() == {"role": None}


def test_a_session_ends_and_another_boards_secret_opens_nothing() -> None:
    now_s = 1000.0
    cookies = Cookies(b"s" * 32, boot="a", now_s=lambda: now_s, wall_s=no_time)
    value = cookies.seal(cookies.begin("teacher"))
    opened = cookies.open(value)
    assert opened is not None
    assert opened.role == "teacher"
    others = Cookies(b"t" * 32, boot="a", now_s=lambda: now_s, wall_s=no_time)
    assert others.open(value) is None
    body, _, mark = value.partition(".")
    assert cookies.open(f"{body}.{mark[:-1]}") is None
    now_s += SESSION_S + 1
    assert cookies.open(value) is None


def no_time(_boot: str, _mono_s: float) -> float | None:
    return None


class RestartedBoard:
    """A board's cookies over its boots. `offsets_s`: what it knows, or thinks, of each clock."""

    def __init__(self) -> None:
        self.offsets_s: dict[str, float] = {}
        self.boot("a", at_s=50.0)

    def boot(self, name: str, *, at_s: float) -> None:
        self.now_s = at_s
        self.cookies = Cookies(b"s" * 32, boot=name, now_s=lambda: self.now_s, wall_s=self.wall_s)

    def wall_s(self, boot: str, mono_s: float) -> float | None:
        offset_s = self.offsets_s.get(boot)
        return None if offset_s is None else mono_s + offset_s

    def begin(self) -> str:
        return self.cookies.seal(self.cookies.begin("teacher"))


NOON_S = 1.8e9


def test_a_clock_set_right_ends_no_session_of_this_boot() -> None:
    board = RestartedBoard()
    value = board.begin()
    for wrong_s in (86400.0, NOON_S, 0.0):
        board.offsets_s["a"] = wrong_s
        assert board.cookies.open(value)


def test_a_session_goes_on_after_a_power_cut_until_its_time_is_over() -> None:
    board = RestartedBoard()
    board.offsets_s["a"] = NOON_S
    value = board.begin()
    board.boot("b", at_s=5.0)
    board.offsets_s["b"] = NOON_S + 100
    assert board.cookies.open(value)
    board.now_s = SESSION_S - 51.0
    assert board.cookies.open(value)
    board.now_s = SESSION_S - 49.0
    assert board.cookies.open(value) is None
    board.boot("c", at_s=5.0)
    board.offsets_s["c"] = NOON_S + SESSION_S + 100
    assert board.cookies.open(value) is None


def test_a_clock_learnt_after_the_sign_in_dates_the_session() -> None:
    board = RestartedBoard()
    value = board.begin()  # in 1970: no time is known
    board.offsets_s["a"] = NOON_S
    board.boot("b", at_s=5.0)
    board.offsets_s["b"] = NOON_S + 1000
    assert board.cookies.open(value)
    board.boot("c", at_s=5.0)
    board.offsets_s["c"] = NOON_S + SESSION_S + 1000
    assert board.cookies.open(value) is None


def test_a_clock_set_right_after_a_restart_ends_no_session_in_mid_lesson() -> None:
    board = RestartedBoard()
    board.offsets_s["a"] = NOON_S - 86400  # an estimate: the board was off for a day
    value = board.begin()
    del board.offsets_s["a"]  # never learnt
    board.boot("b", at_s=5.0)
    board.offsets_s["b"] = NOON_S - 86400
    assert board.cookies.open(value)
    board.offsets_s["b"] = NOON_S
    assert board.cookies.open(value)
    board.now_s = SESSION_S + 60.0
    assert board.cookies.open(value) is None


@pytest.mark.parametrize("thought_s", [None, NOON_S + 70 * 365 * 86400])
def test_a_session_of_an_unknown_time_lasts_as_long_as_any(thought_s: float | None) -> None:
    board = RestartedBoard()
    if thought_s is not None:
        board.offsets_s["a"] = thought_s  # a bad clock chip
    value = board.begin()
    board.boot("b", at_s=SESSION_S - 1.0)
    board.offsets_s = {} if thought_s is None else {"b": NOON_S}
    assert board.cookies.open(value)
    board.now_s += 2
    assert board.cookies.open(value) is None


async def test_a_phones_seat_opens_no_page_of_the_teacher(board: Board) -> None:
    teacher = await board.teacher()
    phone = board.visitor()
    lesson = await teacher.ok("POST", "/lessons", {})
    joined = await phone.ok("POST", "/s/join", {"room_code": lesson["room_code"]})
    thief = board.visitor(Cookie=f"session={joined['token']}")
    assert await thief.ok("GET", "/session") == {"role": None}
    assert (await thief.refused("GET", "/lessons")).startswith(("401", "403"))
    assert (await thief.refused("GET", "/live?view=projector")).startswith(("401", "403"))


def test_the_wait_doubles_for_one_client_and_leaves_others_alone() -> None:
    now_s = 0.0
    brake = Brake(lambda: now_s)
    waits = []
    for _ in range(FREE_TRIES + 12):
        brake.failed("a")
        waits.append(brake.wait_s("a"))
    assert waits[: FREE_TRIES - 1] == [0] * (FREE_TRIES - 1)
    assert waits[FREE_TRIES - 1 : FREE_TRIES + 3] == [1, 2, 4, 8]
    assert waits[-1] == waits[-2]
    assert brake.wait_s("b") == 0
    now_s = waits[-1]
    assert brake.wait_s("a") == 0
    brake.passed("a")
    brake.failed("a")
    assert brake.wait_s("a") == 0


def test_a_code_expires_and_a_new_one_voids_the_old() -> None:
    now_s = 0.0
    pairing = Pairing(lambda: now_s)
    old, _ = pairing.make()
    new, _ = pairing.make()
    assert pairing.use(old) == "code_wrong"
    now_s = 120.0
    assert pairing.shown is None
    assert pairing.use(new) == "code_expired"
    assert pairing.use("") == "code_wrong"


def test_a_screen_is_forgotten_after_a_while() -> None:
    now_s = 0.0
    screens = Screens(lambda: now_s)
    asked = screens.ask()
    assert asked is not None
    screens.approve(asked[0])
    now_s = 301.0
    assert screens.redeem(asked[0]) == "unknown"


async def test_a_new_pin_takes_the_place_of_the_first_and_ends_its_sessions(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.web.live.ALIVE_S", 0.05)
    old, signed_in = board.pin, await board.teacher()
    guest, projector = await board.guest(signed_in), await board.projector(signed_in)
    async with signed_in.live("teacher") as page:
        await page.next()
        PinStore(board.folder).keep(await pin_hash.make_hash("271828"))
        with pytest.raises(StopAsyncIteration):
            await page.until(lambda view: False)
    for one in (signed_in, guest, projector):
        assert await one.ok("GET", "/session") == {"role": None}
    visitor = board.visitor()
    assert await visitor.refused("POST", "/session", {"pin": old}) == "401 pin_wrong"
    await visitor.ok("POST", "/session", {"pin": "271828"})
    await PinStore(board.folder).ensure()
    assert not (board.folder / "teacher-pin").exists()


async def test_a_pin_taken_away_ends_all_sessions_and_lets_nobody_in(board: Board) -> None:
    teacher, pin = await board.teacher(), board.pin
    (board.folder / "teacher-pin.argon2").unlink()
    assert await teacher.ok("GET", "/session") == {"role": None}
    assert await teacher.refused("POST", "/session", {"pin": pin}) == "401 pin_wrong"
