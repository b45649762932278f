"""A set from its file to the room: brought, looked at, asked by the space bar, with formulas."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.web.browser_room import Room

pytestmark = pytest.mark.needs("chromium")
GIFT = """\
$CATEGORY: 一元二次方程

// [tag:求根公式] [timer:60]
方程 $x^2-5x+6\\=0$ 的根是？{~$x\\=1$ ~$\\\\frac\\{1\\}\\{2\\}$ =$x_1\\=2,\\\\ x_2\\=3$ ~无实根}

论述题 {}

判别式小于零时，方程有两个实根。{F}
"""


def test_a_set_is_brought_and_its_questions_are_asked_by_the_space_bar(room: Room) -> None:
    teacher = room.teacher()
    teacher.locator(".set-files summary").click()
    teacher.locator(".set-files input[type=file]").set_input_files(
        {"name": "unit 3.gift", "mimeType": "text/plain", "buffer": GIFT.encode()}
    )
    expect(teacher.locator(".set-found")).to_contain_text("2")
    expect(teacher.locator(".set-problems li")).to_have_count(1)
    expect(teacher.locator(".set-problems li")).to_contain_text("论述题")
    expect(teacher.locator(".set-files .field input")).to_have_value("一元二次方程")
    teacher.locator(".set-actions .primary").click()
    line = teacher.locator(".set-line")
    expect(line).to_contain_text("一元二次方程")
    with teacher.expect_download() as started:
        line.locator("a").first.click()
    exported = started.value.path().read_text(encoding="utf-8")
    assert "[tag:求根公式] [timer:60]" in exported
    teacher.locator(".start-card .button.big").click()
    teacher.locator(".sets-head select").select_option(index=1)
    ready = teacher.locator(".prepared")
    expect(ready.locator(".formula .katex").first).to_be_visible()
    expect(ready.locator(".tick")).to_have_count(0)  # private until tapped
    ready.locator(".prepared-foot button").click()
    expect(ready.locator("li:has(.tick) b")).to_have_text("C")

    wall = room.teacher(viewport={"width": 1280, "height": 720})
    wall.goto(f"{room.agent.url}/projector")
    phone = room.phone(teacher)
    teacher.keyboard.press("Space")
    expect(teacher.locator(".status.open")).to_be_visible()
    expect(wall.locator(".stem .katex")).to_be_visible()
    expect(wall.locator(".choices .katex")).to_have_count(3)
    expect(wall.locator(".time")).to_be_visible()
    expect(phone.locator(".stem")).to_have_text("方程 $x^2-5x+6=0$ 的根是？")
    expect(phone.locator(".tile-text").last).to_have_text("无实根")
    expect(ready.locator(".prepared-text")).to_contain_text("判别式")  # the next one stands ready
    for status in ("closed", "revealed", "open"):
        teacher.keyboard.press("Space")
        expect(teacher.locator(f".status.{status}")).to_be_visible()
    expect(wall.locator(".stem")).to_have_text("判别式小于零时，方程有两个实根。")
    expect(teacher.locator(".asked-before")).to_be_visible()
    teacher.locator(".sets details summary").click()
    expect(teacher.locator(".set-items .asked-mark")).to_have_count(2)

    teacher.locator(".ask .accent").click()  # by hand it stays two taps, the set beside it
    expect(wall.locator(".stem")).to_have_count(0)
    expect(teacher.locator("#question-title")).to_contain_text(re.compile("3"))
