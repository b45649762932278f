"""What is plugged in shows on the device page, is taken into use, and is given back."""

from __future__ import annotations

import asyncio
import re
import shutil
import stat
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from playwright.sync_api import expect

from agent import settings_blocks
from agent.discovery import Machine
from agent.settings_file import load
from benchmarks.decoders import recordings
from tests.web.browser_room import Agent, Room, running_browser
from tests.web.room import Board
from tests.web.test_accessibility import check
from tests.web.test_device_page import CARD, Device, device_of, is_ready

DIST = Path(__file__).parents[2] / "frontend" / "dist"
TEXT = """# our board, by hand
[agent]
device_id = "b1"  # keep
[place]
city = "3304"
county = "330402"
school = "s1"
room = "r301"
[[devices]]
id = "phones"
driver = "phone"
# the end"""
"""Without a newline at its end, as some editors leave it."""


@dataclass
class Port:
    """A serial port as pyserial lists it: a bare bridge chip."""

    device: str
    description: str = "USB Serial"
    vid: int | None = 0x1A86
    pid: int | None = 0x7523


@pytest.fixture
def base() -> Iterator[Device]:
    device = Device()
    yield device
    device.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    file = tmp_path / "etc" / "agent.toml"
    file.write_text(TEXT, encoding="utf-8")
    file.chmod(0o640)
    link = tmp_path / "agent.toml"
    link.symlink_to(file)
    return link


@pytest.fixture
def ports() -> list[Port]:
    """What is plugged in."""
    return []


@pytest.fixture
async def board(
    tmp_path: Path, pin_files: Path, file: Path, ports: list[Port]
) -> AsyncIterator[Board]:
    shutil.copytree(pin_files, tmp_path, dirs_exist_ok=True)
    static = DIST if DIST.is_dir() else None
    look = lambda _: Machine(list(ports), [], [])  # noqa: E731
    async with Board(tmp_path, static, settings_file=file, look=look) as board:
        yield board


def is_as_it_was(file: Path) -> bool:
    """Whether it is still a link, to a file of the same mode, with nothing left beside it."""
    real = file.resolve()
    left = [one.name for one in real.parent.iterdir()]
    return file.is_symlink() and stat.S_IMODE(real.stat().st_mode) == 0o640 and left == [real.name]


def text_of(file: Path) -> str:
    """What stands in it."""
    return file.read_text(encoding="utf-8")


async def test_a_device_is_taken_into_use_and_given_back_without_a_restart(
    board: Board, file: Path, ports: list[Port], base: Device
) -> None:
    teacher = await board.teacher()
    assert (await teacher.ok("GET", "/devices/plugged"))["devices"] == []
    ports.append(Port(base.path))
    seen = await teacher.ok("GET", "/devices/plugged")
    (found,) = seen["devices"]
    assert (found["bridge"], seen["writable"]) == ("CH340", True)
    assert {one["likeness"] for one in found["drivers"]} == {"possible"}
    more = {one["driver"] for one in found["drivers"] if one["needs_more"]}
    assert "sensor.serial_line" in more
    take = {"port": found["port"], "driver": "card.em4100"}
    for body, refusal in [
        (take | {"driver": "sensor.serial_line"}, "409 driver_needs_more"),
        (take | {"driver": "card.pcsc"}, "409 driver_unfit"),
        (take | {"port": "/etc/passwd"}, "404 plug_gone"),
    ]:
        assert await teacher.refused("POST", "/devices", body) == refusal
    assert text_of(file) == TEXT
    assert await teacher.ok("POST", "/devices", take) == {"id": "card-1"}
    await device_of(teacher, "card-1", is_ready)
    base.say(CARD)
    await device_of(teacher, "card-1", lambda one: one["readings"] > 0)
    assert (await teacher.ok("GET", "/devices/plugged"))["devices"] == []
    assert await teacher.refused("POST", "/devices", take) == "404 plug_gone"
    assert load(file).devices[-1].id == "card-1"
    assert text_of(file).startswith(TEXT)
    assert is_as_it_was(file)
    assert await teacher.refused("DELETE", "/devices/phones") == "404 not_undoable"
    await teacher.ok("DELETE", "/devices/card-1")
    assert text_of(file) == TEXT
    assert [one["id"] for one in (await teacher.ok("GET", "/devices"))["devices"]] == ["phones"]
    assert len((await teacher.ok("GET", "/devices/plugged"))["devices"]) == 1


async def test_only_a_teacher_takes_devices_into_use(board: Board) -> None:
    visitor = board.visitor()
    body = {"port": "/dev/x", "driver": "clicker.sunvote"}
    assert await visitor.refused("GET", "/devices/plugged") == "401 sign_in_first"
    assert await visitor.refused("POST", "/devices", body) == "401 sign_in_first"
    assert await visitor.refused("DELETE", "/devices/phones") == "401 sign_in_first"


async def test_where_the_settings_cannot_be_written_the_lines_are_shown(
    tmp_path: Path, pin_files: Path, base: Device
) -> None:
    shutil.copytree(pin_files, tmp_path, dirs_exist_ok=True)
    async with Board(tmp_path, look=lambda _: Machine([Port(base.path)], [], [])) as board:
        teacher = await board.teacher()
        seen = await teacher.ok("GET", "/devices/plugged")
        assert not seen["writable"]
        lines = {one["driver"]: one["lines"] for one in seen["devices"][0]["drivers"]}
        assert f'port = "{base.path}"' in lines["card.em4100"]
        take = {"port": base.path, "driver": "card.em4100"}
        assert await teacher.refused("POST", "/devices", take) == "409 settings_read_only"


def test_lines_that_somebody_has_changed_are_left_alone(file: Path) -> None:
    written = settings_blocks.add(file, '[[devices]]\nid = "two"\ndriver = "phone"\n')
    changed = text_of(file).replace('"two"', '"three"')
    file.write_text(changed, encoding="utf-8")
    with pytest.raises(settings_blocks.BlockRefused, match="settings_changed"):
        settings_blocks.remove(file, written)
    assert text_of(file) == changed


@pytest.mark.needs("chromium")
async def test_a_receiver_that_is_plugged_in_is_used_with_two_taps_and_undone(
    board: Board, file: Path, ports: list[Port], base: Device, tmp_path: Path
) -> None:
    def on_the_page() -> None:
        with running_browser() as browser:
            room = Room(browser, cast("Agent", board))
            page = room.teacher(viewport={"width": 360, "height": 760}, locale="zh-CN")
            page.locator(".top-tools .popover > button").first.click()
            page.locator(".devices-head button").click()
            expect(page.locator(".device-card")).to_have_count(1)
            ports.append(Port(base.path))
            card = page.locator(".device-new")
            expect(card).to_contain_text("CH340")
            expect(card.get_by_role("button")).to_be_disabled()
            check(page, "a device is plugged in")
            card.locator("select").select_option("sensor.serial_line")
            expect(card.locator("textarea")).to_have_value(re.compile("sensor.serial_line"))
            card.locator("select").select_option("clicker.sunvote")
            card.get_by_role("button", name="用作SunVote").click()
            used = page.locator(".device-card", has_text="clicker-1")
            expect(used).to_have_attribute("data-state", "ready")
            expect(card).to_have_count(0)
            base.say(recordings.of_driver("clicker.sunvote")[0].data)
            expect(used.locator(".device-figures").first).to_contain_text("按键")
            used.get_by_role("button", name="撤销使用").click()
            expect(used).to_have_count(0)
            expect(card).to_have_count(1)
            room.close()

    await asyncio.to_thread(on_the_page)
    assert text_of(file) == TEXT
