"""What must hold on every disk that a power cut leaves behind."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from agent.identity import KEY_FILE, secret_file
from agent.journal import snapshot
from agent.journal.errors import JournalError
from agent.journal.recovery import open_journal
from agent.journal.roster import RosterStore
from agent.journal.store import Journal
from agent.lesson import events as ev
from agent.lesson.replay import Stamped, replay
from benchmarks.powercut.workload import CLASS_ID, EPOCH, Promise

SIDE_FILES = {"-wal", "-shm", "-journal"}


class Promises:
    """All that was promised up to some place of the record."""

    def __init__(self) -> None:
        self.ticked: set[str] = set()
        self.newest = 0
        self.names = 0
        self.files: dict[str, tuple[str, set[str]]] = {}
        """By name: what the file surely held, and what it may hold since."""

    def hear(self, promise: Promise) -> None:
        self.ticked.update(promise.ticked)
        self.newest = max(self.newest, promise.newest)
        self.names = max(self.names, promise.names)
        if promise.begun:
            self.files.setdefault(promise.file, ("", set()))[1].add(promise.begun)
        if promise.kept:
            self.files[promise.file] = (promise.kept, set())


async def faults(data_dir: Path, promises: Promises, *, deep: bool) -> list[str]:
    """What is wrong with a disk: nothing, if all is well. Starts as the agent does.

    `deep`: the state is replayed from the first event, too.
    """
    found = list(_file_faults(data_dir, promises))
    if not _is_there(data_dir):
        return [*found, "the folder is gone"] if promises.newest else found
    with _opened(data_dir) as journal:
        if isinstance(journal, str):
            return [*found, journal]
        try:
            found += _journal_faults(journal, promises)
            found += [fault async for fault in _start_faults(journal, deep=deep)]
        except (sqlite3.DatabaseError, msgspec.DecodeError) as error:
            found.append(f"the database is damaged: {error}")
    found += _name_faults(data_dir, promises)
    return found


def _is_there(data_dir: Path) -> bool:
    return data_dir.exists()


@contextmanager
def _opened(data_dir: Path) -> Iterator[Journal | str]:
    try:
        opened = open_journal(data_dir / "journal.db", boot_id="boot-after")
    except (JournalError, sqlite3.Error) as error:
        yield f"the journal does not open: {error}"
        return
    try:
        yield "a power cut is taken for damage" if opened.salvaged else opened.journal
    finally:
        opened.journal.close()


def _journal_faults(journal: Journal, promises: Promises) -> Iterator[str]:
    with closing(sqlite3.connect(f"file:{journal.path}?mode=ro", uri=True)) as db:
        said = [row[0] for row in db.execute("pragma integrity_check")]
    if said != ["ok"]:
        yield f"the database is damaged: {said[:3]}"
        return
    events = list(journal.after(0, 0))
    if [one.seq for one in events] != list(range(1, len(events) + 1)):
        yield "the numbers of the events have gaps"
    if len(events) < promises.newest:
        yield f"ends at {len(events)}, though pages and school saw {promises.newest}"
    tokens = {getattr(one.event, "token", None) for one in events}
    if lost := promises.ticked - tokens:
        yield f"{len(lost)} ticked answers are lost, such as {min(lost)}"


async def _start_faults(journal: Journal, *, deep: bool) -> AsyncIterator[str]:
    """What keeps the agent from going on where it was."""
    state = snapshot.recover(journal)
    if state.seq != journal.newest()[1]:
        yield f"the state ends at {state.seq}, the journal at {journal.newest()[1]}"
    if deep and replay(journal.after(0, 0)) != state:
        yield "the snapshot differs from a replay of all events"
    event = ev.PressUnasked(device="receiver-1", keypad="0A", key="A", token="after")
    next_one = Stamped(EPOCH, state.seq + 1, journal.boot, 1, event)
    told: asyncio.Future[JournalError | None] = asyncio.get_running_loop().create_future()
    journal.append([next_one], told.set_result)
    if (error := await told) is not None:
        yield f"it does not go on: {error}"


def _file_faults(data_dir: Path, promises: Promises) -> Iterator[str]:
    for name, (kept, begun) in promises.files.items():
        path = data_dir / name
        if not path.exists():
            if kept:
                yield f"{name} is gone"
            continue
        if path.name == KEY_FILE:
            content = secret_file(path).hex()
        else:
            content = path.read_text(encoding="ascii")
        if content not in {kept, *begun}:
            yield f"{name} holds neither what was kept nor what was being written"


def _name_faults(data_dir: Path, promises: Promises) -> Iterator[str]:
    ours = {"journal.lock", "journal.db", *(f"journal.db{one}" for one in SIDE_FILES)}
    if strange := {one.name for one in data_dir.glob("journal*")} - ours:
        yield f"the journal was set aside: {strange}"
    try:
        names = RosterStore(data_dir / "roster.db").names(CLASS_ID)
    except sqlite3.Error as error:
        yield f"roster.db does not open: {error}"
        return
    if len(names) < promises.names:
        yield f"{promises.names} names were saved, {len(names)} are left"
