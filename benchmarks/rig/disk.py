"""A small ext4 of its own on a loop device, which counts what is written to it, blocks and all."""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Self

SECTOR_BYTES = 512
LOOP_STAT = "/sys/block/{}/stat"
SECTORS_WRITTEN = 6


class LoopDisk:
    """A context manager: made, mounted at `path`, unmounted and removed. Needs root.

    `block_bytes`: 4,096 as on a board's root; mkfs.ext4 gives a disk under 512 MB 1,024 by itself.
    """

    def __init__(
        self, *, block_bytes: int = 4096, size_mb: int = 512, options: str = "relatime"
    ) -> None:
        """Take everything, make nothing."""
        self._block_bytes = block_bytes
        self._size_mb = size_mb
        self._options = options
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        """Make and mount it."""
        try:
            self._make()
        except BaseException:
            self._exits.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Unmount and remove it."""
        self._exits.close()

    def _make(self) -> None:
        exits = self._exits
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="loop-disk-")))
        image = folder / "image"
        with image.open("wb") as file:
            file.truncate(self._size_mb << 20)
        device = _run("losetup", "--find", "--show", str(image)).strip()
        exits.callback(_run, "losetup", "--detach", device)
        self.device = device
        # What mkfs leaves for later would be written, and counted, while something is measured.
        at_once = "lazy_itable_init=0,lazy_journal_init=0,nodiscard"
        _run("mkfs.ext4", "-q", "-b", str(self._block_bytes), "-E", at_once, device)
        self.path = folder / "disk"
        self.path.mkdir()
        _run("mount", "-o", self._options, device, str(self.path))
        exits.callback(_run, "umount", str(self.path))

    def written_bytes(self) -> int:
        """What was written so far, once everything is."""
        fd = os.open(self.path, os.O_RDONLY)
        try:
            _syncfs(fd)
        finally:
            os.close(fd)
        stat = Path(LOOP_STAT.format(Path(self.device).name)).read_text(encoding="ascii")
        return int(stat.split()[SECTORS_WRITTEN]) * SECTOR_BYTES


def _syncfs(fd: int) -> None:
    if ctypes.CDLL(None, use_errno=True).syncfs(fd):
        raise OSError(ctypes.get_errno(), "syncfs")


def _run(*command: str) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout
