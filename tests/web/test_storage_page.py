"""What teacher and students see of the board's store, in real browsers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.web.browser_room import Agent, Room, running_agent

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    with running_agent(tmp_path) as running:
        yield running


def test_a_full_board_says_so_and_a_lesson_can_still_be_ended(
    browser: Browser, agent: Agent, tmp_path: Path
) -> None:
    room = Room(browser, agent)
    room.lesson()
    agent.stop()
    config = tmp_path / "agent.toml"
    config.write_text(config.read_text() + "\n[journal]\nreserve_mb = 1000000\n")
    agent.start()
    page = room.teacher()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("主机磁盘已满")
    page.get_by_role("button", name="EN: switch to English").first.click()
    expect(alert).to_contain_text("The board's disk is full")
    agent.end_lesson()
    expect(page.get_by_role("heading", name="Start a lesson")).to_be_visible()
    room.close()


def test_a_damaged_store_is_told_and_the_lesson_goes_on(
    browser: Browser, agent: Agent, tmp_path: Path
) -> None:
    room = Room(browser, agent)
    agent.put_roster("7-3", "01,甲同学\n02,乙同学\n")
    room.lesson()
    agent.stop()
    with (tmp_path / "data" / "journal.db").open("rb+") as file:
        file.write(b"\xa5" * 512)
    (tmp_path / "data" / "roster.db").write_bytes(b"no database " * 100)
    agent.start()
    page = room.teacher()
    expect(page.get_by_text("能读出的数据都已取回")).to_be_visible()
    expect(page.get_by_text("姓名暂缺")).to_be_visible()
    expect(page.get_by_role("heading", name="提问", exact=True)).to_be_visible()
    room.close()
