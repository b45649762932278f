"""What a journal that begins anew says, should the power go again, or rows of it be lost."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from agent.clock import now_ns
from agent.intake import Intake
from agent.journal import backup, damage, restore, snapshot
from agent.journal.recovery import INCOMPLETE_NOTE, Opened, TakeOver, next_epoch, open_journal
from agent.journal.store import PAGE_BYTES, Journal
from agent.lesson import commands as cmd
from agent.lesson import events as ev
from agent.lesson.model import State
from drivers.capabilities import Outcome
from drivers.readings import KeyPress
from tests.journal.test_salvage import EPOCH, header, overwrite, write
from tests.journal.test_store import put
from tests.lesson.builder import LESSON, PLACE

MORNINGS = 30


def boot_named(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000000"


def intake_on(journal: Journal, state: State, told: list[Outcome]) -> Intake:
    return Intake(
        journal,
        state=state,
        window_s=0,
        now_ns=now_ns,
        name_card=str,
        confirm=lambda _, outcomes: told.extend(one for _, one in outcomes),
    )


async def begin_epoch(opened: Opened, told: list[Outcome]) -> Intake:
    intake = intake_on(opened.journal, opened.state, told)
    folder, newest = opened.journal.path.parent, opened.state.epoch
    epoch = next_epoch(folder, newest, salvaged=True)
    await intake.begin_epoch(ev.EpochStarted(reason="salvaged"), epoch)
    return intake


async def press(intake: Intake, token: str, told: list[Outcome]) -> Outcome:
    before = len(told)
    reading = KeyPress(device="r", mono_ns=now_ns(), keypad="01", key="B", token=token)
    await intake.emit(reading)
    while len(told) == before:
        await asyncio.sleep(0.01)
    return told[-1]


def damage_page_of(path: Path, content: str) -> None:
    page = path.read_bytes().index(content.encode()) // PAGE_BYTES
    overwrite(path, page * PAGE_BYTES, PAGE_BYTES)


async def test_a_power_cut_right_behind_the_first_event_loses_no_state(tmp_path: Path) -> None:
    path = tmp_path / "board" / "journal.db"
    room = await write(path)
    header(path)
    opened = open_journal(path, boot_id="boot-b")
    assert opened.whole
    await begin_epoch(opened, [])
    cut = tmp_path / "cut"
    shutil.copytree(path.parent, cut)
    opened.journal.close()
    again = open_journal(cut / "journal.db", boot_id="boot-c")
    again.journal.close()
    assert (again.salvaged, again.whole) == (False, True)
    assert again.state.classes == room.state.classes
    assert again.state.lessons == room.state.lessons


async def test_that_something_is_missing_is_remembered_over_a_second_damage(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.db"
    await write(path)
    journal = Journal(path, boot_id="boot-a")
    journal.open()
    journal.note(INCOMPLETE_NOTE, "1")
    journal.close()
    header(path)
    opened = open_journal(path, boot_id="boot-b")
    opened.journal.close()
    assert (opened.salvaged, opened.whole) == (True, False)


# -- numbers of boots -------------------------------------------------------------------------


async def month(path: Path, told: list[Outcome]) -> None:
    """Starts of a month; in the newest of them a question is opened."""
    for number in range(1, MORNINGS):
        journal = Journal(path, boot_id=boot_named(number))
        journal.open()
        journal.close()
    journal = Journal(path, boot_id=boot_named(MORNINGS))
    journal.open()
    intake = intake_on(journal, State(), told)
    await intake.begin_epoch(ev.EpochStarted(reason="first_start"), EPOCH)
    await intake.submit(cmd.OpenLesson(lesson=LESSON, title="", place=PLACE))
    await intake.submit(cmd.AskQuestion(lesson=LESSON, kind="single", options=["", ""]))
    await press(intake, "before", told)
    snapshot.keep(journal, intake.committed)
    journal.close()


async def test_answers_count_on_where_the_page_of_the_newest_boots_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    told: list[Outcome] = []
    await month(path, told)
    damage_page_of(path, boot_named(MORNINGS))
    opened = open_journal(path, boot_id="this-boot")
    assert opened.salvaged
    intake = await begin_epoch(opened, told)
    assert (await press(intake, "after", told)).verdict != "rejected"
    await TakeOver(opened.journal).run()
    assert {row.boot for row in opened.journal.read(EPOCH, 0, 9)} == {f"unknown-{MORNINGS}"}
    opened.journal.close()


async def test_so_they_do_where_all_boots_are_lost_for_the_second_time(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    told: list[Outcome] = []
    await month(path, told)
    damage_page_of(path, boot_named(MORNINGS))
    for boot_id in ("second-boot", "third-boot"):
        opened = open_journal(path, boot_id=boot_id)
        assert opened.salvaged
        intake = await begin_epoch(opened, told)
        lesson = opened.state.lesson
        assert lesson is not None
        await intake.submit(cmd.AskQuestion(lesson=LESSON, kind="single", options=["", ""]))
        assert (await press(intake, f"in-{boot_id[:3]}", told)).verdict != "rejected"
        await TakeOver(opened.journal).run()
        snapshot.keep(opened.journal, intake.committed)
        opened.journal.close()
        damage_page_of(path, boot_id)


async def test_a_boot_that_was_found_keeps_its_number(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    await write(path)
    header(path)
    opened = open_journal(path, boot_id="boot-a")
    opened.journal.close()
    assert opened.salvaged
    assert opened.journal.boot == 1


async def test_a_boot_that_nothing_names_has_a_name_of_its_own(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db", boot_id="boot-a")
    journal.open()
    assert await put(journal) is None
    assert journal.boot_id(7) == "unknown-7"
    assert journal.boot_id(journal.boot) == "boot-a"
    journal.close()


# -- a backup put back over it ----------------------------------------------------------------


async def backup_of(data_dir: Path, out: Path) -> None:
    backup.make(data_dir, out, device="board-1", now_s=1, progress=lambda _, __: None)
    restore.stage(out, data_dir)


async def test_damage_that_was_met_before_does_not_concern_what_was_put_back(
    tmp_path: Path,
) -> None:
    data_dir = tmp_path / "board"
    path = data_dir / "journal.db"
    room = await write(path)
    await backup_of(data_dir, tmp_path / "out")
    (data_dir / "journal.damaged-1.db").write_bytes(b"of older days")
    (data_dir / "journal.damaged-1.pending").touch()
    damage.mark_suspect(data_dir)
    restore.make_ready(data_dir)
    opened = open_journal(path, boot_id="boot-b")
    opened.journal.close()
    assert (opened.salvaged, opened.restored) == (False, True)
    assert opened.state.classes == room.state.classes
    assert damage.pending(data_dir) == []
    assert [one.path.name for one in damage.aside_files(data_dir)] == ["journal.damaged-1.db"]


async def test_a_journal_that_was_half_set_aside_is_not_taken_for_the_one_put_back(
    tmp_path: Path,
) -> None:
    data_dir = tmp_path / "board"
    path = data_dir / "journal.db"
    room = await write(path)
    await backup_of(data_dir, tmp_path / "out")
    (data_dir / "journal.damaged-1.moving").touch()  # and the power went
    restore.make_ready(data_dir)
    opened = open_journal(path, boot_id="boot-b")
    opened.journal.close()
    assert (opened.salvaged, opened.restored) == (False, True)
    assert opened.state.classes == room.state.classes
