"""A backup: one SQLite file: the journal as it was at one moment, names, question sets, key, PIN.

It is a journal with two tables more, so SQLite's own tools can look into it. It is made beside a
running agent, which goes on writing. Putting it back is `restore`'s.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from agent.journal.errors import GivenUnfit, JournalError
from agent.journal.migrations import STEPS
from agent.journal.sets import SETS
from agent.private_file import sync_folder

JOURNAL, ROSTER = "journal.db", "roster.db"
SIDE_FILES = (ROSTER, SETS)
PRIVATE_FILES = ("school-key", "teacher-pin.argon2", "teacher-pin")
"""What a board must have again to be the same board: other names, and the PIN."""
FORM = 1
PAGES_A_STEP = 2_000
BUSY_S = 10.0
TABLES = """
create table backup(name text primary key, value text not null) without rowid;
create table backup_file(name text primary key, sha256 text not null, content blob not null);
"""

Progress = Callable[[int, int], None]
"""Pages that are left, and pages in all."""


class BackupFailed(JournalError, OSError):
    """No backup was made, or none put back; what was there is as before."""


class BackupUnusable(GivenUnfit):
    """It cannot be put back; nothing was changed."""


class Manifest(NamedTuple):
    """What a backup says of itself. `made_s`: seconds since 1970 by the board's clock."""

    device: str
    made_s: int
    events: int
    files: tuple[str, ...]


def make(data_dir: Path, out: Path, *, device: str, now_s: float, progress: Progress) -> Manifest:
    """Write a backup to `out`, mode 0600, which must not exist.

    Raises:
        GivenUnfit: there is such a file, it may not be written, or there is no journal.
        BackupFailed: the journal cannot be copied, or the disk has no room.
    """
    journal = data_dir / JOURNAL
    if not journal.is_file():
        hint = "no journal here; is data_dir right, and has the agent run?"
        raise GivenUnfit("journal_missing", str(journal), hint)
    try:
        os.close(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError as error:
        hint = "there is such a file already; choose another name"
        raise GivenUnfit("backup_exists", str(out), hint) from error
    except OSError as error:
        hint = f"cannot be written ({error.strerror})"
        raise GivenUnfit("backup_unwritable", str(out), hint) from error
    try:
        _copy(journal, out, progress)
        _add(data_dir, out, device, int(now_s))
        with out.open("rb+") as file:
            os.fsync(file.fileno())
        sync_folder(out.absolute().parent)
        return check(out)
    except (sqlite3.Error, OSError) as error:
        out.unlink(missing_ok=True)
        if isinstance(error, JournalError):
            raise
        raise BackupFailed("backup_failed", str(out), f"no backup was made ({error})") from error
    except BaseException:
        out.unlink(missing_ok=True)
        raise


def _copy(journal: Path, out: Path, progress: Progress) -> None:
    """The journal as it is at one moment, while others write."""
    with closing(_reading(journal)) as source, closing(sqlite3.connect(out)) as target:
        source.execute("begin")
        source.execute("select count(*) from meta").fetchone()  # here is the moment
        source.backup(
            target, pages=PAGES_A_STEP, progress=lambda _, left, pages: progress(left, pages)
        )
        target.execute("pragma journal_mode=delete")


def _add(data_dir: Path, out: Path, device: str, made_s: int) -> None:
    contents = {
        name: (data_dir / name).read_bytes() for name in PRIVATE_FILES if (data_dir / name).exists()
    }
    for name in SIDE_FILES:
        if (data_dir / name).exists():
            with closing(_reading(data_dir / name)) as side:
                contents[name] = side.serialize()
    with closing(sqlite3.connect(out)) as db:
        db.executescript(TABLES)
        events = db.execute("select count(*) from event").fetchone()[0]
        facts = {"form": FORM, "device": device, "made_s": made_s, "events": events}
        facts["sha256"] = _digest_of_rows(db)
        with db:
            db.executemany(
                "insert into backup_file values(?,?,?)",
                [(name, _digest(content), content) for name, content in contents.items()],
            )
            rows = [(name, str(value)) for name, value in facts.items()]
            db.executemany("insert into backup values(?,?)", rows)


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_S)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _digest_of_rows(db: sqlite3.Connection) -> str:
    """Over all that comes from the journal: SQLite finds no bit that flipped inside a value."""
    digest = hashlib.sha256()
    for table in ("boot", "meta", "snapshot", "aside"):
        for row in db.execute(f"select * from {table} order by 1"):  # noqa: S608 (the names are this loop's own)
            digest.update(repr(row).encode())
    for row in db.execute("select id, boot, mono_ns, kind, body from event order by id"):
        digest.update(repr(row).encode())
    return digest.hexdigest()


# -- looking into one -----------------------------------------------------------------------------


def check(backup: Path) -> Manifest:
    """Read all of a backup; what it is.

    Raises:
        BackupUnusable: it is none, damaged, cut off, or of a newer agent.
    """
    if not backup.is_file():
        raise BackupUnusable("backup_missing", str(backup), "there is no such file")
    with _opened(backup) as db:
        facts = dict(db.execute("select name, value from backup"))
        if int(facts["form"]) > FORM or _version(db) > len(STEPS):
            hint = "made by a newer agent; install that one first"
            raise BackupUnusable("backup_too_new", str(backup), hint)
        faults = db.execute("pragma integrity_check(3)").fetchall()
        if faults != [("ok",)]:
            hint = f"it is damaged ({faults[0][0]})"
            raise BackupUnusable("backup_damaged", str(backup), hint)
        names = []
        for name, sha256, content in db.execute("select name, sha256, content from backup_file"):
            if name not in (*SIDE_FILES, *PRIVATE_FILES) or _digest(content) != sha256:
                raise BackupUnusable("backup_damaged", str(backup), f"its {name} is damaged")
            names.append(name)
        events = db.execute("select count(*) from event").fetchone()[0]
        if events != int(facts["events"]) or _digest_of_rows(db) != facts["sha256"]:
            hint = "what it holds is not what was put in"
            raise BackupUnusable("backup_damaged", str(backup), hint)
        return Manifest(facts["device"], int(facts["made_s"]), events, tuple(names))


def unpack(backup: Path, folder: Path) -> None:
    """Write the files of a checked backup into a folder, each synced.

    Raises:
        BackupUnusable: it cannot be read, or the disk has no room.
    """
    journal = folder / JOURNAL
    with _opened(backup) as db:
        for name, content in db.execute("select name, content from backup_file"):
            _write(folder / name, content)
        _write(journal, b"")
        with closing(sqlite3.connect(journal)) as target:
            db.backup(target)
            target.executescript("drop table backup; drop table backup_file;")
    with journal.open("rb+") as file:
        os.fsync(file.fileno())
    sync_folder(folder)


def _write(path: Path, content: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _opened(backup: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(_reading(backup)) as db:
            yield db
    except (sqlite3.Error, KeyError, ValueError, OSError) as error:
        if isinstance(error, JournalError):
            raise
        hint = f"it is no whole backup, or cannot be read ({error})"
        raise BackupUnusable("backup_damaged", str(backup), hint) from error


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("pragma user_version").fetchone()[0])
