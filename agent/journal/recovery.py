"""Opening the journal whatever state it is in: a lesson is not held up by a damaged file.

What cannot be read is set aside (`damage`), the state is rebuilt from it as far as a bound allows
(`salvage`), and a new journal begins with a new epoch. All readable rows are then taken over in
the background, under their own names; until that is done, nothing goes to the school, since gaps
may only seem to be gaps.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import secrets
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from agent.journal import ballast, damage, restore, snapshot
from agent.journal.errors import JournalDamaged, JournalError, JournalUnusable
from agent.journal.migrations import migrate
from agent.journal.reading import EventRow, unknown_boot
from agent.journal.store import WRITER_PRAGMAS, Journal
from agent.lesson.model import State
from agent.private_file import make_folder, write_private

log = logging.getLogger(__name__)

ROWS_A_STEP = 1_000
BOOTS_LEFT_OUT = (1 << 20) - 1
"""Boots are numbered on from above the next so many, as it may be that not all could be read."""
NEWEST_EPOCH = "journal.epoch"
"""A file beside the journal: the newest epoch, for when nothing can be read any more."""
HIGHEST_FIRST_EPOCH = 1 << 30
RETRY_S = 60.0
DISK_CODES = ("journal_unopenable", "journal_unwritable")
INCOMPLETE_NOTE = "incomplete"
"""Noted while the state lacks something that a replay of all salvaged events could add."""


class Opened(NamedTuple):
    """A journal that is open.

    Attributes:
        state: what it says, or what could be read at once of a damaged one.
        salvaged: it begins anew: an epoch must begin.
        restored: it comes from a backup: an epoch must begin, too.
        whole: nothing of the state is known to be missing.
    """

    journal: Journal
    state: State
    salvaged: bool
    whole: bool
    restored: bool = False


def open_journal(path: Path, *, boot_id: str) -> Opened:
    """Open the journal. A damaged one is set aside, and a new one takes its place.

    On a full disk the ballast is thrown off, so that pages can say what is wrong.

    Raises:
        JournalUnusable: another agent holds it, it is newer than this agent, or the disk fails.
    """
    try:
        return _opened(path, boot_id)
    except JournalUnusable as error:
        if error.code not in DISK_CODES or not ballast.throw_off(path.parent):
            raise
        log.error("%s; a few MB kept for this are given up", error)
        return _opened(path, boot_id)


def _opened(path: Path, boot_id: str) -> Opened:
    try:
        make_folder(path.parent)
        _put_back(path)
        _look_after(path)
        opened = _recovered(path, boot_id)
        return _begin_anew(path, boot_id) if opened is None else opened
    except (sqlite3.Error, OSError) as error:
        if isinstance(error, JournalError):
            raise
        hint = f"free space or check the disk ({error})"
        raise JournalUnusable("journal_unopenable", str(path), hint) from error


def _put_back(path: Path) -> None:
    """Take the files of a backup that was made ready for this start."""
    if (path.parent / restore.READY).exists():
        with held(path):
            kept = restore.take(path.parent)
        log.warning("a backup is put back; what was there before is in %s", kept)


def _recovered(path: Path, boot_id: str) -> Opened | None:
    """The journal and what it says; None if it was damaged, and is set aside now."""
    journal = Journal(path, boot_id=boot_id)
    try:
        journal.open()
    except JournalDamaged as error:
        _give_up(path, error)
        return None
    try:
        waiting = damage.pending(path.parent)
        incomplete = journal.noted(INCOMPLETE_NOTE) == "1"
        state = snapshot.recover(journal, afresh=incomplete and not waiting)
        empty = journal.newest() == (0, 0)
    except sqlite3.Error as error:
        journal.close()
        if not damage.is_damage(error):
            raise
        _give_up(path, error)
        return None
    if waiting and empty:  # the power went before anything was taken over
        journal.close()
        path.unlink()
        return None
    if incomplete and not waiting:
        incomplete = False
        journal.note(INCOMPLETE_NOTE, "0")
    restored = journal.noted(restore.RESTORED_NOTE) == "1"
    return Opened(journal, state, salvaged=False, restored=restored, whole=not incomplete)


def _give_up(path: Path, error: Exception) -> None:
    log.error("%s is damaged: %s", path, error)
    with held(path):
        damage.set_aside(path)


def _look_after(path: Path) -> None:
    """Set aside what a running agent found damaged, and a journal whose log has lost its middle."""
    folder = path.parent
    with held(path):
        damage.finish_moving(path)
    reason = ""
    if (folder / damage.SUSPECT).exists():
        reason = "damage was met while it was read"
    else:
        with suppress(sqlite3.Error, OSError):  # whatever it is, opening says it better
            if damage.log_is_damaged(path):
                reason = "its log is damaged"
    if reason and path.exists():
        log.error("%s: %s", path, reason)
        with held(path):
            damage.set_aside(path)


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Nobody else uses the journal meanwhile.

    Raises:
        JournalUnusable: an agent runs.
    """
    with path.with_suffix(".lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            hint = "another agent runs on this data_dir; stop it first"
            raise JournalUnusable("journal_held", str(path), hint) from error
        yield


def _begin_anew(path: Path, boot_id: str) -> Opened:
    """A new journal that goes on where the newest damaged one ends."""
    from agent.journal.salvage import quick  # noqa: PLC0415 (nearly never needed)

    for aside in reversed(damage.pending(path.parent)):
        found = quick(aside)
        if found.state.epoch:
            break
    whole = found.whole and found.notes.get(INCOMPLETE_NOTE) != "1"
    log.error(
        "%s was damaged and is set aside as %s; the lesson goes on with %s",
        path, aside.name, "all that it said" if whole else "what could be read at once",
    )  # fmt: skip
    boots = _numbering(found.boots, found.newest_boot, boot_id)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for pragma in WRITER_PRAGMAS:
            db.execute(f"pragma {pragma}")
        migrate(db, str(path))
        db.execute("begin")
        db.executemany("insert into boot values(?,?)", boots.items())
        notes = found.notes | {INCOMPLETE_NOTE: str(int(not whole))}
        db.executemany("insert into meta values(?,?)", notes.items())
        db.execute("insert into snapshot values(?,?,?)", snapshot.row(found.state))
        db.execute("commit")
    journal = Journal(path, boot_id=boot_id)
    journal.open()
    return Opened(journal, found.state, salvaged=True, whole=whole)


def _numbering(found: dict[int, str], newest: int, boot_id: str) -> dict[int, str]:
    """Boots such that this one's number is above all that events may have.

    `newest`: the highest number that was seen. Rows of the newest boots may be lost; where this
    boot's own is found, there are no newer ones.
    """
    if boot_id in found.values():
        return found
    above = (max(newest, *found, 0) | BOOTS_LEFT_OUT) + 1
    return found | {above: unknown_boot(above)}


def fresh_epoch(newest: int) -> int:
    """A number for a new epoch: above the newest, and never one that a twin of this file draws.

    A board that was set up anew, or restored twice from one backup, must not use names of events
    that the school has seen; so epochs are drawn at random, upwards.
    """
    if newest == 0:
        return 1 + secrets.randbelow(1 << 30)
    return newest + 1 + secrets.randbelow(1 << 20)


def next_epoch(folder: Path, newest: int, *, salvaged: bool = False) -> int:
    """A new epoch, above the newest that this folder has ever seen; from now on it is that."""
    newest = max(newest, _epoch_on_file(folder))
    if salvaged and newest == 0:
        newest = HIGHEST_FIRST_EPOCH
    epoch = fresh_epoch(newest)
    note_epoch(folder, epoch)
    return epoch


def note_epoch(folder: Path, epoch: int) -> None:
    """Remember the newest epoch beside the journal."""
    if epoch == _epoch_on_file(folder):
        return
    with suppress(OSError):  # it only helps when all else is lost
        write_private(folder / NEWEST_EPOCH, f"{epoch}\n".encode())


def _epoch_on_file(folder: Path) -> int:
    try:
        return int((folder / NEWEST_EPOCH).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


# -- in the background ----------------------------------------------------------------------------


class TakeOver:
    """Takes over what can be read of the damaged journals, while the board works."""

    def __init__(self, journal: Journal) -> None:
        """Take everything, start nothing."""
        self._journal = journal
        self._folder = journal.path.parent
        self.running = bool(damage.pending(self._folder))

    async def run(self) -> damage.Salvaged | None:
        """Work until all is taken over; what it gave, None if there was nothing to do.

        A disk without room for it is waited for.
        """
        gave: damage.Salvaged | None = None
        for aside in damage.pending(self._folder):
            while aside.exists():
                try:
                    one = await self._salvaged(aside)
                    await self._import(_out_of(aside))
                except (OSError, sqlite3.Error, SalvageFailed) as error:
                    log.error("%s could not be salvaged, tried again soon: %s", aside.name, error)
                    await asyncio.sleep(RETRY_S)
                    continue
                log.warning("%s: %d events kept, %d missing", aside.name, one.kept, one.missing)
                gave = damage.Salvaged(
                    one.kept + (gave.kept if gave else 0),
                    one.missing + (gave.missing if gave else 0),
                )
                break
            damage.taken_over(aside)
            _out_of(aside).unlink(missing_ok=True)
        self.running = False
        return gave

    async def _salvaged(self, aside: Path) -> damage.Salvaged:
        """In a process of its own: the lesson's is not to wait for it."""
        command = (sys.executable, "-m", "agent.journal.salvage", str(aside), str(_out_of(aside)))
        child = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        try:
            told, error = await child.communicate()
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                child.kill()
            raise
        if child.returncode != 0:
            raise SalvageFailed(error.decode(errors="replace").strip()[-400:])
        return msgspec.json.decode(told, type=damage.Salvaged)

    async def _import(self, out: Path) -> None:
        """Through the writer, whenever it has nothing else to do."""
        step = Import(out)
        self._journal.do(step)
        while step in self._journal.chores:  # noqa: ASYNC110 (the writer's thread has no event)
            await asyncio.sleep(0.05)
        step.close()
        if not step.complete:
            raise SalvageFailed("the journal did not take it; is there room on the disk?")
        self._journal.learn_boots()


class SalvageFailed(RuntimeError):
    """It may be tried again."""


class Import:
    """Copies rows that are not there yet, a few a step; called in the writer's thread."""

    def __init__(self, out: Path) -> None:
        """Open what the salvage wrote."""
        self._source = sqlite3.connect(
            f"{out.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False
        )
        self._after = 0
        self.complete = False

    def close(self) -> None:
        """Close it again."""
        self._source.close()

    def __call__(self, db: sqlite3.Connection) -> bool:
        """Copy a few; whether more is left."""
        if self._after == 0:
            for table in ("boot", "aside", "meta"):
                rows = self._read(f"select * from {table}")  # noqa: S608 (the names are this loop's own)
                db.executemany(f"insert or ignore into {table} values(?,?)", rows)
        events: list[EventRow] = self._read(
            "select id, boot, mono_ns, kind, body from event where id > ? order by id limit ?",
            (self._after, ROWS_A_STEP),
        )
        db.executemany("insert or ignore into event values(?,?,?,?,?)", events)
        if events:
            self._after = events[-1][0]
        self.complete = not events  # and what came before is committed
        return not self.complete

    def _read(self, query: str, values: tuple[int, ...] = ()) -> list[Any]:
        try:
            return self._source.execute(query, values).fetchall()
        except sqlite3.Error as error:  # damage here is none of the journal's
            raise sqlite3.OperationalError(f"what was salvaged does not read: {error}") from error


def _out_of(aside: Path) -> Path:
    return aside.with_suffix(".salvaged.db")
