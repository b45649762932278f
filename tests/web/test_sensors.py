"""What the pages are sent of the room's sensors, and of what a device said in vain."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.clock import now_ns
from agent.journal.snapshot import recover
from agent.journal.store import Journal
from agent.lesson.model import LastMeasurement, Moment
from agent.web import live
from agent.web.device_views import MeasurementView
from agent.web.live import Live
from agent.web.view import View
from drivers.readings import Measurement, RemoteKey
from tests.web.room import Board


class DevicesView(View, frozen=True, kw_only=True):
    """A page that shows a value and nothing else."""

    version: int
    measured: MeasurementView


SENSOR = "phones"
"""The only device of the board; what it is, nobody asks here."""


@pytest.fixture
async def board(tmp_path: Path) -> AsyncIterator[Board]:
    async with Board(tmp_path) as board:
        yield board


async def measure(board: Board, value: float, ago_s: float = 0) -> None:
    at_ns = now_ns() - int(ago_s * 1e9)
    one = Measurement(device=SENSOR, mono_ns=at_ns, quantity="co2", value=value, unit="ppm")
    await board.intake.emit(one)
    await board.settled()


async def test_the_newest_value_of_a_sensor_is_on_the_teachers_page_and_among_the_devices(
    board: Board,
) -> None:
    teacher = await board.teacher()
    async with teacher.live("teacher") as page:
        assert (await page.next())["devices"][0]["measured"] is None
        await measure(board, 812.0, ago_s=90)
        view = await page.until(lambda view: view["devices"][0]["measured"])
    measured = view["devices"][0]["measured"]
    assert 90_000 <= measured.pop("measured_ago_ms") < 150_000
    assert measured == {"quantity": "co2", "value": 812.0, "unit": "ppm"}
    [device] = (await teacher.ok("GET", "/devices"))["devices"]
    assert device["measured"]["value"] == 812.0


async def test_of_a_value_from_before_the_start_nobody_knows_how_old_it_is(board: Board) -> None:
    teacher = await board.teacher()
    before = Moment(board.journal.boot - 1, 5)
    board.intake.committed.measured[SENSOR] = LastMeasurement("co2", 700.0, "ppm", before)
    [device] = (await teacher.ok("GET", "/devices"))["devices"]
    assert device["measured"]["measured_ago_ms"] is None


async def test_a_page_is_not_sent_again_because_a_value_grew_older(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "ALIVE_S", 0.2)
    age_ms, value = 5, 812.0

    def build(version: int) -> DevicesView:
        one = MeasurementView(quantity="co2", value=value, unit="ppm", measured_ago_ms=age_ms)
        return DevicesView(version=version, measured=one)

    source = Live(dict.fromkeys(("teacher", "guest", "projector", "student"), build))
    page = source.stream("teacher", lambda: True)
    assert b'"value":812.0' in await anext(page)
    age_ms = 60_005
    source.changed()
    assert await anext(page) == live.ALIVE
    value = 813.0
    source.changed()
    assert b'"value":813.0' in await anext(page)


async def test_a_presenters_key_without_a_lesson_is_counted_on_its_device(board: Board) -> None:
    teacher = await board.teacher()
    await board.intake.emit(RemoteKey(device=SENSOR, mono_ns=now_ns(), action="next"))
    await board.settled()
    [device] = (await teacher.ok("GET", "/devices"))["devices"]
    assert device["counters"]["unheeded"] == 1


async def test_what_a_sensor_told_last_outlives_a_restart(board: Board) -> None:
    await measure(board, 812.0)
    board.journal.close()
    again = Journal(board.folder / "journal.db", boot_id="boot-b")
    again.open()

    assert recover(again).measured[SENSOR].value == 812.0
    again.close()
