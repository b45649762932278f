"""A disk that fails in a lesson: no tick that is not true, and the lesson goes on when it works."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from agent.demo.play import settle
from agent.journal.store import Journal
from benchmarks.powercut import record as rec
from benchmarks.powercut.disk import Disk, look_at
from benchmarks.powercut.record import build, environment, read_record
from benchmarks.powercut.trial import MODES
from tests.system.clicker_room import ClickerRoom
from tests.system.loop_disk import loop_disk

CLICKERS = 16


class Room(ClickerRoom):
    """A room with one open question, and what can be seen of a disk that fails."""

    async def journal_ok(self) -> bool:
        """What health says; a board that takes no answers is not well, and says 503."""
        async with httpx.AsyncClient(trust_env=False) as client:
            health = await client.get(f"{self.stage.url}/api/v1/health")
        ok = bool(health.json()["journal"]["ok"])
        assert health.status_code == (httpx.codes.OK if ok else httpx.codes.SERVICE_UNAVAILABLE)
        return ok

    async def until_journal(self, ok: bool) -> None:
        """Until health and the teacher's page say that answers are taken, or are not."""
        while await self.journal_ok() is not ok:
            await asyncio.sleep(0.02)
        await self.teacher.until(lambda view: view.journal_ok is ok)

    def shown(self, verdict: str) -> set[str]:
        """Presses whose clicker showed this."""
        return {one.token for one in self.ledger.presses.values() if one.verdict == verdict}

    @property
    def lights(self) -> Counter[str]:
        """What the clickers show: key and verdict, none while they wait."""
        return Counter(f"{one.key} {one.verdict}" for one in self.ledger.presses.values())

    async def all_ticked(self) -> None:
        """Until each clicker has its light: receivers send again what got none."""
        while self.ledger.unticked:
            self.stage.check()
            await asyncio.sleep(0.02)

    async def nothing_lost(self) -> None:
        """The school has each press once, but for those that were refused."""
        received = await self.tokens_received()
        assert received == set(self.ledger.presses) - self.shown("rejected")


@asynccontextmanager
async def lesson(folder: Path, agent_environment: dict[str, str]) -> AsyncIterator[Room]:
    async with Room(
        folder,
        broker="iotcore",
        rng=random.Random(5),
        clickers=CLICKERS,
        agent_environment=agent_environment,
    ) as room:
        await room.begin()
        room.press_all("A")
        await settle(room)
        assert room.lights == {"A accepted": CLICKERS}
        yield room


@pytest.mark.needs("gcc")
@pytest.mark.parametrize(
    "rule", ["sync EIO journal.db-wal", "write ENOSPC journal.db*", "write EROFS journal.db*"]
)
async def test_while_the_disk_fails_nothing_is_ticked_and_then_all_is(
    tmp_path: Path, rule: str
) -> None:
    board, rules, record = tmp_path / "board", tmp_path / "rules", tmp_path / "record"
    board.mkdir()
    before = look_at(board)
    watched = environment(build(tmp_path), board, record=record, faults=rules)
    async with lesson(tmp_path, watched) as room:
        rules.write_text(rule)
        room.press_all("B")
        await room.until_journal(ok=False)
        assert room.lights == {"A accepted": CLICKERS, "B ": CLICKERS}
        rules.unlink()
        await room.all_ticked()
        await room.until_journal(ok=True)
        room.press_all("C")
        await room.all_ticked()
        await room.nothing_lost()
        await room.stage.agent.kill()
    entries = list(read_record(record))
    if rule.startswith("sync"):
        assert any(entry.op == rec.SYNC_FAILED for entry in entries)
    for mode in MODES:  # the power goes now
        disk = Disk(before, torn=mode == "torn")
        for entry in entries:
            disk.advance(entry)
        disk.cut(tmp_path / mode)
        assert set(room.ledger.presses) <= tokens(tmp_path / mode)


def tokens(data_dir: Path) -> set[str | None]:
    journal = Journal(data_dir / "journal.db", boot_id="boot-after")
    journal.open()
    found = {getattr(one.event, "token", None) for one in journal.after(0, 0)}
    journal.close()
    return found


@pytest.mark.needs("mkfs.ext4")
async def test_a_full_disk_ticks_nothing_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    with loop_disk(tmp_path, tmp_path / "board", megabytes=160) as disk:
        async with lesson(tmp_path, {}) as room:
            ballast = disk.fill()
            await room.teacher.until(lambda view: view.storage.room == "full")
            room.press_all("B")
            await room.all_ticked()
            refused = room.shown("rejected")
            assert room.lights == {"A accepted": CLICKERS, "B rejected": CLICKERS}
            ballast.unlink()
            await room.teacher.until(lambda view: view.storage.room == "ok")
            room.press_all("C")
            await room.all_ticked()
            assert room.shown("rejected") == refused
            await room.nothing_lost()


@pytest.mark.needs("mkfs.ext4")
async def test_a_disk_that_turns_read_only_loses_nothing_that_was_ticked(tmp_path: Path) -> None:
    with loop_disk(tmp_path, tmp_path / "board", megabytes=256) as disk:
        async with lesson(tmp_path, {}) as room:
            disk.fail()
            room.press_all("B")
            await room.until_journal(ok=False)
            assert room.lights == {"A accepted": CLICKERS, "B ": CLICKERS}
            await room.stage.agent.kill()  # somebody pulls the plug, and the board starts again
            disk.unmount()
            disk.repair()
            disk.mount()
            await room.stage.start_agent([room.line.path], [])
            await room.all_ticked()
            await room.nothing_lost()
