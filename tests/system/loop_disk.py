"""A small disk of one's own: an ext4 file system in a file, mounted for one test."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

UNMOUNT_S = 10.0


class LoopDisk:
    """An ext4 file system that turns read-only at its first error, as Debian mounts a board's."""

    def __init__(self, image: Path, folder: Path, megabytes: int) -> None:
        """Take everything, mount nothing."""
        self.image = image
        self.folder = folder
        self._megabytes = megabytes

    def make(self) -> None:
        with self.image.open("wb") as file:
            file.truncate(self._megabytes << 20)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(self.image)], check=True)
        self.folder.mkdir()

    def mount(self) -> None:
        command = ["mount", "-o", "loop,errors=remount-ro", str(self.image), str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"cannot run here: no loop device ({done.stderr.strip()})")
        self._knob("reserved_clusters").write_text("0")  # else a full disk is not quite full

    def unmount(self) -> None:
        deadline_s = time.monotonic() + UNMOUNT_S
        while os.path.ismount(self.folder):
            done = subprocess.run(
                ["umount", self.folder], capture_output=True, text=True, check=False
            )
            if done.returncode != 0 and time.monotonic() > deadline_s:
                subprocess.run(["umount", "-l", self.folder], check=True)
                raise AssertionError(f"{self.folder} is still in use: {done.stderr}")
            time.sleep(0.02)

    def repair(self) -> None:
        """What a board does before it mounts a disk again (0: clean, 1: mended)."""
        done = subprocess.run(
            ["e2fsck", "-fy", self.image], capture_output=True, text=True, check=False
        )
        assert done.returncode <= 1, done.stdout

    def _knob(self, name: str) -> Path:
        device = subprocess.run(
            ["findmnt", "-no", "SOURCE", self.folder], capture_output=True, text=True, check=True
        ).stdout.strip()
        return Path("/sys/fs/ext4", Path(device).name, name)

    def fail(self) -> None:
        """The kernel finds the file system broken: it is read-only from now on."""
        self._knob("trigger_fs_error").write_text("1")

    def fill(self) -> Path:
        """Take all the room there is; delete the file to give it back."""
        ballast = self.folder / "ballast"
        with ballast.open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        file.write(b"\0" * size)
                except OSError:
                    os.fsync(file)  # only now it is known how much there was
        return ballast


@contextmanager
def loop_disk(tmp_path: Path, folder: Path, *, megabytes: int) -> Iterator[LoopDisk]:
    """A disk that is mounted at `folder`, and gone at the end."""
    if os.geteuid() != 0:
        pytest.skip("cannot run here: only root may mount a disk")
    disk = LoopDisk(tmp_path / "disk.img", folder, megabytes)
    disk.make()
    disk.mount()
    try:
        yield disk
    finally:
        disk.unmount()
