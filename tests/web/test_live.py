from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import get_args

import pytest

from agent.web import live
from agent.web.live import Live, PageView
from agent.web.round_views import TimerView
from agent.web.views import AskedView, StorageHealth, StudentView
from tests.web.room import API, Board


class Source:
    """What a page shows, and how often it was built."""

    def __init__(self) -> None:
        self.text = "one"
        self.age_ms = 0
        self.built_for: list[PageView] = []
        self.live = Live({view: partial(self.build, view) for view in get_args(PageView)})

    @property
    def built(self) -> int:
        return len(self.built_for)

    def build(self, view: PageView, version: int) -> StudentView:
        self.built_for.append(view)
        asked = AskedView(
            number=1,
            kind="single",
            options=[self.text],
            status="open",
            policy="last_wins",
            opened_ago_ms=self.age_ms,
            timer_s=60,
            timer=TimerView(left_ms=60_000 - self.age_ms, running=True, changes=0),
        )
        return StudentView(version=version, lesson="l", question=asked)

    def change(self, text: str) -> None:
        self.text = text
        self.live.changed()

    def look(
        self, allowed: Callable[[], bool] = lambda: True, view: PageView = "student"
    ) -> AsyncGenerator[bytes, None]:
        return self.live.stream(view, allowed)


def said(frame: bytes) -> str:
    head, data, *rest = frame.decode().split("\n")
    assert (head, rest) == ("event: view", ["", ""])
    return str(json.loads(data.removeprefix("data: "))["question"]["options"][0])


async def test_who_looks_sees_the_newest_at_once_and_each_change() -> None:
    source = Source()
    page = source.look()
    assert said(await anext(page)) == "one"
    source.change("two")
    assert said(await anext(page)) == "two"


async def test_changes_close_together_are_one_and_the_newest_wins() -> None:
    source = Source()
    page = source.look()
    await anext(page)
    source.change("two")
    await anext(page)
    before = source.built
    for number in range(100):
        source.change(str(number))
    assert said(await anext(page)) == "99"
    assert source.built == before + 1


async def test_all_who_look_share_the_same_bytes() -> None:
    source = Source()
    pages = [source.look() for _ in range(50)]
    for page in pages:
        await anext(page)
    built = source.built
    source.change("two")
    frames = [await anext(page) for page in pages]
    assert len({id(frame) for frame in frames}) == 1
    assert source.built == built + 1


async def test_a_slow_reader_misses_versions_and_delays_nobody() -> None:
    source = Source()
    quick, slow = source.look(), source.look()
    await anext(quick)
    await anext(slow)
    for text in ("two", "three", "four"):
        source.change(text)
        assert said(await anext(quick)) == text
    assert said(await anext(slow)) == "four"


async def test_what_is_as_it_was_is_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "ALIVE_S", 0.2)
    source = Source()
    page = source.look()
    await anext(page)
    source.age_ms = 500
    source.change("one")
    assert await anext(page) == live.ALIVE


async def test_a_page_that_comes_later_is_told_ages_of_its_own_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "FRESH_S", 0.0)
    source = Source()
    await anext(source.look())
    source.age_ms = 30_000
    frame = await anext(source.look())
    assert b'"opened_ago_ms":30000' in frame


async def test_a_text_that_looks_like_an_age_is_a_change() -> None:
    source = Source()
    source.text = '"opened_ago_ms":1'
    page = source.look()
    await anext(page)
    source.change('"opened_ago_ms":2')
    assert said(await anext(page)) == '"opened_ago_ms":2'


async def test_what_a_newcomer_brings_to_light_reaches_the_others_too() -> None:
    source = Source()
    first = source.look()
    await anext(first)
    source.change("two")
    second = source.look()
    assert said(await anext(second)) == "two"
    assert said(await anext(first)) == "two"


async def test_nothing_is_built_while_nobody_looks() -> None:
    source = Source()
    page = source.look()
    await anext(page)
    await page.aclose()
    assert source.live.readers == 0
    wall = source.look(view="projector")
    await anext(wall)
    source.built_for.clear()
    source.change("two")
    assert said(await anext(wall)) == "two"
    assert source.built_for == ["projector"]


async def test_the_stop_ends_every_stream() -> None:
    source = Source()
    pages = [source.look() for _ in range(5)]
    for page in pages:
        await anext(page)
    ends = [asyncio.ensure_future(anext(page, b"over")) for page in pages]
    await asyncio.sleep(0)
    source.live.stop()
    assert await asyncio.gather(*ends) == [b"over"] * 5


async def test_who_may_no_longer_look_is_cut_off() -> None:
    source = Source()
    allowed = True
    page = source.look(lambda: allowed)
    await anext(page)
    allowed = False
    source.change("two")
    assert await anext(page, b"over") == b"over"


async def test_a_stopping_board_ends_its_streams(board: Board) -> None:
    teacher = await board.teacher()
    async with teacher.live("teacher") as page:
        await page.next()
        await board.web.__aexit__()
        with pytest.raises(StopAsyncIteration):
            await page.until(lambda _: False)


async def test_a_teachers_page_follows_the_lesson(board: Board) -> None:
    teacher = await board.teacher()
    async with teacher.live("teacher") as page:
        view = await page.next()
        assert (view["role"], view["device"], view["room"]) == ("teacher", "board-1", "r301")
        assert (view["lesson"], view["journal_ok"]) == (None, True)
        lesson = await teacher.ok("POST", "/lessons", {})
        asked = {"kind": "multiple", "options": ["", "", ""], "key": ["A", "C"]}
        await teacher.ok("POST", f"/lessons/{lesson['id']}/questions", asked)
        await board.press("AA", "AC")
        await board.press("BB", "A")
        view = await page.until(lambda view: (view["lesson"] or {}).get("present") == 2)
        question = view["lesson"]["question"]
        assert (question["answered"], question["right"], question["key"]) == (2, 1, ["AC"])
        assert [bar["count"] for bar in question["bars"]] == [2, 0, 1]
        versions = [
            json.loads(line[5:])["version"] for line in page.seen.split("\n") if "{" in line
        ]
        assert versions == sorted(set(versions))


async def test_a_phone_of_the_last_lesson_is_told_of_its_end_and_sees_no_other(
    board: Board,
) -> None:
    teacher = await board.teacher()
    lesson = await teacher.ok("POST", "/lessons", {})
    phone = await board.phone(lesson)
    async with phone.live("student") as page:
        assert (await page.next())["lesson"] == lesson["id"]
        await teacher.ok("POST", f"/lessons/{lesson['id']}/end")
        assert (await page.until(lambda view: view["lesson"] is None))["question"] is None
        async with phone.live("student") as reloaded:
            assert (await reloaded.next())["lesson"] is None
        newer = await teacher.ok("POST", "/lessons", {})
        with pytest.raises(StopAsyncIteration):
            await page.until(lambda _: False)
        assert newer["id"] not in page.seen
    assert await phone.refused("GET", "/live?view=student") == "409 lesson_over"


async def test_a_trouble_of_a_device_or_of_the_line_shows_without_an_event(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = await board.teacher()
    async with teacher.live("teacher") as page:
        assert (await page.next())["cloud"] == {"state": "off", "waiting": 0, "aside": 0}
        trouble = type(board.cloud)(state="connecting", waiting=7, aside=1)
        monkeypatch.setattr(board, "cloud", trouble)
        view = await page.until(lambda view: view["cloud"]["waiting"] == 7)
        assert view["cloud"]["aside"] == 1
        assert view["devices"][0]["state"] == "ready"


async def test_a_page_that_names_no_view_sees_that_of_its_role(board: Board) -> None:
    teacher = await board.teacher()
    async with teacher.http.stream("GET", f"{API}/live") as answer:
        assert answer.status_code == 200
        lines = answer.aiter_lines()
        assert await anext(lines) == "event: view"
        assert '"role":"teacher"' in await anext(lines)
    assert await board.visitor().refused("GET", "/live") == "401 join_first"


async def test_the_teacher_sees_how_much_room_there_is_and_health_says_when_there_is_none(
    board: Board,
) -> None:
    teacher = await board.teacher()
    async with teacher.live("teacher") as page:
        assert (await page.next())["storage"]["room"] == "ok"
        board.storage = StorageHealth(room="low", reason="journal", used_percent=83)
        board.web.live.changed()
        view = await page.until(lambda view: view["storage"]["room"] == "low")
        assert (view["storage"]["reason"], view["storage"]["used_percent"]) == ("journal", 83)
    board.storage = StorageHealth(room="full", reason="disk", free_bytes=1, damaged_files=2)
    answer = await board.visitor().send("GET", "/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "degraded")
    assert answer.json()["storage"]["damaged_files"] == 2
