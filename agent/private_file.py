"""Small files that only the agent may read, and folders: on disk, by name too, when a call returns.

A file whose bytes are synced can still be gone after a power cut: its name is in the folder, and
that is synced by itself.
"""

from __future__ import annotations

import os
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """The file holds this from now on, mode 0600; after a power cut either this or what was before.

    Raises:
        OSError: it could not be written; the file is as before.
    """
    partial = path.with_suffix(".new")
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
    sync_folder(path.parent)


def remove(path: Path) -> None:
    """There is no such file any more, if there was one."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def make_folder(path: Path, mode: int = 0o777) -> None:
    """There is such a folder, and those above it."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True, mode=mode)
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """The names in a folder are on disk."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
