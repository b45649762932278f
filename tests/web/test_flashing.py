"""Writing firmware from the device page."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import FilePayload, expect

from agent.flashing import FlashRefused
from agent.supervisor import DevicePlan
from benchmarks.rig.chip import FIRMWARE, Build, Chip
from tests.firmware_bridge.test_image import GOOD
from tests.web.browser_room import Agent, Room
from tests.web.room import Board

IMAGE = GOOD.encode()
DIGEST = hashlib.sha256(IMAGE).hexdigest()
NONE = DevicePlan("receiver-1", "clicker.reference", {"port": "/dev/none"})


@pytest.fixture
async def board(tmp_path: Path) -> AsyncIterator[Board]:
    async with Board(tmp_path, devices=[NONE]) as board:
        yield board


def path(device: str = "receiver-1", name: str = "a.hex", sha256: str = DIGEST) -> str:
    return f"/devices/{device}/flash?{urlencode({'name': name, 'sha256': sha256})}"


async def test_what_may_not_be_flashed_is_refused_by_its_code(board: Board) -> None:
    teacher = await board.teacher()
    for where, content, refusal in [
        (path(sha256="0" * 64), IMAGE, "422 hash_differs"),
        (path(sha256=""), IMAGE, "422 hash_unreadable"),
        (path(), b"", "422 image_empty"),
        (path("nobody"), IMAGE, "404 device_unknown"),
        (path("phones"), IMAGE, "409 not_flashable"),
        (path(), b":" * 600_000, "413 too_large"),
    ]:
        assert await teacher.refused("POST", where, content=content) == refusal
    assert await teacher.refused("GET", "/devices/receiver-1/flash") == "404 not_flashed"
    await teacher.ok("POST", "/lessons", {"title": "t"})
    assert await teacher.refused("POST", path(), content=IMAGE) == "409 lesson_open"


async def test_only_a_teacher_flashes(board: Board) -> None:
    assert await board.visitor().refused("POST", path(), content=IMAGE) == "401 sign_in_first"
    assert await board.visitor().refused("GET", "/devices/receiver-1/flash") == "401 sign_in_first"


async def test_a_receiver_that_is_not_there_is_said_to_be_and_tried_again(board: Board) -> None:
    teacher = await board.teacher()
    begun = await teacher.ok("POST", path(), content=IMAGE)
    assert (begun["phase"], begun["version"]) == ("asking", "2.3.4")
    while (state := await teacher.ok("GET", "/devices/receiver-1/flash"))["phase"] != "failed":
        await asyncio.sleep(0.02)
    assert state["code"] == "port_missing"
    while board.supervisor.devices()[1].state == "held":
        await asyncio.sleep(0.02)


async def test_a_port_of_no_device_is_kept_free_for_one_at_a_time(board: Board) -> None:
    async with board.flashing.hold_port("/dev/other"):
        with pytest.raises(FlashRefused, match="device_held"):
            async with board.flashing.hold_port("/dev/other"):
                pass
        async with board.flashing.hold_port("/dev/none"):
            assert board.supervisor.devices()[1].state == "held"  # that one is receiver-1's
    async with board.flashing.hold_port("/dev/other"):
        pass
    await (await board.teacher()).ok("POST", "/lessons", {"title": "t"})
    with pytest.raises(FlashRefused, match="lesson_open"):
        async with board.flashing.hold_port("/dev/other"):
            pass


@pytest.fixture(scope="module")
def build() -> Build:
    build = Build(FIRMWARE / "build" / "flash")
    build.tools()
    return build


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory, build: Build) -> Iterator[Agent]:
    """With a receiver whose bootloader is a real one."""
    with Chip(build, build.firmware("1.2.3"), tmp_path_factory.mktemp("chip")) as chip:
        agent = Agent(tmp_path_factory.mktemp("agent"))
        agent.add_device(id="receiver-1", driver="clicker.reference", port=str(chip.port))
        try:
            agent.start()
            yield agent
        finally:
            agent.stop()


@pytest.mark.needs("avr-gcc", "simavr", "gcc", "avrdude", "optiboot", "chromium")
def test_a_receiver_is_flashed_from_the_page(room: Room, build: Build) -> None:
    """With firmware for other keypads first, which takes a tick; real avrdude writes it."""
    whole = build.firmware("1.2.4").with_suffix(".elf").read_bytes()
    image = whole.replace(b"\x1e\x95\x0f\1\x1aWFAC", b"\x1e\x95\x0f\2\x1aWFAC")
    beside = f"{hashlib.sha256(image).hexdigest()}  a.elf\n".encode()
    page = room.teacher()
    page.locator(".top-tools .popover > button").first.click()
    page.locator(".devices-head button").click()
    card = page.locator(".device-card", has_text="receiver-1")
    expect(card).to_have_attribute("data-state", "ready")
    card.get_by_role("button", name="写入固件").click()
    form = card.locator("form.flash")
    form.locator("input[type=file]").set_input_files(
        [
            FilePayload(name="a.elf", mimeType="", buffer=image),
            FilePayload(name="a.elf.sha256", mimeType="", buffer=beside),
        ]
    )
    form.get_by_role("button", name="开始写入").click()
    expect(form.locator(".trouble")).to_contain_text("另一种答题器")
    form.get_by_role("checkbox").check()
    form.get_by_role("button", name="开始写入").click()
    expect(form.locator("progress")).to_be_visible()
    with room.agent.teacher() as other:
        again = other.post(path().removeprefix("/"), content=IMAGE)
        assert (again.status_code, again.json()["code"]) == (409, "device_held")
        seen = set()
        while (phase := other.get("devices/receiver-1/flash").json()["phase"]) != "done":
            assert phase != "failed"
            seen.add(phase)
            time.sleep(0.02)
    assert {"writing", "verifying"} <= seen
    expect(form.get_by_role("status")).to_have_text(re.compile("现在运行固件 1.2.4.*原来是 1.2.3"))
    expect(card).to_have_attribute("data-state", "ready")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_has_words_for_every_way_in_which_it_can_fail(language: str) -> None:
    root = Path(__file__).parents[2]
    sources = [root / "firmware_bridge" / one for one in ("image.py", "avrdude.py", "flasher.py")]
    raised = r"(?:Invalid|Changed|Board|Silent|CutOff|Refused|NotHeld)\(\s*\"(\w+)\""
    codes: set[str] = set()
    for source in (*sources, root / "agent" / "flashing.py", root / "agent" / "supervisor.py"):
        codes |= set(re.findall(raised, source.read_text(encoding="utf-8")))
    assert len(codes) > 20
    words = root / "frontend/src/teacher" / f"flash.{language}.ts"
    known = set(re.findall(r"^    (\w+): \"", words.read_text(encoding="utf-8"), re.MULTILINE))
    assert codes - known == {"hash_missing"} & codes
