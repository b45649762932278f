"""What a process before this one left in SQLite's log, put on disk before anybody relies on it.

A sync can fail, and the agent be killed before it tries again. What was to be synced can still be
read, but Linux holds it for written, so no later sync writes it: the next commits would stand on a
log that is gone after a power cut, and go with it. Written again, it is synced like anything new.
"""

from __future__ import annotations

import os
from pathlib import Path

from agent.private_file import sync_folder

CHUNK_BYTES = 1 << 16


def make_durable(database: Path) -> None:
    """Write the log of a database again and sync it, and the names in its folder.

    Other programs may read meanwhile: not a byte changes. Nobody may write.

    Raises:
        OSError: the disk does not take it.
    """
    log = database.with_name(database.name + "-wal")
    if log.exists():
        with log.open("r+b", buffering=0) as file:
            at = 0
            while chunk := os.pread(file.fileno(), CHUNK_BYTES, at):
                at += os.pwrite(file.fileno(), chunk, at)
            os.fdatasync(file.fileno())
    sync_folder(database.parent)
