"""Writing firmware from the device page."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from agent.flashing import FlashRefused
from agent.supervisor import DevicePlan
from benchmarks.rig.chip import FIRMWARE, Build, Chip
from tests.firmware_bridge.test_image import GOOD
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


@pytest.mark.needs("avr-gcc", "simavr", "gcc", "avrdude", "optiboot")
async def test_a_receiver_is_flashed_from_the_page(tmp_path: Path) -> None:
    build = Build(FIRMWARE / "build" / "flash")
    await asyncio.to_thread(build.tools)
    old, new = [await asyncio.to_thread(build.firmware, one) for one in ("1.2.3", "1.2.4")]
    content = new.read_bytes()
    digest = new.with_name("receiver.hex.sha256").read_text(encoding="ascii")
    with Chip(build, old, tmp_path) as chip:
        plan = DevicePlan("receiver-1", "clicker.reference", {"port": str(chip.port)})
        async with Board(tmp_path, devices=[plan]) as board:
            device = board.supervisor.devices()[1]
            while device.state != "ready":
                await asyncio.sleep(0.02)
            assert device.facts["firmware"] == "1.2.3"
            assert "flash" in device.can
            teacher = await board.teacher()
            await teacher.ok("POST", path(sha256=digest), content=content)
            assert board.supervisor.devices()[1].state == "held"
            assert await teacher.refused("POST", path(), content=IMAGE) == "409 device_held"
            seen = set()
            while (state := await teacher.ok("GET", "/devices/receiver-1/flash"))["phase"] not in (
                "done",
                "failed",
            ):
                seen.add(state["phase"])
                await asyncio.sleep(0.02)
            assert state["phase"] == "done", state
            assert (state["was"], state["version"]) == ("1.2.3", "1.2.4")
            assert {"entering", "writing", "verifying"} <= seen
            while device.state != "ready":
                await asyncio.sleep(0.02)
            assert device.facts["firmware"] == "1.2.4"


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
