"""A log in which commits lie that were refused, since the disk did not sync them."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from agent.journal import damage
from agent.journal.migrations import migrate
from agent.journal.store import WRITER_PRAGMAS
from tests.journal.test_salvage import EPOCH


def test_what_failed_syncs_left_in_the_log_is_no_damage(tmp_path: Path) -> None:
    """Two commits that were written and not synced, a shorter one that was, and a kill."""
    path = tmp_path / "board" / "journal.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for pragma in WRITER_PRAGMAS:
            db.execute(f"pragma {pragma}")
        migrate(db, str(path))
        insert(db, 1, 3)
        logs = [log_after(path, tmp_path / str(rows), rows) for rows in (60, 20, 2)]
        cut = tmp_path / "cut" / "journal.db"
        cut.parent.mkdir()
        shutil.copy(path, cut)
    assert len(logs[0]) > len(logs[1]) > len(logs[2])
    left = logs[2] + logs[1][len(logs[2]) :] + logs[0][len(logs[1]) :]
    Path(f"{cut}-wal").write_bytes(left)
    assert not damage.log_is_damaged(cut)
    with closing(sqlite3.connect(cut)) as db:
        assert db.execute("select count(*) from event").fetchone()[0] == 5


def insert(db: sqlite3.Connection, first: int, rows: int) -> None:
    """One transaction of presses."""
    body = b'{"device":"r","keypad":"0A","key":"A","token":"%d"}'
    db.execute("begin immediate")
    for seq in range(first, first + rows):
        row = (EPOCH << 32 | seq, 1, seq, "PressUnasked", body % seq)
        db.execute("insert into event values(?,?,?,?,?)", row)
    db.execute("commit")


def log_after(path: Path, folder: Path, rows: int) -> bytes:
    """The log, should so many rows be committed to a copy."""
    folder.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", folder)
    with closing(sqlite3.connect(folder / path.name, isolation_level=None)) as db:
        insert(db, 4, rows)
        return (folder / f"{path.name}-wal").read_bytes()
