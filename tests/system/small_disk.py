"""A real file system of a few MB, which a test may fill."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_libc = ctypes.CDLL(None, use_errno=True)
MS_RDONLY, MS_REMOUNT, MNT_DETACH = 1, 32, 2


@contextmanager
def small_disk(folder: Path, *, size_kb: int) -> Iterator[Path]:
    """Mounted at `folder` meanwhile. Needs root."""
    folder.mkdir()
    if _libc.mount(b"none", str(folder).encode(), b"tmpfs", 0, f"size={size_kb}k".encode()) != 0:
        pytest.skip(f"cannot run here: no file system can be mounted ({_why()})")
    try:
        yield folder
    finally:
        _libc.umount2(str(folder).encode(), MNT_DETACH)


def remount(folder: Path, *, read_only: bool) -> bool:
    """Whether it could be: files that are open for writing hinder it."""
    flags = MS_REMOUNT | (MS_RDONLY if read_only else 0)
    return bool(_libc.mount(b"none", str(folder).encode(), b"tmpfs", flags, b"") == 0)


def fill(folder: Path, *, leave_bytes: int = 0) -> Path:
    """A file that takes all the room but so much."""
    path = folder / "filler"
    free = os.statvfs(folder)
    size = free.f_bavail * free.f_frsize - leave_bytes
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)
    return path


def _why() -> str:
    return os.strerror(ctypes.get_errno())
