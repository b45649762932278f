"""Power cuts in the model of `powercut`: the long form is `./dev soak power_cuts`."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.powercut import record as rec
from benchmarks.powercut.disk import Disk, Node, look_at
from benchmarks.powercut.record import Entry, build, environment, read_record, run_watched
from benchmarks.powercut.trial import MODES, Mode, Run, Trial, count_syncs

pytestmark = pytest.mark.needs("gcc")

SOON = "wal_autocheckpoint=200"
"""Checkpoints often, so that a short record has several."""


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("recorder"))


@pytest.fixture(scope="session")
def lives(tmp_path_factory: pytest.TempPathFactory, library: Path) -> Trial:
    trial = Trial(tmp_path_factory.mktemp("lives"), library, seed=1)
    trial.record(Run(400, pragmas=(SOON,)))
    trial.record(Run(400, pragmas=(SOON,), close=True))
    return trial


@pytest.mark.parametrize("mode", MODES)
async def test_no_power_cut_loses_a_ticked_answer_or_the_journal(lives: Trial, mode: Mode) -> None:
    syncs, checkpoints, restarts = count_syncs(lives.lives)
    assert syncs > 100
    assert checkpoints >= 2
    assert restarts >= 2
    result = await lives.cut(mode, 60)
    assert result.bad == []
    assert result.cuts == 60
    assert result.ticks > 60 * 100


async def test_the_model_finds_the_losses_of_commits_that_are_not_synced(
    tmp_path: Path, library: Path
) -> None:
    trial = Trial(tmp_path, library, seed=1)
    trial.record(Run(150, pragmas=("synchronous=normal",)))
    result = await trial.cut("synced", 20)
    assert sum("ticked answers are lost" in bad for bad in result.bad) > 10


FAULTS = {
    "the log's sync fails, and works again": [
        Run(300, (SOON,), rules="sync EIO *journal.db-wal 60 3\nsync EIO *journal.db-wal 90 1")
    ],
    "the database's sync fails in a checkpoint": [
        Run(300, (SOON,), rules="sync EIO *journal.db 1 2"),
    ],
    "the agent dies between a failed sync and the next": [
        Run(300, (SOON,), until_failure=True, rules="sync EIO *journal.db-wal 60 1"),
        Run(200, (SOON,)),
    ],
    "the agent dies between a failed checkpoint and the next": [
        Run(300, (SOON,), until_failure=True, rules="sync EIO *journal.db 1\nsync EIO *-wal 99 1"),
        Run(200, (SOON,)),
    ],
    "the disk is full for a while": [
        Run(300, (SOON,), rules="write ENOSPC *journal.db-wal 200 7\nwrite ENOSPC *journal.db 9 4")
    ],
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_is_ticked_after_a_failed_sync_survives_a_power_cut(
    fault: str, tmp_path: Path, library: Path
) -> None:
    trial = Trial(tmp_path, library, seed=3)
    life = trial.record(*FAULTS[fault])
    if "sync" in fault or "checkpoint" in fault:
        assert any(entry.op == rec.SYNC_FAILED for entry in life.entries)
    for mode in MODES:
        assert (await trial.cut(mode, 12)).bad == []


SMALL_FILES = """
from pathlib import Path
from agent.private_file import make_folder, remove, write_private
from benchmarks.powercut.workload import Promise, mark

folder = Path("{disk}/a/b")
make_folder(folder)
mark(Promise(file="made"))
for text in (b"one", b"two"):
    write_private(folder / "secret", text)
    mark(Promise(file="written"))
remove(folder / "secret")
mark(Promise(file="removed"))
"""


def test_a_small_file_and_its_folder_are_on_disk_when_the_call_returns(
    tmp_path: Path, library: Path
) -> None:
    disk, record = tmp_path / "disk", tmp_path / "record"
    disk.mkdir()
    before = look_at(disk)
    watched = environment(library, disk, record=record)
    path = os.pathsep.join(sys.path)
    subprocess.run(
        [sys.executable, "-c", SMALL_FILES.format(disk=disk)],
        env={**os.environ, **watched, "PYTHONPATH": path},
        check=True,
    )
    model, found = Disk(before), []
    for number, entry in enumerate(read_record(record)):
        model.advance(entry)
        if entry.op == rec.MARK:
            model.cut(tmp_path / f"cut-{number}")
            files = (tmp_path / f"cut-{number}" / "a" / "b").iterdir()
            found.append({file.name: file.read_bytes() for file in files})
    assert found == [{}, {"secret": b"one"}, {"secret": b"two"}, {}]


def test_an_agent_that_cannot_sync_what_it_found_promises_nothing(
    tmp_path: Path, library: Path
) -> None:
    disk, rules, record = tmp_path / "disk", tmp_path / "rules", tmp_path / "record"
    disk.mkdir()
    arguments = [str(disk / "board"), "--presses", "20"]
    watched = environment(library, disk, record=record, faults=rules)
    run_watched("benchmarks.powercut.workload", arguments, watched)
    promised = sum(entry.op == rec.MARK for entry in read_record(record))
    rules.write_text("sync EIO *journal.db-wal")
    with pytest.raises(subprocess.CalledProcessError):
        run_watched("benchmarks.powercut.workload", [*arguments, "--life", "2"], watched)
    entries = list(read_record(record))
    assert any(entry.op == rec.SYNC_FAILED for entry in entries)
    assert sum(entry.op == rec.MARK for entry in entries) == promised > 20


# -- the model itself -----------------------------------------------------------------------------

FOLDER, FILE, OTHER = 1, 2, 3
EMPTY = Node(FOLDER, {})
MADE = [
    Entry(rec.CREATE, FILE, 0, b"a"),
    Entry(rec.WRITE, FILE, 0, b"old"),
    Entry(rec.SYNC, FILE, 0, b""),
    Entry(rec.SYNC, FOLDER, 0, b""),
]


def left(folder: Path, *entries: Entry, torn: bool = False, seed: int = 0) -> dict[str, bytes]:
    """The files that a cut leaves."""
    folder.mkdir(exist_ok=True)
    for file in folder.iterdir():
        file.unlink()
    disk = Disk(EMPTY, torn=torn, seed=seed)
    for entry in entries:
        disk.advance(entry)
    disk.cut(folder)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_only_what_was_synced_survives(tmp_path: Path) -> None:
    write = Entry(rec.WRITE, FILE, 1, b"EW!")
    assert left(tmp_path, *MADE, write) == {"a": b"old"}
    assert left(tmp_path, *MADE, write, Entry(rec.SYNC, FILE, 0, b"")) == {"a": b"oEW!"}
    cut = Entry(rec.TRUNCATE, FILE, 1, b"")
    assert left(tmp_path, *MADE, cut) == {"a": b"old"}
    assert left(tmp_path, *MADE, cut, Entry(rec.SYNC, FILE, 0, b"")) == {"a": b"o"}


def test_a_name_survives_only_when_its_folder_was_synced(tmp_path: Path) -> None:
    assert left(tmp_path, *MADE[:3]) == {}
    rename = Entry(rec.RENAME, 0, 0, b"a\0b")
    assert left(tmp_path, *MADE, rename) == {"a": b"old"}
    assert left(tmp_path, *MADE, rename, MADE[3]) == {"b": b"old"}
    gone = Entry(rec.UNLINK, 0, 0, b"a")
    assert left(tmp_path, *MADE, gone) == {"a": b"old"}
    assert left(tmp_path, *MADE, gone, MADE[3]) == {}


def test_a_new_file_on_the_same_inode_is_another_file(tmp_path: Path) -> None:
    again = [Entry(rec.UNLINK, 0, 0, b"a"), Entry(rec.CREATE, FILE, 0, b"a")]
    assert left(tmp_path, *MADE, *again, Entry(rec.WRITE, FILE, 0, b"new")) == {"a": b"old"}


def test_what_a_failed_sync_should_have_written_is_lost_for_good(tmp_path: Path) -> None:
    write = Entry(rec.WRITE, FILE, 0, b"new")
    failed = Entry(rec.SYNC_FAILED, FILE, 0, b"")
    sync = Entry(rec.SYNC, FILE, 0, b"")
    assert left(tmp_path, *MADE, write, failed, sync) == {"a": b"old"}
    assert left(tmp_path, *MADE, write, failed, write, sync) == {"a": b"new"}


def test_an_unsynced_write_is_torn_at_sectors_and_survives_in_any_part(tmp_path: Path) -> None:
    write = Entry(rec.WRITE, FILE, 0, b"n" * 2048)
    seen = {
        left(tmp_path, *MADE, write, torn=True, seed=seed)["a"].ljust(2048, b"\0")
        for seed in range(200)
    }
    assert b"n" * 2048 in seen
    assert b"old".ljust(2048, b"\0") in seen
    torn = [one for one in seen if one[:512] == b"n" * 512 and one[512:1024] != b"n" * 512]
    assert torn
    for content in seen:
        for at in range(0, 2048, 512):
            assert content[at : at + 512] in {b"n" * 512, b"\0" * 512, b"old".ljust(512, b"\0")}


def test_the_recorder_writes_down_what_sqlite_does(tmp_path: Path, library: Path) -> None:
    disk, record = tmp_path / "disk", tmp_path / "record"
    disk.mkdir()
    arguments = [str(disk / "board"), "--presses", "20"]
    watched = environment(library, disk, record=record)
    run_watched("benchmarks.powercut.workload", arguments, watched)
    replayed, left_behind = tmp_path / "replayed", Disk(Node(disk.stat().st_ino, {}))
    inodes: set[int] = {disk.stat().st_ino}
    for entry in read_record(record):
        left_behind.advance(entry)
        inodes.add(entry.inode)
    for inode in sorted(inodes - {0}):  # all is synced: what is on disk is what was there
        left_behind.advance(Entry(rec.SYNC, inode, 0, b""))
    left_behind.cut(replayed)
    for file in (disk / "board").iterdir():
        if not file.name.endswith("-shm"):
            assert (replayed / "board" / file.name).read_bytes() == file.read_bytes()
    db = sqlite3.connect(replayed / "board" / "journal.db")
    assert db.execute("select count(*) from event").fetchone()[0] > 20
    db.close()
