from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from agent.journal import snapshot
from agent.journal.errors import CommitFailed, JournalError, JournalUnusable
from agent.journal.store import TAIL_ROWS, WAL_BYTES, Journal
from agent.lesson import events as ev
from agent.lesson.model import Position
from agent.lesson.replay import Stamped
from tests.lesson.builder import LESSON, Builder

FIRST = ev.EpochStarted(reason="first_start")


def press(seq: int, epoch: int = 5, boot: int = 1) -> Stamped:
    event = ev.PressUnasked(device="receiver-1", keypad="0A", key="A", token=str(seq))
    return Stamped(epoch, seq, boot, seq * 1000, event)


async def put(journal: Journal, *events: Stamped) -> JournalError | None:
    told: asyncio.Future[JournalError | None] = asyncio.get_running_loop().create_future()
    journal.append(events, told.set_result)
    return await told


def opened(path: Path, boot_id: str = "boot-a") -> Journal:
    journal = Journal(path / "journal.db", boot_id=boot_id)
    journal.open()
    return journal


async def test_what_was_told_durable_is_read_again(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    assert await put(journal, press(1), press(2)) is None
    journal.close()
    again = opened(tmp_path)
    rows = again.read(5, 0, 10)
    assert [(row.epoch, row.seq, row.boot, row.mono_ns, row.kind) for row in rows] == [
        (5, 1, "boot-a", 1000, "PressUnasked"),
        (5, 2, "boot-a", 2000, "PressUnasked"),
    ]
    assert list(again.after(5, 1)) == [press(2)]
    assert again.newest() == (5, 2)
    again.close()


async def test_a_commit_returns_when_the_disk_has_it(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    db = journal._db  # noqa: SLF001 (a power cut cannot be tried here; what SQLite was told can)
    assert db.execute("pragma journal_mode").fetchone() == ("wal",)
    assert db.execute("pragma synchronous").fetchone() == (2,)
    journal.close()


async def test_the_log_has_its_full_size_from_the_start(tmp_path: Path) -> None:
    log = tmp_path / "journal.db-wal"
    journal = opened(tmp_path)
    assert log.stat().st_size == WAL_BYTES
    for seq in range(1, 400):
        await put(journal, press(seq))
    assert log.stat().st_size == WAL_BYTES
    killed = tmp_path / "killed"
    killed.mkdir()
    for name in ("journal.db", "journal.db-wal"):
        (killed / name).write_bytes((tmp_path / name).read_bytes())
    journal.close()
    again = opened(killed)
    assert again.newest() == (5, 399)
    again.close()


async def test_what_was_just_written_reads_the_same_from_memory_and_from_the_file(
    tmp_path: Path,
) -> None:
    journal = opened(tmp_path)
    answers = [
        Stamped(
            5,
            seq,
            1,
            seq,
            ev.ResponseRecorded(
                lesson=LESSON, question=1, device="receiver-1", keypad="0A", key="A", token=None
            ),
        )
        for seq in range(1, 2 * TAIL_ROWS)
    ]
    for start in range(0, len(answers), 1000):
        await put(journal, *answers[start : start + 1000])
    after, read = 0, []
    while rows := journal.read(5, after, 700):  # the first from the file, the last from memory
        read += rows
        after = rows[-1].seq
    assert [row.seq for row in read] == [one.seq for one in answers]
    bodies = [ev.public_body(row.kind, row.body) for row in read]
    assert set(bodies) == {ev.encode_body(answers[0].event)}
    assert [row.seq for row in journal.read(5, 3, 2)] == [4, 5]  # read again, long afterwards
    journal.close()


def answer(seq: int) -> Stamped:
    event = ev.ResponseRecorded(
        lesson=LESSON, question=1, device="receiver-1", keypad="0A", key="A", token=str(seq)
    )
    return Stamped(5, seq, 1, seq * 1000, event)


async def test_answers_have_a_short_name_on_the_disk_and_nowhere_else(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    await put(journal, answer(1), press(2))
    from_memory = journal.read(5, 0, 10)
    journal.close()
    with sqlite3.connect(tmp_path / "journal.db") as db:
        kept = db.execute("select kind from event order by id").fetchall()
    db.close()
    assert kept == [("R",), ("PressUnasked",)]
    again = opened(tmp_path)
    assert [row.kind for row in again.read(5, 0, 10)] == ["ResponseRecorded", "PressUnasked"]
    assert [row.kind for row in from_memory] == ["ResponseRecorded", "PressUnasked"]
    assert list(again.after(5, 0)) == [answer(1), press(2)]
    again.close()


async def test_a_journal_of_an_agent_that_kept_long_names_goes_on(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    await put(journal, answer(1), answer(2), answer(3))
    journal.close()
    values = [LESSON, 1, "receiver-1", "0A", "A", "2"]
    older = {1: ev.encode_body(answer(1).event), 2: msgspec.json.encode(values)}
    with sqlite3.connect(tmp_path / "journal.db") as db:
        for seq, body in older.items():
            change = "update event set kind = 'ResponseRecorded', body = ? where seq = ?"
            db.execute(change, (body, seq))
        db.execute("pragma user_version = 2")
    db.close()
    again = opened(tmp_path)
    assert list(again.after(5, 0)) == [answer(1), answer(2), answer(3)]
    assert [row.kind for row in again.read(5, 0, 10)] == ["ResponseRecorded"] * 3
    again.close()
    with sqlite3.connect(tmp_path / "journal.db") as db:
        assert db.execute("pragma user_version").fetchone() != (2,)  # the older one refuses it
    db.close()


async def test_reading_is_bounded_by_epoch_and_limit(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    await put(journal, *(press(seq) for seq in range(1, 8)))
    await put(journal, press(1, epoch=9), press(2, epoch=9))
    assert [row.seq for row in journal.read(5, 2, 3)] == [3, 4, 5]
    assert [row.seq for row in journal.read(5, 6, 30)] == [7]
    assert journal.epochs() == [5, 9]
    assert [(one.epoch, one.seq) for one in journal.after(5, 6)] == [(5, 7), (9, 1), (9, 2)]
    journal.close()


async def test_each_boot_has_its_number(tmp_path: Path) -> None:
    numbers = []
    for boot_id in ("boot-a", "boot-a", "boot-b"):
        journal = opened(tmp_path, boot_id)
        numbers.append(journal.boot)
        journal.close()
    assert numbers == [1, 1, 2]


async def test_two_agents_cannot_share_a_journal(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    with pytest.raises(JournalUnusable, match="journal_held"):
        opened(tmp_path)
    journal.close()
    opened(tmp_path).close()


async def test_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    opened(tmp_path).close()
    with sqlite3.connect(tmp_path / "journal.db") as db:
        db.execute("pragma user_version = 99")
    db.close()
    with pytest.raises(JournalUnusable, match="journal_too_new"):
        opened(tmp_path)


async def test_a_damaged_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(JournalUnusable, match="journal_damaged"):
        opened(tmp_path)


async def test_a_failed_commit_refuses_its_group_and_all_behind_it(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    await put(journal, press(1))
    assert isinstance(await put(journal, press(1)), CommitFailed)  # the number exists
    assert not journal.ok
    assert isinstance(await put(journal, press(2)), CommitFailed)
    journal.begin_again()
    assert await put(journal, press(2)) is None
    assert journal.ok
    assert [row.seq for row in journal.read(5, 0, 10)] == [1, 2]
    journal.close()


async def test_a_refused_group_is_never_told_durable_whatever_succeeds_behind_it(
    tmp_path: Path,
) -> None:
    journal = opened(tmp_path)
    await put(journal, press(1))
    loop = asyncio.get_running_loop()
    told = [loop.create_future() for _ in range(3)]
    other = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
    other.execute("begin immediate")
    tried = journal.attempts
    journal.append([press(1)], told[0].set_result)  # the number exists: this will fail
    while journal.attempts == tried:
        time.sleep(0.001)  # noqa: ASYNC251 (the loop must not hear of it yet)
    journal.append([press(2)], told[1].set_result)  # decided behind it
    journal.begin_again()
    journal.append([press(2)], told[2].set_result)
    other.execute("rollback")
    errors = [await one for one in told]
    assert [type(error) for error in errors] == [CommitFailed, CommitFailed, type(None)]
    other.close()
    journal.close()


async def test_notes_and_asides_land_without_an_event(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.note("receipt", "5:1")
    journal.put_aside(5, 1, "unreadable")
    journal.close()
    again = opened(tmp_path)
    assert again.noted("receipt") == "5:1"
    assert again.noted("nothing") is None
    again.close()


async def test_a_lesson_is_read_by_its_span(tmp_path: Path) -> None:
    room = Builder()
    room.state.epoch = 5
    room.record(FIRST)
    room.open_lesson()
    room.ask()
    room.press("0A", "B")
    span = room.state.spans[LESSON]
    assert (span.first, span.last) == (Position(5, 2), Position(5, 4))
    journal = opened(tmp_path)
    await put(journal, *room.log)
    assert [one.seq for one in journal.lesson_events(span)] == [2, 3, 4]
    journal.close()


async def test_a_start_needs_only_the_snapshot_and_what_came_after(tmp_path: Path) -> None:
    room = Builder()
    room.state.epoch = 5
    room.record(FIRST)
    room.open_lesson()
    journal = opened(tmp_path)
    await put(journal, *room.log)
    snapshot.keep(journal, room.state)
    kept = len(room.log)
    room.ask()
    room.press("0A", "B")
    await put(journal, *room.log[kept:])
    journal.close()
    # what the snapshot covers is no longer needed
    with sqlite3.connect(tmp_path / "journal.db") as db:
        db.execute("delete from event where seq <= ?", (kept,))
    db.close()
    again = opened(tmp_path)
    assert snapshot.recover(again) == room.state
    again.close()


async def test_a_snapshot_of_other_code_is_not_believed(tmp_path: Path) -> None:
    room = Builder()
    room.state.epoch = 5
    room.record(FIRST)
    journal = opened(tmp_path)
    await put(journal, *room.log)
    journal.put_snapshot(5, 1, "another version", b"another shape")
    journal.close()
    again = opened(tmp_path)
    assert snapshot.recover(again) == room.state
    again.close()


WRITER = """
import asyncio, sys
from pathlib import Path
from tests.journal.test_store import opened, press, put

async def main():
    journal = opened(Path(sys.argv[1]))
    seq = journal.newest()[1]
    while True:
        seq += 1
        await put(journal, press(seq))
        print(seq, flush=True)

asyncio.run(main())
"""


def test_a_kill_loses_nothing_that_was_told(tmp_path: Path) -> None:
    told = 0
    for _ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert writer.stdout is not None
        for _ in range(25):
            told = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        rest, _ = writer.communicate()
        told = int(rest.split()[-1]) if rest.strip() else told
    with sqlite3.connect(tmp_path / "journal.db") as db:
        seqs = [row[0] for row in db.execute("select seq from event order by id")]
    db.close()
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) >= told


async def test_a_journal_that_cannot_be_opened_says_so_and_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.mkdir()
    with pytest.raises(JournalUnusable, match="journal_unopenable"):
        Journal(path, boot_id="boot-a").open()
    path.rmdir()
    opened(tmp_path).close()  # nobody holds it
