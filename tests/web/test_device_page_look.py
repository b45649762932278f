"""The device page in a real browser: reached, read, left."""

from __future__ import annotations

import os
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.web.browser_room import Agent, Room
from tests.web.test_accessibility import check
from tests.web.test_look import OVERLAPPING

pytestmark = pytest.mark.needs("chromium")
CARD = b"\x021200BC614E81\x03"
LONG = "reader-at-the-door-of-the-lab-40-letters"


class Reader:
    """A card reader on a pseudo-terminal."""

    def __init__(self) -> None:
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self.path = os.ttyname(self._theirs)

    def lay(self) -> None:
        """Lay a card on it."""
        os.write(self._ours, CARD)

    def close(self) -> None:
        """Unplug it."""
        os.close(self._ours)
        os.close(self._theirs)


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    reader = Reader()
    yield reader
    reader.close()


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory, reader: Reader) -> Iterator[Agent]:
    """With twelve devices: one that works, one by a wrong name, and many that are not there."""
    agent = Agent(tmp_path_factory.mktemp("agent"))
    agent.add_device(id=LONG, driver="card.em4100", port=reader.path)
    agent.add_device(id="foreign", driver="card.em4100", port=str(Path(__file__)))
    for number in range(8):
        agent.add_device(id=f"base-{number}", driver="clicker.xes", port=f"/dev/none-{number}")
    try:
        agent.start()
        yield agent
    finally:
        agent.stop()


def device_page(room: Room, **looks: object) -> Page:
    page = room.teacher(**looks)
    page.locator(".top-tools .popover > button").first.click()
    page.locator(".devices-head button").click()
    expect(page.locator(".device-card[data-state]")).to_have_count(12)
    return page


@pytest.mark.parametrize(
    ("locale", "scheme", "width"),
    [("zh-CN", "light", 1440), ("en-GB", "dark", 360), ("zh-CN", "dark", 768)],
)
def test_twelve_devices_are_read_by_anybody(
    room: Room, locale: str, scheme: str, width: int
) -> None:
    page = device_page(
        room, locale=locale, color_scheme=scheme, viewport={"width": width, "height": 860}
    )
    expect(page.locator('[data-state="misconfigured"] .device-trouble')).to_have_count(1)
    assert page.evaluate(OVERLAPPING, ".device-card") == 0
    check(page, "twelve devices")
    page.locator(".device-card", has_text=LONG).locator(".device-actions button").last.click()
    page.locator(".device-card details summary").first.click()
    check(page, "a monitor and details are open")


def test_a_card_is_seen_and_its_number_is_not(room: Room, reader: Reader) -> None:
    page = device_page(room)
    card = page.locator(".device-card", has_text=LONG)
    card.locator(".device-actions button").last.click()
    expect(card.locator(".monitor-log p")).to_be_visible()
    reader.lay()
    expect(card.locator(".monitor-reading").first).to_contain_text("CardTap")
    expect(card.locator(".monitor-in").first).to_contain_text("14")
    expect(card.locator(".device-figures").first).to_contain_text("刷卡")
    assert "1200BC614E" not in page.content()
    assert CARD.hex(" ") not in page.content()


def test_who_leaves_the_page_asks_for_nothing_more(room: Room) -> None:
    page = device_page(room)
    card = page.locator(".device-card", has_text=LONG)
    with page.expect_request(lambda one: one.url.endswith("/monitor")) as asked:
        card.locator(".device-actions button").last.click()
    expect(card.locator(".monitor-log p")).to_be_visible()
    with page.expect_event("requestfailed", lambda one: one == asked.value):
        page.locator(".device-page-head button").click()
    expect(page.locator(".start-card")).to_be_visible()
    page.go_back()
    expect(page.locator(".device-page")).to_be_visible()
