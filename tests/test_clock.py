from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

from agent.clock import Clock, now_ns
from agent.errors import NotDurable
from agent.lesson.commands import LearnClock
from agent.lesson.model import WallClock

BOOT = "boot-a"


class Time:
    """A clock, what is known of the time, and what it learns."""

    def __init__(self, uncertainty_ns: int | None) -> None:
        self.known: dict[str, WallClock] = {}
        self.learnt: list[LearnClock] = []
        self.uncertainty_ns = uncertainty_ns
        self.clock = Clock(
            BOOT,
            learnt=lambda: self.known,
            submit=self.submit,
            uncertainty_ns=lambda: self.uncertainty_ns,
        )

    async def submit(self, command: LearnClock) -> None:
        self.learnt.append(command)
        self.known[command.boot] = WallClock(command.offset_ns, command.uncertainty_ns)

    async def look(self) -> None:
        """Let it look at the time once."""
        task = asyncio.create_task(self.clock.watch())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()


async def test_a_disciplined_clock_is_learnt_once() -> None:
    world = Time(uncertainty_ns=5_000_000)
    assert not world.clock.synced
    for _ in range(3):
        await world.look()
    assert world.clock.synced
    assert len(world.learnt) == 1
    wall, quality = world.clock.wall(BOOT, now_ns())
    assert quality == "synced"
    assert wall is not None
    assert abs(wall - datetime.now(UTC)) < timedelta(seconds=1)


async def test_a_better_time_is_learnt_again() -> None:
    world = Time(uncertainty_ns=5_000_000)
    offset_ns = time.time_ns() - now_ns()
    world.known[BOOT] = WallClock(offset_ns - 86_400_000_000_000, 0)
    await world.look()
    assert abs(world.learnt[0].offset_ns - offset_ns) < 1_000_000_000


async def test_an_undisciplined_clock_teaches_nothing_and_is_an_estimate() -> None:
    world = Time(uncertainty_ns=None)
    await world.look()
    assert world.learnt == []
    wall, quality = world.clock.wall(BOOT, now_ns())
    assert quality == "estimated"
    assert wall is not None


async def test_an_earlier_boot_that_never_learnt_has_no_time() -> None:
    world = Time(uncertainty_ns=None)
    assert world.clock.wall("boot-before", 5) == (None, "estimated")
    world.known["boot-before"] = WallClock(1_800_000_000_000_000_000, 0)
    wall, quality = world.clock.wall("boot-before", 5_000_000_000)
    assert (wall, quality) == (datetime.fromtimestamp(1_800_000_005, UTC), "synced")


async def test_where_no_time_is_known_it_is_the_last_day_that_was() -> None:
    world = Time(uncertainty_ns=None)
    assert world.clock.today() == datetime.now(UTC).astimezone().date()
    unset = Clock(BOOT, learnt=lambda: world.known, submit=world.submit, system_ns=lambda: 5)
    assert unset.today().year == 2026
    world.known["boot-before"] = WallClock(1_850_000_000_000_000_000, 0)
    assert unset.today() == datetime.fromtimestamp(1_850_000_000, UTC).astimezone().date()
    world.known[BOOT] = WallClock(1_900_000_000_000_000_000 - now_ns(), 0)
    assert unset.today() == datetime.fromtimestamp(1_900_000_000, UTC).astimezone().date()


async def test_a_full_disk_does_not_end_the_watch() -> None:
    refused = asyncio.Event()

    async def refuse(_: LearnClock) -> None:
        refused.set()
        raise NotDurable("not_durable", "journal", "free space")

    clock = Clock(BOOT, learnt=dict, submit=refuse, uncertainty_ns=lambda: 5_000_000)
    watching = asyncio.create_task(clock.watch())
    await refused.wait()
    await asyncio.sleep(0)
    assert not watching.done()
    watching.cancel()
