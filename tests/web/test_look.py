"""Long texts and many options: nothing is cut off, laid over another, or off the screen."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.web.browser_room import Room

pytestmark = pytest.mark.needs("chromium")
LONG = ("一个物体不受外力时保持静止或匀速直线运动; " * 20)[:200]
OFF_SCREEN = """names => names.flatMap(name => [...document.querySelectorAll(name)])
    .filter(one => one.getBoundingClientRect().bottom > innerHeight + 1)
    .map(one => one.outerHTML.slice(0, 80))"""
OVERLAPPING = """name => {
    const boxes = [...document.querySelectorAll(name)].map(one => one.getBoundingClientRect());
    return boxes.flatMap((a, i) => boxes.slice(i + 1).filter(b => a.left < b.right - 1
        && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)).length;
}"""
OVERFULL = """name => [...document.querySelectorAll(name)]
    .filter(one => one.scrollHeight > one.clientHeight + 1 || one.scrollWidth > one.clientWidth + 1)
    .length"""


def ask(teacher: Page, **question: Any) -> None:
    body: dict[str, Any] = {
        "kind": "single",
        "options": [],
        "key": None,
        "timer_s": None,
        "policy": "last_wins",
    }
    teacher.evaluate(
        """async body => {
            const lessons = await (await fetch("/api/v1/lessons")).json();
            const headers = {"Content-Type": "application/json"};
            const at = `/api/v1/lessons/${lessons.lessons[0].id}/questions`;
            await fetch(at, {method: "POST", headers, body: JSON.stringify(body)});
        }""",
        body | question,
    )


@pytest.mark.parametrize("options", [["A"] * 10, [LONG] * 10, [LONG] * 4, [LONG, "x"]])
@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080)])
def test_the_room_sees_every_option(room: Room, options: list[str], size: tuple[int, int]) -> None:
    wide = {"width": size[0], "height": size[1]}
    teacher = room.lesson(viewport=wide)
    wall = room.teacher(viewport=wide)
    wall.goto(f"{room.agent.url}/projector")
    ask(teacher, options=options, kind="multiple", key=["A"])
    expect(wall.locator(".choices li")).to_have_count(len(options))
    shows = teacher.locator(".segments.four button")
    shows.nth(1).click()
    expect(wall.locator(".count b")).to_be_visible()
    assert wall.evaluate(OFF_SCREEN, [".choices li", "footer", ".how"]) == []
    assert wall.evaluate(OVERLAPPING, ".choices li, footer, .how") == 0
    shows.nth(3).click()
    expect(wall.locator(".bar.right").first).to_be_visible()
    assert wall.evaluate(OFF_SCREEN, [".bar", "footer", ".right-key"]) == []
    assert wall.evaluate(OVERLAPPING, ".bar, footer, .right-key") == 0


@pytest.mark.parametrize("options", [[LONG] * 4, [LONG] * 10])
def test_the_room_sees_every_option_beside_the_board(room: Room, options: list[str]) -> None:
    teacher = room.lesson()
    wall = room.teacher(viewport={"width": 1920, "height": 1080})
    wall.goto(f"{room.agent.url}/projector")
    ask(teacher, options=options)
    expect(wall.locator(".choices li")).to_have_count(len(options))
    wall.mouse.move(300, 300)
    wall.locator(".tools button").nth(2).click()
    expect(wall.locator(".boarded-options li")).to_have_count(len(options))
    assert wall.evaluate(OFF_SCREEN, [".boarded-options li"]) == []
    assert wall.evaluate(OVERFULL, ".boarded-options") == 0


@pytest.mark.parametrize("count", [2, 4, 10])
def test_a_phones_tile_holds_its_text(room: Room, count: int) -> None:
    teacher = room.lesson()
    phone = room.phone(teacher)
    ask(teacher, options=[LONG] * count)
    expect(phone.locator(".tile")).to_have_count(count)
    assert phone.evaluate(OVERFULL, ".tile") == 0
    assert phone.evaluate(OVERLAPPING, ".tile") == 0


@pytest.mark.parametrize("kind", ["single", "multiple"])
def test_what_became_of_an_answer_is_in_view_above_however_many_options(
    room: Room, kind: str
) -> None:
    teacher = room.lesson()
    phone = room.phone(teacher)
    ask(teacher, options=[LONG] * 10, kind=kind)
    expect(phone.locator(".tile")).to_have_count(10)
    phone.locator(".tile").first.click()
    if kind == "multiple":
        expect(phone.locator(".send")).to_be_in_viewport(ratio=1)
        phone.locator(".send").click()
    expect(phone.locator(".outcome .in")).to_be_in_viewport(ratio=1)
    phone.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    expect(phone.locator(".tile").last).to_be_in_viewport()
    assert phone.evaluate(OVERLAPPING, "li:last-child .tile, .foot") == 0


@pytest.mark.parametrize("width", [360, 1280])
def test_the_texts_beside_the_bars_are_whole(room: Room, width: int) -> None:
    teacher = room.lesson(viewport={"width": width, "height": 800})
    ask(teacher, options=["保持静止或匀速直线运动", "作匀加速直线运动", "自由落体运动", "圆周运动"])
    teacher.locator(".private button[aria-expanded]").click()
    expect(teacher.locator(".bar-text")).to_have_count(4)
    assert teacher.evaluate(OVERFULL, ".bar-text") == 0
    assert teacher.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("width", [320, 360, 768])
def test_the_head_of_the_page_has_room_for_all(room: Room, width: int) -> None:
    page = room.teacher(viewport={"width": width, "height": 700})
    parts = ".mark, .top h1, .room-name, .top-tools"
    assert page.locator(".top-tools").is_visible()
    assert page.evaluate(OVERLAPPING, parts) == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
