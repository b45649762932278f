"""A disk without room, a journal at its bound: refused visibly, nothing lost, on again alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.app import Board
from agent.demo.broker import LocalBroker
from agent.errors import NotDurable
from agent.journal.ballast import BALLAST, BALLAST_BYTES
from agent.lesson import commands as cmd
from agent.lesson.model import State
from drivers.readings import KeyPress
from tests.cloud.school import School, until
from tests.system.board_at_school import ask, emit, press, settings_of, teach, tokens_held
from tests.system.small_disk import fill, remount, small_disk

DISK_KB = 40_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", size_kb=DISK_KB) as folder:
        yield folder


def presses(state: State) -> int:
    lesson = state.lesson
    assert lesson is not None
    return sum(question.presses for question in lesson.questions)


async def health(board: Board) -> tuple[int, dict[str, Any]]:
    async with httpx.AsyncClient(trust_env=False) as http:
        reply = await http.get(f"http://127.0.0.1:{board.web.port}/api/v1/health")
    return reply.status_code, reply.json()


async def test_on_a_full_disk_nothing_is_ticked_and_all_goes_on_when_there_is_room_again(
    disk: Path,
) -> None:
    settings = settings_of(disk, None)
    async with Board(settings) as board:
        await ask(board, "lesson-1")
        await press(board, "before", 10)
        filler = fill(disk)
        sent = 10
        while board.journal.ok:  # the log has some room of its own
            await emit(board, f"full-{sent}", 40)
            sent += 40
            await until(lambda: board.intake.waiting == 0 or not board.journal.ok)
        assert presses(board.intake.committed) < sent
        status, said = await health(board)
        assert (status, said["journal"]) == (503, {"ok": False, "code": "disk_full"})
        filler.unlink()
        await until(lambda: board.journal.ok and board.intake.waiting == 0)
        assert presses(board.intake.committed) == sent
        state = board.intake.committed
    async with Board(settings) as board:
        assert board.intake.committed == state


async def test_a_board_starts_on_a_full_disk_and_says_what_is_wrong(disk: Path) -> None:
    settings = settings_of(disk, None, reserve_mb=15)
    async with Board(settings) as board:
        await teach(board, "lesson-1", 5)
        assert (disk / BALLAST).stat().st_blocks * 512 >= BALLAST_BYTES
    fill(disk)
    async with Board(settings) as board:
        status, told = await health(board)
        store = told["storage"]
        assert (status, store["room"], store["reason"]) == (503, "full", "disk")


async def test_below_the_reserve_answers_are_refused_before_the_disk_is_full(disk: Path) -> None:
    settings = settings_of(disk, None, reserve_mb=5)
    async with Board(settings) as board:
        await ask(board, "lesson-1")
        await board.intake.submit(cmd.JoinPhone(lesson="lesson-1", seat="seat-1"))
        filler = fill(disk, leave_bytes=7_000_000)
        await until(lambda: board.storage.state.space.room == "low")
        filler.unlink()
        filler = fill(disk, leave_bytes=4_000_000)
        await until(lambda: board.storage.state.space.room == "full")
        held = presses(board.intake.committed)
        await press(board, "refused", 5)
        assert presses(board.intake.committed) == held
        with pytest.raises(NotDurable, match="storage_full"):
            await board.intake.submit(
                cmd.AskQuestion(lesson="lesson-1", kind="single", options=["", ""])
            )
        await board.intake.submit(cmd.CloseQuestion(lesson="lesson-1", question=1))
        await board.intake.submit(cmd.EndLesson(lesson="lesson-1"))
        filler.unlink()
        await until(lambda: board.storage.state.space.room == "ok")
        await teach(board, "lesson-2", 5)


async def test_a_disk_that_is_read_only_at_the_start_is_named(disk: Path) -> None:
    settings = settings_of(disk, None)
    async with Board(settings) as board:
        await teach(board, "lesson-1", 5)
    assert remount(disk, read_only=True)
    with pytest.raises(Exception, match="journal_unopenable"):
        async with Board(settings):
            pass
    assert remount(disk, read_only=False)
    async with Board(settings) as board:
        assert board.intake.committed.spans.keys() == {"lesson-1"}


async def test_at_its_bound_the_journal_refuses_and_goes_on_when_the_school_has_the_rest(
    broker: LocalBroker,
    school: School,
    tmp_path: Path,
) -> None:
    settings = settings_of(tmp_path / "board", broker, max_mb=1)
    async with Board(settings) as board:
        lessons = 0
        rooms = set()
        while not board.intake.full:
            await teach(board, f"lesson-{lessons}", 100)
            lessons += 1
            board.storage.look()
            rooms.add(board.storage.state.space.room)
        assert rooms == {"ok", "low", "full"}
        before = board.journal.newest()
        await board.intake.emit(
            KeyPress(device="receiver-1", mono_ns=1, keypad="0A", key="B", token="refused")
        )
        await until(lambda: board.intake.waiting == 0)
        assert board.journal.newest() == before
        with pytest.raises(NotDurable, match="storage_full"):
            await ask(board, "one more")
        assert (await health(board))[0] == 503
        school.start()
        await until(lambda: not board.intake.full)
        await until(lambda: board.uplink.state.waiting == 0)
        await teach(board, "after", 10)
        await until(lambda: board.uplink.state.waiting == 0)
        assert len(board.intake.committed.spans) == 21  # the newest stay, whatever the bound
    held = tokens_held(school)
    assert len(held) == len(set(held)) == 100 * lessons + 10


async def test_a_press_that_was_refused_for_want_of_room_counts_when_it_comes_again(
    tmp_path: Path,
) -> None:
    settings = settings_of(tmp_path, None)
    async with Board(settings) as board:
        await ask(board, "lesson-1")
        await press(board, "before", 3)
        board.intake.full = True
        await press(board, "again", 3)
        await press(board, "before", 3)
        assert presses(board.intake.committed) == 3
        board.intake.full = False
        await press(board, "again", 3)
        assert presses(board.intake.committed) == 6
