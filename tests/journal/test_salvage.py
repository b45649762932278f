"""Journals that were damaged in every way: set aside, salvaged as far as they read."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.journal import damage, snapshot
from agent.journal.errors import JournalUnusable
from agent.journal.recovery import HIGHEST_FIRST_EPOCH, Import, TakeOver, next_epoch, open_journal
from agent.journal.salvage import salvage
from agent.journal.store import PAGE_BYTES, Journal
from agent.lesson import commands as cmd
from agent.lesson import events as ev
from agent.lesson.model import State
from tests.journal.test_store import put
from tests.lesson.builder import LESSON, Builder

EPOCH = 5
STUDENTS = [f"{number:016x}" for number in range(6)]
ROUNDS = 40
SNAPSHOT_AT = 15
RECEIVED = 300


async def write(path: Path) -> Builder:
    """A lesson of a class with keypads, a snapshot in the middle, and a log that was not closed."""
    room = Builder()
    room.state.epoch = EPOCH
    journal = Journal(path, boot_id="boot-a")
    journal.open()
    told = 0

    async def keep() -> None:
        nonlocal told
        assert await put(journal, *room.log[told:]) is None
        told = len(room.log)

    room.record(ev.EpochStarted(reason="first_start"))
    room.do(
        cmd.ReplaceRoster(
            class_id="7-3",
            students=STUDENTS,
            keypads={f"{n:02X}": s for n, s in enumerate(STUDENTS)},
        )
    )
    room.open_lesson("7-3")
    for number in range(ROUNDS):
        room.ask(key=["B"])
        for keypad in range(len(STUDENTS)):
            token = f"{number}:{keypad}"
            room.press(f"{keypad:02X}", "ABCD"[(number + keypad) % 4], token=token)
        if number == SNAPSHOT_AT:
            snapshot.keep(journal, room.state)
        if number == ROUNDS // 2:
            journal._db.execute("pragma wal_checkpoint(truncate)")  # noqa: SLF001
        await keep()
    journal.note("receipt", f"{EPOCH}:{RECEIVED}")
    await put(journal)
    journal.close()
    return room


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Builder]:
    """The journal closed, all of it in one file."""
    path = tmp_path_factory.mktemp("whole") / "journal.db"
    return path, asyncio.run(write(path))


@pytest.fixture
def journal(written: tuple[Path, Builder], tmp_path: Path) -> Path:
    return Path(shutil.copy(written[0], tmp_path / "journal.db"))


def overwrite(path: Path, at: int, size: int) -> None:
    with path.open("rb+") as file:
        file.seek(at)
        file.write(b"\xa5" * size)


def header(path: Path) -> None:
    overwrite(path, 0, 100)


def first_page(path: Path) -> None:
    overwrite(path, 0, PAGE_BYTES)


def root_of_events(path: Path) -> None:
    overwrite(path, PAGE_BYTES, PAGE_BYTES)


def pages_in_the_middle(path: Path) -> None:
    page = path.read_bytes().index(b"\xa436:3") // PAGE_BYTES
    overwrite(path, page * PAGE_BYTES, PAGE_BYTES)


def cut_off(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 2 // 3)


def missing_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("drop table boot")


def no_database(path: Path) -> None:
    overwrite(path, 0, path.stat().st_size)


# What is destroyed, and whether any event is with it.
WAYS = [
    (header, False),
    (first_page, False),
    (root_of_events, False),
    (missing_table, False),
    (pages_in_the_middle, True),
    (cut_off, True),
]


def rows_of(path: Path) -> dict[tuple[int, int], tuple[int, str, bytes]]:
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("select epoch, seq, mono_ns, kind, body from event").fetchall()
    return {(epoch, seq): row for epoch, seq, *row in rows}


@pytest.mark.parametrize(("destroy", "loses"), WAYS)
def test_every_row_that_still_reads_is_kept_under_its_own_name(
    destroy: Callable[[Path], None], loses: bool, journal: Path, tmp_path: Path
) -> None:
    before = rows_of(journal)
    destroy(journal)
    gave = salvage(journal, tmp_path / "out.db")
    after = rows_of(tmp_path / "out.db")
    assert after.items() <= before.items()
    assert gave.kept == len(after)
    assert (len(after) < len(before)) is loses
    assert len(after) > len(before) // 2


@pytest.mark.parametrize(("destroy", "loses"), WAYS)
async def test_a_damaged_journal_is_set_aside_and_the_lesson_goes_on(
    destroy: Callable[[Path], None], loses: bool, journal: Path, written: tuple[Path, Builder]
) -> None:
    destroy(journal)
    file = os.stat(journal).st_ino
    opened = open_journal(journal, boot_id="boot-b")
    try:
        assert opened.salvaged
        aside = damage.aside_files(journal.parent)
        assert [(one.path.name, one.pending) for one in aside] == [("journal.damaged-1.db", True)]
        assert aside[0].path.stat().st_ino == file  # the file itself, not what is left of it
        state, live = opened.state, written[1].state
        assert state.classes == live.classes
        assert state.lesson is not None
        assert state.lesson.id == LESSON
        if not loses:
            assert state == live
        assert opened.journal.boot > 1
    finally:
        opened.journal.close()


async def test_all_rows_are_taken_over_in_the_background(
    journal: Path, written: tuple[Path, Builder]
) -> None:
    before = rows_of(journal)
    pages_in_the_middle(journal)
    opened = open_journal(journal, boot_id="boot-b")
    new = opened.journal
    epoch = next_epoch(journal.parent, opened.state.epoch, salvaged=True)
    room = Builder()
    room.state = opened.state
    room.state.epoch, room.state.seq, room.boot = epoch, 0, new.boot
    room.record(ev.EpochStarted(reason="salvaged"))
    await put(new, *room.log)
    take_over = TakeOver(new)
    assert take_over.running
    gave = await take_over.run()
    new.close()
    assert gave is not None
    after = rows_of(journal)
    assert after.pop((epoch, 1))[1] == "EpochStarted"
    assert after.items() < before.items()
    kept = [seq for _, seq in after]
    assert gave.kept == len(kept)
    assert gave.missing == len(set(range(RECEIVED + 1, max(kept))) - set(kept)) > 0
    assert epoch > EPOCH
    assert [one.pending for one in damage.aside_files(journal.parent)] == [False]
    left = {path.name for path in journal.parent.iterdir()}
    assert not [name for name in left if "salvaged" in name or "pending" in name]
    again = open_journal(journal, boot_id="boot-c")
    assert not again.salvaged
    assert again.journal.noted("receipt") == f"{EPOCH}:{RECEIVED}"
    assert [row.boot for row in again.journal.read(EPOCH, RECEIVED, 1)] == ["boot-a"]
    again.journal.close()


async def test_what_was_salvaged_and_does_not_read_is_no_damage_of_the_new_journal(
    tmp_path: Path,
) -> None:
    new = Journal(tmp_path / "journal.db", boot_id="boot-b")
    new.open()
    salvaged = tmp_path / "journal.damaged-1.salvaged.db"
    salvaged.write_bytes(b"no database " * 1000)
    importing = Import(salvaged)
    new.do(importing)
    while importing in new.chores:
        await asyncio.sleep(0.01)
    importing.close()
    assert not importing.complete
    assert not new.damaged
    new.close()


async def test_where_nothing_reads_the_newest_epoch_is_still_known(journal: Path) -> None:
    no_database(journal)
    (journal.parent / "journal.epoch").write_text("77\n", encoding="ascii")
    opened = open_journal(journal, boot_id="boot-b")
    opened.journal.close()
    assert (opened.salvaged, opened.state) == (True, State())
    assert next_epoch(journal.parent, opened.state.epoch, salvaged=True) > 77


async def test_without_that_the_new_epoch_is_above_any_first_one(journal: Path) -> None:
    no_database(journal)
    opened = open_journal(journal, boot_id="boot-b")
    opened.journal.close()
    epoch = next_epoch(journal.parent, opened.state.epoch, salvaged=True)
    assert epoch > HIGHEST_FIRST_EPOCH


# -- the log ----------------------------------------------------------------------------------


@pytest.fixture
async def unclean(tmp_path: Path) -> tuple[Path, Builder]:
    """A journal as a killed agent leaves it: most of it in the log."""
    path = tmp_path / "live" / "journal.db"
    room = Builder()
    room.state.epoch = EPOCH
    journal = Journal(path, boot_id="boot-a")
    journal.open()
    room.record(ev.EpochStarted(reason="first_start"))
    room.open_lesson()
    room.ask()
    await put(journal, *room.log)
    for number in range(60):
        told = len(room.log)
        room.press(f"{number:02X}", "B", token=f"t{number}")
        await put(journal, *room.log[told:])
    copy = tmp_path / "journal.db"
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    journal.close()
    return copy, room


def frames(path: Path) -> Iterator[int]:
    log = Path(f"{path}-wal").read_bytes()
    step = PAGE_BYTES + 24
    for at in range(32, len(log) - step + 1, step):
        if log[at + 8 : at + 16] == log[16:24]:
            yield at


async def test_a_log_that_was_merely_not_closed_is_no_damage(
    unclean: tuple[Path, Builder],
) -> None:
    path, room = unclean
    opened = open_journal(path, boot_id="boot-a")
    opened.journal.close()
    assert (opened.salvaged, opened.state) == (False, room.state)


async def test_the_torn_end_of_a_power_cut_is_no_damage(unclean: tuple[Path, Builder]) -> None:
    path, _ = unclean
    overwrite(Path(f"{path}-wal"), list(frames(path))[-1] + 200, 100)
    opened = open_journal(path, boot_id="boot-a")
    opened.journal.close()
    assert not opened.salvaged


@pytest.mark.parametrize("where", ["a frame in the middle", "the header"])
async def test_a_log_with_a_damaged_middle_is_salvaged_not_cut_short(
    where: str, unclean: tuple[Path, Builder]
) -> None:
    path, room = unclean
    middle = list(frames(path))[len(list(frames(path))) // 2]
    overwrite(Path(f"{path}-wal"), 4 if where == "the header" else middle + 100, 8)
    opened = open_journal(path, boot_id="boot-a")
    assert opened.salvaged
    assert opened.state.lesson is not None
    assert opened.state.lesson.questions[0].presses == 60
    gave = await TakeOver(opened.journal).run()
    opened.journal.close()
    assert gave is not None
    assert (gave.kept, gave.missing) == (len(room.log), 0)
    assert {seq for epoch, seq in rows_of(path) if epoch == EPOCH} == {one.seq for one in room.log}


# -- setting aside ----------------------------------------------------------------------------


async def test_what_was_met_while_running_is_salvaged_at_the_next_start(
    journal: Path, written: tuple[Path, Builder]
) -> None:
    damage.mark_suspect(journal.parent)
    opened = open_journal(journal, boot_id="boot-b")
    opened.journal.close()
    assert opened.salvaged
    assert opened.state == written[1].state
    assert not (journal.parent / damage.SUSPECT).exists()


async def test_a_start_that_was_cut_off_while_setting_aside_goes_on(
    journal: Path, written: tuple[Path, Builder]
) -> None:
    (journal.parent / "journal.damaged-1.moving").touch()
    (journal.parent / "journal.damaged-1.db-wal").touch()  # it was renamed, and the power went
    opened = open_journal(journal, boot_id="boot-b")
    opened.journal.close()
    assert opened.salvaged
    assert opened.state == written[1].state
    names = {path.name for path in journal.parent.iterdir()}
    assert {"journal.damaged-1.db", "journal.damaged-1.db-wal"} <= names


async def test_a_start_that_was_cut_off_before_its_first_event_reads_the_damaged_file_again(
    journal: Path, written: tuple[Path, Builder]
) -> None:
    header(journal)
    open_journal(journal, boot_id="boot-b").journal.close()
    opened = open_journal(journal, boot_id="boot-b")
    opened.journal.close()
    assert opened.salvaged
    assert opened.state == written[1].state
    assert len(damage.aside_files(journal.parent)) == 1


async def test_a_second_damage_gets_a_number_of_its_own(journal: Path) -> None:
    header(journal)
    open_journal(journal, boot_id="boot-b").journal.close()
    no_database(journal)
    opened = open_journal(journal, boot_id="boot-b")
    opened.journal.close()
    names = [one.path.name for one in damage.aside_files(journal.parent)]
    assert names == ["journal.damaged-1.db", "journal.damaged-2.db"]
    assert opened.state.epoch == EPOCH


async def test_a_journal_that_another_agent_uses_is_not_touched(journal: Path) -> None:
    held = open_journal(journal, boot_id="boot-a").journal
    damage.mark_suspect(journal.parent)
    with pytest.raises(JournalUnusable, match="journal_held"):
        open_journal(journal, boot_id="boot-a")
    held.close()
    assert damage.aside_files(journal.parent) == []


async def test_a_bit_that_flipped_in_one_event_costs_that_event_alone(
    journal: Path, written: tuple[Path, Builder]
) -> None:
    with closing(sqlite3.connect(journal)) as db:
        last = db.execute("select max(id) from event").fetchone()[0]
        db.execute("update event set body = x'7b22' where id = ?", (last,))
        db.execute("delete from snapshot")
        db.commit()
    opened = open_journal(journal, boot_id="boot-b")
    assert not opened.salvaged
    assert opened.journal.unreadable == 1
    assert (opened.state.epoch, opened.state.seq) == opened.journal.newest()
    opened.journal.close()
    lesson, live = opened.state.lesson, written[1].state.lesson
    assert lesson is not None
    assert live is not None
    assert lesson.questions[:-1] == live.questions[:-1]
