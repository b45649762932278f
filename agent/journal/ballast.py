"""A file that is only there to be given up: on a full disk the agent could not even start."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

BALLAST = "journal.ballast"
BALLAST_BYTES = 4 << 20
"""What the log, its index and a day of commands need."""


def lay_in(folder: Path) -> None:
    """Have the file, with its blocks; nothing if the disk has no room."""
    path = folder / BALLAST
    with suppress(OSError):
        if path.exists() and path.stat().st_size == BALLAST_BYTES:
            return
        handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(handle, 0, BALLAST_BYTES)
        except OSError:
            path.unlink()
        finally:
            os.close(handle)


def throw_off(folder: Path) -> bool:
    """Give its room to the journal; whether there was any."""
    try:
        (folder / BALLAST).unlink()
    except OSError:
        return False
    return True
