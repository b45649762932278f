"""Putting a backup back, in steps each of which a power cut may interrupt.

The files are unpacked beside the present ones. When they are whole, the folder gets its final
name: from then on the next start takes them, whoever starts. What was there is kept.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from agent.journal import backup, damage
from agent.journal.backup import JOURNAL, BackupFailed
from agent.private_file import sync_folder, write_private

STAGING, READY = "restore.staging", "restore.ready"
RESTORED_NOTE = "restored"
"""Noted in a journal that comes from a backup, until it has an epoch of its own."""
_KEPT_IN = "kept-in"
KEPT = "before-restore-{number}"
ROOM_BYTES = 20_000_000
"""Free space that must be left behind a restore."""


def stage(source: Path, data_dir: Path) -> Path:
    """Unpack a backup into a folder of `data_dir`; nothing present changes.

    Raises:
        BackupUnusable: it is damaged.
        BackupFailed: there is no room for it.
    """
    free = os.statvfs(data_dir)
    if source.stat().st_size + ROOM_BYTES > free.f_bavail * free.f_frsize:
        hint = "no room for a second copy in data_dir; free space first"
        raise BackupFailed("disk_full", str(data_dir), hint)
    staging = data_dir / STAGING
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700)
    try:
        backup.unpack(source, staging)
        with closing(sqlite3.connect(staging / JOURNAL)) as db, db:
            db.execute("insert or replace into meta values(?, '1')", (RESTORED_NOTE,))
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    owner = data_dir.stat()
    for path in (staging, *staging.iterdir()):
        if owner.st_uid != os.geteuid() and os.geteuid() == 0:
            os.chown(path, owner.st_uid, owner.st_gid)
    return staging


def make_ready(data_dir: Path) -> None:
    """From now on the next start takes what is staged."""
    (data_dir / STAGING).rename(data_dir / READY)
    sync_folder(data_dir)


def take(data_dir: Path) -> Path | None:
    """Put files that are ready in their places; where the former ones are now.

    None if there were none, or nothing was ready. Nobody else may use the folder.
    """
    ready = data_dir / READY
    if not ready.is_dir():
        return None
    note = ready / _KEPT_IN
    if not note.exists():
        number = 1
        while (data_dir / KEPT.format(number=number)).exists():
            number += 1
        write_private(note, KEPT.format(number=number).encode())
    kept = data_dir / note.read_text(encoding="ascii")
    kept.mkdir(mode=0o700, exist_ok=True)
    damage.finish_moving(data_dir / JOURNAL)  # of what was there; never of what comes
    damage.dismiss(data_dir, kept)
    for path in sorted(ready.iterdir()):
        if not path.name.startswith(_KEPT_IN):
            _swap(path, data_dir / path.name, kept)
    sync_folder(kept)
    sync_folder(data_dir)
    shutil.rmtree(ready)
    former = any(kept.iterdir())
    if not former:
        kept.rmdir()
    sync_folder(data_dir)
    return kept if former else None


def _swap(new: Path, present: Path, kept: Path) -> None:
    for suffix in ("-wal", "-journal", ""):  # what belongs to a database first
        part = present.with_name(present.name + suffix)
        if part.exists():
            part.rename(kept / part.name)
    present.with_name(present.name + "-shm").unlink(missing_ok=True)
    sync_folder(kept)
    new.rename(present)
