"""A board whose journal was damaged: it teaches on, and the school gets what can be read."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from agent.app import Board
from agent.demo.broker import LocalBroker
from agent.errors import NotDurable
from agent.journal import salvage
from agent.journal.roster import StudentName
from agent.journal.store import PAGE_BYTES
from agent.lesson import commands as cmd
from agent.lesson import events as ev
from tests.cloud.board import ADDRESS
from tests.cloud.school import School, until
from tests.system.board_at_school import ask, emit, press, settings_of, teach, tokens_held


def destroy_page_of(path: Path, content: bytes) -> None:
    """Overwrite the page that holds these bytes."""
    data = path.read_bytes()
    page = data.index(content) // PAGE_BYTES
    with path.open("rb+") as file:
        file.seek(page * PAGE_BYTES)
        file.write(b"\xa5" * PAGE_BYTES)


def lost_at(school: School) -> int:
    with closing(sqlite3.connect(school.database)) as db:
        query = "select count(*) from event where kind = 'EventLost'"
        return int(db.execute(query).fetchone()[0])


async def test_the_school_gets_all_that_reads_once_and_is_told_what_is_lost(
    broker: LocalBroker,
    school: School,
    tmp_path: Path,
) -> None:
    settings = settings_of(tmp_path / "board", broker)
    school.start()
    async with Board(settings) as board:
        await teach(board, "received", 30)
        await until(lambda: board.uplink.state.waiting == 0)
    school.stop()
    async with Board(settings) as board:
        await teach(board, "waiting", 60)
    journal = tmp_path / "board" / "journal.db"
    destroy_page_of(journal, b"\xaawaiting:30")

    async with Board(settings) as board:  # its snapshot is whole: the uplink meets the damage
        assert await board.until(asyncio.Event()) == "again"
    async with Board(settings) as board:
        await teach(board, "after", 20)
        assert board.storage.state.salvage == "running"
        await until(lambda: not board.storage.salvages)
        missing = board.storage.state.missing
        assert 0 < missing < 20
        assert board.storage.state.damaged_files == 1
        school.start()
        await until(lambda: board.uplink.state.waiting == 0)

    held = Counter(tokens_held(school))
    assert set(held.values()) == {1}
    assert {f"received:{number}" for number in range(30)} <= set(held)
    assert {f"after:{number}" for number in range(20)} <= set(held)
    assert sum(token.startswith("waiting:") for token in held) >= 60 - missing
    assert lost_at(school) == missing
    for epoch, seqs in grouped(school.held(ADDRESS.device)).items():
        assert seqs == list(range(1, len(seqs) + 1)), epoch


def grouped(names: list[tuple[int, int]]) -> dict[int, list[int]]:
    epochs: dict[int, list[int]] = {}
    for epoch, seq in names:
        epochs.setdefault(epoch, []).append(seq)
    return epochs


async def test_a_question_that_was_open_goes_on(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, None)
    async with Board(settings) as board:
        await teach(board, "first", 40)
        await ask(board, "second")
        await press(board, "before", 10)
    with (tmp_path / "journal.db").open("rb+") as file:
        file.write(b"\xa5" * PAGE_BYTES)
    async with Board(settings) as board:
        await press(board, "after", 20)
        lesson = board.intake.committed.lesson
        assert lesson is not None
        assert lesson.id == "second"
        assert lesson.current is not None
        assert len(lesson.current.answers) == 20
        assert lesson.current.presses == 30
        await until(lambda: not board.storage.salvages)
        assert board.storage.state.missing == 0
        committed = board.intake.committed
    async with Board(settings) as board:
        assert board.intake.committed.lessons == committed.lessons


async def test_what_could_not_be_read_at_once_is_replayed_when_the_lesson_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(tmp_path, None)
    async with Board(settings) as board:
        await board.intake.submit(cmd.ReplaceRoster(class_id="7-3", students=["s-1"]))
        for number in range(5):
            await teach(board, f"lesson-{number}", 3)
    with (tmp_path / "journal.db").open("rb+") as file:
        file.write(b"\xa5" * PAGE_BYTES)
    monkeypatch.setattr(salvage, "QUICK_S", 0.0)
    async with Board(settings) as board:
        assert not board.intake.committed.classes
        assert await board.until(asyncio.Event()) == "again"
    async with Board(settings) as board:
        assert board.intake.committed.classes.keys() == {"7-3"}
        assert len(board.intake.committed.spans) == 5
    async with Board(settings) as board:
        assert not board.storage.salvages
        assert board.storage.state.salvage == ""


async def test_a_damaged_class_list_costs_its_names_not_the_lesson(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, None)
    lists = {"7-3": [StudentName("a1", "01", "赵一")], "8-1": [StudentName("b2", "02", "钱二")]}

    async def send(board: Board, class_id: str) -> None:
        board.web.context.rosters.replace(class_id, lists[class_id])
        students = [one.student for one in lists[class_id]]
        await board.intake.submit(cmd.ReplaceRoster(class_id=class_id, students=students))

    async with Board(settings) as board:
        for class_id in lists:
            await send(board, class_id)
        assert not board.web.context.storage().names_lost
    (tmp_path / "roster.db").write_bytes(b"no database " * 1000)
    async with Board(settings) as board:
        assert board.web.context.rosters.names("7-3") == {}
        assert board.web.context.storage().names_lost
        await teach(board, "first", 3)
    assert (tmp_path / "roster.damaged-1.db").exists()
    async with Board(settings) as board:
        assert board.web.context.storage().names_lost
        await send(board, "7-3")
        assert board.web.context.storage().names_lost
        board.web.context.rosters.replace("8-1", lists["8-1"])
        assert not board.web.context.storage().names_lost


async def test_what_the_disk_does_not_note_of_a_salvage_holds_nothing_up(
    broker: LocalBroker,
    school: School,
    tmp_path: Path,
) -> None:
    settings = settings_of(tmp_path / "board", broker)
    async with Board(settings) as board:
        await teach(board, "before", 5)
    with (tmp_path / "board" / "journal.db").open("rb+") as file:
        file.write(b"\xa5" * PAGE_BYTES)
    async with Board(settings) as board:
        submit = board.intake.submit

        async def unless_a_note(command: cmd.Command) -> list[ev.Event]:
            if isinstance(command, cmd.NoteSalvage):
                raise NotDurable("not_durable", "journal.db", "the disk is full")
            return await submit(command)

        board.intake.submit = unless_a_note  # type: ignore[method-assign]  # as a full disk
        school.start()
        await until(lambda: len(tokens_held(school)) == 5)
        assert board.storage.state.salvage == "ended"


async def test_damage_that_a_commit_meets_is_mended_by_starting_again(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, None)
    async with Board(settings) as board:
        await teach(board, "first", 5)
        await ask(board, "second")
        board.journal._db.execute("pragma wal_checkpoint(truncate)")  # noqa: SLF001 (to the file)
        board.journal._db.execute("pragma cache_size=0")  # noqa: SLF001 (read again)
        with (tmp_path / "journal.db").open("rb+") as file:
            size = file.seek(0, 2)
            file.seek(PAGE_BYTES)
            file.write(b"\xa5" * (size - PAGE_BYTES))
        await emit(board, "second", 3)
        assert await board.until(asyncio.Event()) == "again"
    async with Board(settings) as board:
        await ask(board, "third")
        await press(board, "third", 3)
        assert board.storage.state.damaged_files == 1
