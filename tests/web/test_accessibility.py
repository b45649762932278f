"""No page, in no state, language or light, is out of reach of anybody: axe finds nothing."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.web.browser_room import ROOT, Room

AXE = ROOT / "frontend/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ROSTER = "1,甲同学,82E97001\n2,乙同学,82E97002\n3,Ann,82E97003\n"
CHANGED = "学号,姓名,鞋码\n1,甲同學,\n2,\n4,<b>\n3,Ann,\n5,戊同学,\n"
LOOKS = [
    pytest.param({"locale": "zh-CN", "color_scheme": "light"}, id="zh-light"),
    pytest.param({"locale": "en-GB", "color_scheme": "dark"}, id="en-dark"),
]
SMALLEST_SHARE = 1 / 30
"""Smallest text on the projector, of the screen's height: the last row reads it."""

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
def room(room: Room) -> Room:
    """With a class to choose."""
    room.agent.put_roster("7-3", ROSTER)
    return room


def check(page: Page, state: str) -> None:
    """Axe has nothing to say, and nothing sticks out of the window's side."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = page.evaluate(
        "rules => axe.run(document, {runOnly: rules}).then(found => found.violations)", RULES
    )
    said = [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]]
    assert said == [], state
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, state


@pytest.mark.parametrize(
    ("looks", "width"),
    [(LOOKS[0].values[0], 1440), (LOOKS[1].values[0], 360)],
    ids=["desk", "hand"],
)
def test_the_teachers_page(room: Room, looks: dict[str, str], width: int) -> None:
    size = {"viewport": {"width": width, "height": 860}}
    page = room.open("/", **looks, **size)
    check(page, "sign in with the PIN")
    page.locator(".segments button").nth(1).click()
    page.locator("input.secret").fill("000000")
    page.locator("form.sign-in button[type=submit]").click()
    expect(page.locator(".trouble")).to_be_visible()
    check(page, "sign in with a wrong code")

    page = room.teacher(**looks, **size)
    expect(page.locator(".class-button")).to_be_visible()
    page.locator(".fold > summary").first.click()
    given: FilePayload = {"name": "7-3.csv", "mimeType": "text/csv", "buffer": CHANGED.encode()}
    page.locator(".roster input[type=file]").set_input_files(given)
    page.get_by_test_id("roster-take").wait_for()
    for more in page.locator(".roster-people summary").all():
        more.click()
    check(page, "before the lesson, a roster looked over")
    bring_set(page)
    page.locator(".class-button").click()
    next_step = page.get_by_test_id("next")
    next_step.wait_for()
    page.locator(".sets select").select_option(index=1)
    page.locator(".prepared-foot button").click()
    page.locator(".sets details summary").click()
    check(page, "nothing asked, a question of a set stands ready")
    page.locator(".sets select").select_option("")
    page.locator(".ask-more summary").click()
    page.locator(".bind .private-head button").click()
    page.locator(".bind-student").first.click()
    check(page, "binding a keypad")
    for place in range(3):
        page.locator(".popover > button").nth(place).click()
        check(page, f"popover {place}")
        page.keyboard.press("Escape")
    phone = room.phone(page)
    page.locator(".key").nth(1).click()
    next_step.click()
    phone.locator(".tile").nth(1).click()
    expect(page.locator(".seat.filled")).to_have_count(1)
    check(page, "a question is open")
    page.locator(".seats-block .button").click()
    page.locator(".private .button").click()
    steer(page, phone)
    next_step.click()
    expect(page.locator(".status.revealed")).to_be_visible()
    check(page, "revealed")
    page.locator(".class-picker select").select_option("")
    expect(page.locator(".notice").last).to_be_visible()
    check(page, "a notice with undo")
    page.context.set_offline(True)
    expect(page.locator(".banner.warning")).to_be_visible()
    check(page, "the line is cut")


def bring_set(page: Page) -> None:
    """A set from a file, with something to say of it."""
    page.locator(".set-files summary").click()
    page.locator(".set-files input[type=file]").set_input_files(
        {"name": "a.gift", "mimeType": "text/plain", "buffer": b"$x^2$? {~1 =2}\n\nEssay {}"}
    )
    expect(page.locator(".set-problems li")).to_be_visible()
    check(page, "a file of questions is looked at")
    page.locator(".set-actions .primary").click()
    expect(page.locator(".set-line")).to_be_visible()
    check(page, "a set is on the board")


def steer(page: Page, phone: Page) -> None:
    """From an open question that the phone has answered right, to its second round, closed."""
    next_step = page.get_by_test_id("next")
    page.locator(".timer-steps .button").click()
    page.locator(".timer-steps .icon-only").click()
    page.locator(".ask .switch input").first.check()
    expect(page.locator(".awaited")).to_be_visible()
    check(page, "names, answers and distribution are shown, the timer is paused")
    page.locator(".seat-enter").nth(1).click()
    check(page, "an answer is entered for a student")
    page.locator(".enter .key").first.click()
    expect(page.locator(".seat-entered")).to_have_count(1)
    next_step.click()
    expect(page.locator(".status.closed")).to_be_visible()
    check(page, "closed, one of two is right")
    page.get_by_test_id("discuss").click()
    expect(page.locator(".status.open")).to_be_visible()
    phone.locator(".tile").nth(1).click()
    expect(page.locator(".seat.filled")).to_have_count(1)
    next_step.click()
    page.get_by_test_id("rounds").click()
    expect(page.locator(".paired b")).to_have_text(["1", "0", "0", "0"])
    check(page, "two rounds are compared")
    page.locator(".question-steps .button").last.click()
    expect(page.locator(".past-list .button")).to_be_visible()
    check(page, "a round is void")
    page.locator(".notice-action").last.click()
    expect(page.locator(".past-again")).to_have_count(0)  # the newest round is on the card
    expect(page.locator(".past-list .button")).to_have_count(0)


@pytest.mark.parametrize("looks", LOOKS)
def test_the_projectors_page(room: Room, looks: dict[str, str]) -> None:
    wide = {"viewport": {"width": 1280, "height": 720}}
    page = room.open("/projector", **looks, **wide)
    expect(page.locator(".huge-code")).not_to_have_text("··")
    look(page, "asks to be allowed")
    teacher = room.lesson()
    teacher.locator(".banner .primary").click()
    expect(page.locator(".join img")).to_be_visible()
    look(page, "how to join")
    phone = room.phone(teacher)
    shows = teacher.locator(".segments.four button")
    teacher.locator(".kind").nth(5).click()
    teacher.locator(".ask > .button").click()
    phone.locator("textarea").fill("甲" * 200)
    phone.locator(".send").click()
    teacher.locator(".private .button").first.click()
    teacher.locator(".texts .button").click()
    expect(page.locator(".said")).to_be_visible()
    check(teacher, "a text is shown")
    look(page, "a text is shown")
    teacher.locator(".kind").nth(6).click()
    teacher.locator(".ends-row input").first.fill("完全没听懂")
    teacher.locator(".ask > .button").click()
    expect(page.locator(".steps")).to_be_visible()
    look(page, "a scale")
    for kind, taps in enumerate(([1], [0, 2], [0])):
        teacher.locator(".kind").nth(kind).click()
        teacher.locator(".key").first.click()
        teacher.locator(".ask > .button").click()
        expect(page.locator("h1")).to_contain_text(str(kind + 3))
        look(page, f"kind {kind}, hidden")
        for tap in taps:
            phone.locator(".tile").nth(tap).click()
        if kind == 1:
            phone.locator(".send").click()
        expect(phone.locator(".in")).to_be_visible()
        shows.nth(1).click()
        expect(page.locator(".count b")).to_have_text("1")
        look(page, f"kind {kind}, count")
        shows.nth(2).click()
        expect(page.locator(".bar").first).to_be_visible()
        look(page, f"kind {kind}, distribution")
        shows.nth(3).click()
        expect(page.locator(".bar.right").first).to_be_visible()
        look(page, f"kind {kind}, key")


def look(page: Page, state: str) -> None:
    """As `check`, and every letter is large enough."""
    check(page, state)
    small = page.evaluate(
        """share => [...document.querySelectorAll("body *")]
            .filter(one => !one.closest(".aloud") && one.getClientRects().length > 0)
            .filter(one => [...one.childNodes].some(at => at.nodeType === 3 && at.data.trim()))
            .filter(one => parseFloat(getComputedStyle(one).fontSize) < innerHeight * share)
            .map(one => one.outerHTML.slice(0, 120))""",
        SMALLEST_SHARE,
    )
    assert small == [], state


@pytest.mark.parametrize("looks", LOOKS)
def test_the_students_page(room: Room, looks: dict[str, str]) -> None:
    small = {"viewport": {"width": 360, "height": 640}}
    page = room.open("/s", **looks, **small)
    page.locator("input.code").wait_for()
    check(page, "join")
    page.locator("input.code").fill("x")
    page.locator(".send").click()
    expect(page.locator(".trouble")).to_be_visible()
    check(page, "a wrong code, or no lesson")
    teacher = room.lesson()
    page = room.phone(teacher, **looks, **small)
    expect(page.locator(".pulse")).to_be_visible()
    check(page, "waiting")
    for number, kind in enumerate((6, 7, 8, 5, 0, 1, 2, 3), start=1):
        teacher.locator(".kind").nth(kind).click()
        teacher.locator(".ask > .button").click()
        expect(page.locator("h1")).to_contain_text(str(number))
        check(page, f"kind {kind}")
        if kind in (0, 2):
            page.locator(".tile").first.click()
            expect(page.locator(".in")).to_be_visible()
            check(page, f"kind {kind}, answered")
    page.context.set_offline(True)
    page.locator(".pad button").first.click()
    page.locator(".send").click()
    expect(page.locator(".outcome .trouble")).to_be_visible()
    check(page, "offline")
    page.context.set_offline(False)
    expect(page.locator(".in")).to_be_visible()
    teacher.get_by_test_id("next").click()
    expect(page.locator(".pad button").first).to_be_disabled()
    check(page, "closed")
    room.agent.end_lesson()
    expect(page.locator(".plain")).to_be_visible()
    check(page, "over")
