"""What the device page is sent: last readings, keypads, and the live monitor."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from agent.clock import now_ns
from agent.supervisor import DevicePlan
from agent.tap import LINES
from agent.web import pin_hash
from agent.web.monitor import MOST_LINES, MOST_LOOKERS, last_reading
from benchmarks.decoders import recordings
from drivers.readings import KeyPress, Measurement, Reading, RemoteKey, Stroke, ToolLifted
from tests.web.room import Board, Json, LivePage, Visitor

UID = "1200BC614E"
CARD = b"\x02" + UID.encode() + b"81\x03"


class Device:
    """The device's end of a pseudo-terminal."""

    def __init__(self) -> None:
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self.path = os.ttyname(self._theirs)

    def say(self, data: bytes) -> None:
        """Something for the driver to read."""
        os.write(self._ours, data)

    def close(self) -> None:
        """Unplug it."""
        for one in (self._ours, self._theirs):
            os.close(one)


@pytest.fixture
def reader() -> Iterator[Device]:
    device = Device()
    yield device
    device.close()


@pytest.fixture
def xes() -> Iterator[Device]:
    device = Device()
    yield device
    device.close()


@pytest.fixture
async def board(
    tmp_path: Path, pin_files: Path, reader: Device, xes: Device
) -> AsyncIterator[Board]:
    shutil.copytree(pin_files, tmp_path, dirs_exist_ok=True)
    plans = [
        DevicePlan("reader", "card.em4100", {"port": reader.path}),
        DevicePlan("xes", "clicker.xes", {"port": xes.path}),
        DevicePlan("away", "clicker.reference", {"port": "/dev/no-such-port"}),
    ]
    async with Board(tmp_path, devices=plans) as board:
        yield board


async def device_of(visitor: Visitor, name: str, fits: Any) -> Json:
    """A device, once it is as expected."""
    while True:
        devices: list[Json] = (await visitor.ok("GET", "/devices"))["devices"]
        (found,) = (one for one in devices if one["id"] == name)
        if fits(found):
            return found
        await asyncio.sleep(0.01)


def is_ready(device: Json) -> bool:
    return bool(device["state"] == "ready")


async def monitored(page: LivePage, count: int) -> list[Json]:
    """The first lines that a monitor is sent."""
    lines: list[Json] = []
    while len(lines) < count:
        lines += (await page.next())["lines"]
    return lines


async def until_read(page: LivePage) -> list[Json]:
    """The lines up to the first reading; bytes come in pieces."""
    lines: list[Json] = []
    while not any(one["way"] == "reading" for one in lines):
        lines += (await page.next())["lines"]
    return lines


async def ended(page: LivePage) -> None:
    """Read on until the board ends the stream."""
    with suppress(StopAsyncIteration):
        while True:
            await page.next()


# -- readings and keypads ---------------------------------------------------------------------


async def test_a_device_says_what_it_read_last_and_how_long_ago(
    board: Board, reader: Device
) -> None:
    teacher = await board.teacher()
    before = await device_of(teacher, "reader", is_ready)
    assert (before["last"], before["readings"]) == (None, 0)
    reader.say(CARD)
    after = await device_of(teacher, "reader", lambda one: one["readings"] == 1)
    assert 0 <= after["last"].pop("read_ago_ms") < 60_000
    assert after["last"] == {"kind": "CardTap", "what": ""}


def told(reading: Reading) -> tuple[str, str]:
    view = last_reading(reading, 5_000_000_000)
    assert view is not None
    assert view.read_ago_ms == 2_000
    return view.kind, view.what


def test_whose_press_it_was_is_told_and_which_answer_is_not() -> None:
    at: dict[str, Any] = {"device": "x", "mono_ns": 3_000_000_000}
    press = told(KeyPress(**at, keypad="82E97001", key="C"))
    assert press == ("KeyPress", "82E97001")
    assert told(KeyPress(**at, keypad="seat-4711", key="C")) == ("KeyPress", "")
    assert told(RemoteKey(**at, action="next")) == ("RemoteKey", "next")
    assert told(Measurement(**at, quantity="co2", value=812.5, unit="ppm"))[1] == "812.5 ppm"
    assert told(ToolLifted(**at, tool="red", lifted=True))[1] == "red"
    assert told(Stroke(**at, points=((0.0, 0.0, 0),)))[1] == ""


async def test_a_press_on_a_device_is_shown_to_whoever_looks(board: Board, xes: Device) -> None:
    teacher = await board.teacher()
    await device_of(teacher, "xes", is_ready)
    async with teacher.live("teacher") as page:
        xes.say(recordings.of_driver("clicker.xes")[0].data)
        view = await page.until(lambda view: view["devices"][2]["readings"])
    assert view["devices"][2]["last"]["kind"] == "KeyPress"


async def test_signal_and_battery_of_each_keypad(board: Board, xes: Device) -> None:
    teacher = await board.teacher()
    ready = await device_of(teacher, "xes", is_ready)
    assert ready["can"] == ["keypads"]
    assert await teacher.ok("GET", "/devices/xes/keypads") == {"keypads": []}
    xes.say(recordings.of_driver("clicker.xes")[0].data)
    await device_of(teacher, "xes", lambda one: one["readings"])
    keypads = (await teacher.ok("GET", "/devices/xes/keypads"))["keypads"]
    assert keypads
    assert all(one["rssi_dbm"] < 0 and one["power"] >= 0 for one in keypads)


async def test_who_knows_no_keypads_tells_of_none(board: Board) -> None:
    teacher = await board.teacher()
    assert await teacher.ok("GET", "/devices/phones/keypads") == {"keypads": []}
    assert await teacher.ok("GET", "/devices/away/keypads") == {"keypads": []}
    assert await teacher.refused("GET", "/devices/nobody/keypads") == "404 device_unknown"
    assert (await device_of(teacher, "away", lambda one: one["code"]))["can"] == ["locate", "flash"]


# -- the monitor ------------------------------------------------------------------------------


async def test_the_monitor_shows_bytes_and_what_they_mean(board: Board, xes: Device) -> None:
    teacher = await board.teacher()
    await device_of(teacher, "xes", is_ready)
    data = recordings.of_driver("clicker.xes")[0].data[:256]
    async with teacher.stream("/devices/xes/monitor") as page:
        assert await page.next() == {"lines": [], "missed": 0}
        xes.say(data)
        lines = await until_read(page)
    raw = [one for one in lines if one["way"] == "in"]
    assert "".join(one["text"] for one in raw).replace(" ", "").startswith(data[:20].hex())
    assert sum(one["count_bytes"] for one in raw) == len(data)
    (read,) = (json.loads(one["text"]) for one in lines if one["way"] == "reading")
    assert read["kind"] == "KeyPress"
    assert read["keypad"]
    assert "token" not in read


async def test_the_monitor_shows_no_cards_number(board: Board, reader: Device) -> None:
    teacher = await board.teacher()
    await device_of(teacher, "reader", is_ready)
    async with teacher.stream("/devices/reader/monitor") as page:
        await page.next()
        reader.say(CARD)
        lines = await monitored(page, 2)
    assert [(one["way"], one["count_bytes"]) for one in lines] == [("in", 14), ("reading", 0)]
    assert lines[0]["text"] == ""
    assert UID not in page.seen
    assert CARD.hex(" ") not in page.seen
    assert "•" * len(UID) in page.seen


async def test_a_flood_is_cut_and_the_page_is_told_how_much_it_missed(
    board: Board, xes: Device
) -> None:
    teacher = await board.teacher()
    await device_of(teacher, "xes", is_ready)
    slot = board.supervisor._slots["xes"]  # noqa: SLF001 (a flood that no pty is fast enough for)
    async with teacher.stream("/devices/xes/monitor") as page:
        await page.next()
        for number in range(3 * LINES):
            slot.tap.passed("in", bytes((number % 256,)))
        seen: list[Json] = []
        while sum(len(one["lines"]) for one in seen) < LINES:
            seen.append(await page.next())
    assert max(len(one["lines"]) for one in seen) <= MOST_LINES
    assert seen[-1]["missed"] == 2 * LINES


async def test_nobody_listens_when_the_page_is_left(board: Board, xes: Device) -> None:
    teacher = await board.teacher()
    await device_of(teacher, "xes", is_ready)
    tap = board.supervisor._slots["xes"].tap  # noqa: SLF001 (what is kept cannot be seen elsewhere)
    async with teacher.stream("/devices/xes/monitor") as page:
        await page.next()
        assert len(tap.listeners) == 1
    while tap.listeners or board.web.context.monitor.lookers:
        await asyncio.sleep(0.01)


async def test_so_many_may_look_at_a_time(board: Board) -> None:
    teacher = await board.teacher()
    async with AsyncExitStack() as open_pages:
        pages = [
            await open_pages.enter_async_context(teacher.stream("/devices/xes/monitor"))
            for _ in range(MOST_LOOKERS)
        ]
        for page in pages:
            await page.next()
        refused = await teacher.refused("GET", "/devices/xes/monitor")
        assert refused == "409 too_many_monitors"
    while board.web.context.monitor.lookers:
        await asyncio.sleep(0.01)
    async with teacher.stream("/devices/xes/monitor") as page:
        await page.next()


async def test_only_a_signed_in_teacher_looks(board: Board) -> None:
    teacher = await board.teacher()
    lesson = await teacher.ok("POST", "/lessons", {})
    for visitor, refusal in (
        (await board.guest(teacher), "403 not_allowed"),
        (await board.projector(teacher), "403 not_allowed"),
        (await board.phone(lesson), "401 sign_in_first"),
        (board.visitor(), "401 sign_in_first"),
    ):
        assert await visitor.refused("GET", "/devices/xes/monitor") == refusal
        assert await visitor.refused("GET", "/devices/xes/keypads") == refusal
    assert await teacher.refused("GET", "/devices/nobody/monitor") == "404 device_unknown"


async def test_a_page_of_another_site_cannot_look(board: Board) -> None:
    teacher = await board.teacher()
    foreign = {"headers": {"Origin": "http://evil.example"}}
    refused = await teacher.refused("GET", "/devices/xes/monitor", None, **foreign)
    assert refused == "403 origin_foreign"


async def test_who_is_signed_in_no_more_sees_nothing_more(board: Board, xes: Device) -> None:
    teacher = await board.teacher()
    await device_of(teacher, "xes", is_ready)
    async with teacher.stream("/devices/xes/monitor") as page:
        await page.next()
        board.access.pins.keep(await pin_hash.make_hash("271828"))
        xes.say(recordings.of_driver("clicker.xes")[0].data)
        await ended(page)
    assert "KeyPress" not in page.seen


async def test_the_stop_ends_the_monitors(tmp_path: Path) -> None:
    async with AsyncExitStack() as exits:
        board = Board(tmp_path)
        await exits.enter_async_context(board)
        teacher = await board.teacher()
        page = await exits.enter_async_context(teacher.stream("/devices/phones/monitor"))
        await page.next()
        began_ns = now_ns()
        board.web.context.monitor.stop()
        press = KeyPress(device="phones", mono_ns=began_ns, keypad="seat-1", key="A")
        board.supervisor._slots["phones"].tap.emitted([press])  # noqa: SLF001 (it wakes the stream)
        await ended(page)
