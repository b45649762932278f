from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from agent.health import Pulse
from tests.test_intake import Room


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with Room(tmp_path) as room:
        yield room


def listener(told: list[str]) -> Callable[[str], bool]:
    def tell(text: str) -> bool:
        told.append(text)
        return True

    return tell


async def test_an_idle_agent_is_alive(room: Room) -> None:
    told: list[str] = []
    pulse = Pulse(room.intake, room.journal, tell=listener(told))
    assert pulse.beat()
    assert pulse.beat()
    assert told == ["WATCHDOG=1", "WATCHDOG=1"]


async def test_a_writer_that_hangs_stops_the_pulse(room: Room) -> None:
    told: list[str] = []
    pulse = Pulse(room.intake, room.journal, tell=listener(told))
    room.journal._db.execute("pragma busy_timeout = 5000")  # noqa: SLF001 (as an agent)
    other = sqlite3.connect(room.path, isolation_level=None)
    other.execute("begin immediate")
    await room.press("0A", "B", "t1")
    room.intake.stop()  # decides what waits
    assert pulse.beat()  # first seen
    assert not pulse.beat()
    assert told == ["WATCHDOG=1"]
    other.execute("rollback")
    other.close()
    await room.until_told(1)
    assert pulse.beat()
