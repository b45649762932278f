"""Knowing a damaged file when it is met, and setting it aside: renamed, never deleted.

Damage is what SQLite cannot read; a full disk, an I/O error or a file held by others is not.
A log that lost its middle looks whole to SQLite, which stops reading there: that is looked for.
"""

from __future__ import annotations

import re
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from agent.journal.sqlite_pages import (
    FRAME_HEADER_BYTES,
    PAGE_SIZES,
    WAL_HEADER_BYTES,
    BadPage,
    cells,
    follows,
    read_wal,
)
from agent.private_file import sync_folder

SUSPECT = "journal.suspect"
"""A file of this name: damage was met while running, the next start looks after it."""
_ASIDE = re.compile(r"(journal|roster|sets)\.damaged-(\d+)\.db")
_PENDING = re.compile(r"journal\.damaged-(\d+)\.pending")
_MOVING = re.compile(r"journal\.damaged-(\d+)\.moving")
_SHM_NEWEST_FRAME = 16
_SQLITE_ERROR, _SQLITE_CORRUPT, _SQLITE_NOTADB = 1, 11, 26
MIN_EVENT_ID = 1 << 32
_DISK_CODES = {8: "disk_read_only", 10: "disk_failing", 13: "disk_full"}
"""By SQLite's own: READONLY, IOERR, FULL."""
MIN_EVENT_COLUMNS = 5


class Damaged(NamedTuple):
    """A damaged file that was renamed. `pending`: what it holds is not all taken over yet."""

    path: Path
    size_bytes: int
    pending: bool


class Salvaged(msgspec.Struct):
    """What a salvage gave.

    Attributes:
        kept: events that could be read.
        missing: events without the school's receipt that lie between those, and could not.
    """

    kept: int
    missing: int


def is_damage(error: BaseException | None) -> bool:
    """Whether this error says that the file is damaged. Missing tables are damage too."""
    if not isinstance(error, sqlite3.DatabaseError):
        return False
    code = getattr(error, "sqlite_errorcode", _SQLITE_ERROR) & 0xFF
    if code == _SQLITE_ERROR:
        return str(error).startswith(("no such table", "no such column")) or "already exists" in (
            str(error)
        )
    return code in (_SQLITE_CORRUPT, _SQLITE_NOTADB)


def disk_code(error: sqlite3.Error) -> str:
    """A stable word for why the disk did not take a commit."""
    return _DISK_CODES.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, "not_durable")


def mark_suspect(folder: Path) -> None:
    """Let the next start set the journal aside and salvage it."""
    (folder / SUSPECT).touch()


def log_is_damaged(journal: Path) -> bool:
    """Whether commits that were durable lie behind damage in the journal's log.

    A power cut tears the newest transaction only, since each is synced before the next begins. So
    two ends of transactions behind the readable part mean that a durable one is damaged, if one was
    written behind the other. Commits whose sync failed lie there too, each written over the one
    before: what is left of each is a chain of its own, with one end.

    Raises:
        sqlite3.Error: the journal cannot be read at all.
    """
    log = journal.with_name(journal.name + "-wal")
    if not log.exists() or log.stat().st_size <= WAL_HEADER_BYTES:
        return False
    data = log.read_bytes()
    wal = read_wal(data[:WAL_HEADER_BYTES], None)
    if wal is None:
        return _newest_in_log(data) > _newest_read(journal)
    _newest_read(journal)  # SQLite looks now how far it can read the log
    shared = journal.with_name(journal.name + "-shm").read_bytes()
    readable = struct.unpack_from("=I", shared, _SHM_NEWEST_FRAME)[0]
    return any(ends > 1 for ends in _ends_of_chains(data, wal.page_bytes, after=readable))


def _ends_of_chains(data: bytes, page_bytes: int, *, after: int) -> Iterator[int]:
    """How many transactions end in each run of frames whose checksums follow from one another.

    `after`: so many frames are left out.
    """
    step = FRAME_HEADER_BYTES + page_bytes
    ends = 0
    for at in range(WAL_HEADER_BYTES + after * step, len(data) - step + 1, step):
        frame = data[at : at + step]
        if frame[8:16] != data[16:24]:  # of another use of the log
            continue
        before = data[at - step : at] if at > WAL_HEADER_BYTES else b""
        if not follows(frame, before, big_endian=data[3] & 1 == 1):
            yield ends
            ends = 0
        ends += frame[4:8] != b"\0\0\0\0"
    yield ends


def _newest_read(journal: Path) -> int:
    """The highest id of an event that SQLite reads."""
    uri = f"{journal.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as db:
        if not db.execute("select 1 from sqlite_schema where name = 'event'").fetchone():
            return 0
        return int(db.execute("select max(id) from event").fetchone()[0] or 0)


def _newest_in_log(data: bytes) -> int:
    """The highest id of an event in a log whose own header is destroyed."""
    newest = 0
    for page_bytes in PAGE_SIZES:
        wal = read_wal(data, page_bytes)
        for frame in [] if wal is None else wal.others:
            try:
                for cell in cells(frame.data, lambda _: None):
                    long = len(cell.values) >= MIN_EVENT_COLUMNS
                    if cell.rowid is not None and cell.rowid >= MIN_EVENT_ID and long:
                        newest = max(newest, cell.rowid)
            except BadPage:
                continue
        if newest:
            break
    return newest


# -- setting aside --------------------------------------------------------------------------------


def aside_files(folder: Path) -> list[Damaged]:
    """The damaged files of a data folder, oldest first."""
    found = []
    for path in folder.iterdir():
        fits = _ASIDE.fullmatch(path.name)
        if fits is not None:
            log = path.with_name(path.name + "-wal")
            size_bytes = path.stat().st_size + (log.stat().st_size if log.exists() else 0)
            waits = path.with_suffix(".pending").exists()
            found.append((int(fits[2]), Damaged(path, size_bytes, waits)))
    return [one for _, one in sorted(found)]


def damaged_files(folder: Path) -> list[Path]:
    """All files that belong to what was set aside of the journal; none that hold names."""
    found = []
    for one in aside_files(folder):
        if one.path.name.startswith("journal."):
            log = one.path.with_name(one.path.name + "-wal")
            found += [one.path, log] if log.exists() else [one.path]
    return found


def next_aside(folder: Path, name: str = "journal") -> Path:
    """Where the next damaged file goes."""
    numbers = [0]
    for path in folder.iterdir():
        fits = _ASIDE.fullmatch(path.name) or _PENDING.fullmatch(path.name)
        if fits is not None:
            numbers.append(int(fits[fits.re.groups]))
    return folder / f"{name}.damaged-{max(numbers) + 1}.db"


def pending(folder: Path) -> list[Path]:
    """The damaged journals that are not all taken over, oldest first."""
    numbers = sorted(
        int(fits[1]) for path in folder.iterdir() if (fits := _PENDING.fullmatch(path.name))
    )
    return [folder / f"journal.damaged-{number}.db" for number in numbers]


def set_aside(journal: Path) -> Path:
    """Rename a damaged journal with its log; where it is now.

    Should the power go in between, `finish_moving` makes it good at the next start.
    """
    aside = next_aside(journal.parent)
    aside.with_suffix(".moving").touch()
    sync_folder(journal.parent)
    _move(journal, aside)
    return aside


def finish_moving(journal: Path) -> None:
    """Go on with a `set_aside` that was cut off."""
    for path in list(journal.parent.iterdir()):
        if _MOVING.fullmatch(path.name):
            _move(journal, path.with_suffix(".db"))


def _move(journal: Path, aside: Path) -> None:
    """The log first: SQLite would delete it beside a new file."""
    if not aside.exists():
        journal.with_name(journal.name + "-shm").unlink(missing_ok=True)
        for suffix in ("-wal", ""):
            part = journal.with_name(journal.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
    (journal.parent / SUSPECT).unlink(missing_ok=True)
    sync_folder(journal.parent)
    aside.with_suffix(".moving").rename(aside.with_suffix(".pending"))
    sync_folder(journal.parent)


def dismiss(folder: Path, kept: Path) -> None:
    """What was met in this folder does not concern the journal that is put in its place.

    The damaged files stay; what says that they, or the journal, are to be taken over goes to
    `kept`.
    """
    for path in list(folder.iterdir()):
        if path.name == SUSPECT or _PENDING.fullmatch(path.name):
            path.rename(kept / path.name)


def taken_over(aside: Path) -> None:
    """All that can be read of it is in the journal now."""
    aside.with_suffix(".pending").unlink(missing_ok=True)
    sync_folder(aside.parent)
