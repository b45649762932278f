"""The log of a virtual disk's writes and flushes, and the disks that a power cut can leave of it.

qemu's blklogwrites writes it in the format of the kernel's dm-log-writes: a sector with a header,
then for each request a sector with its entry, then its data. A write is logged when it is done, a
flush when it is done: what stands before a flush is on the disk for good. What stands after the
last one was in the disk's own cache, of which a power cut leaves nothing, or any part.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SECTOR_BYTES = 512
MAGIC = 0x6A736677736872
FLUSH, FUA, DISCARD = 1, 2, 4
NO_FLUSH_YET = (0, 0, 0)
"""The header is written with the first flush."""
_HEADER = struct.Struct("<QQQI")
_ENTRY = struct.Struct("<QQQQ")


class Write(NamedTuple):
    """Some sectors written at once. A discarded range reads as zeros."""

    offset: int
    data: bytes


class WriteLog(NamedTuple):
    """What was flushed, in its order, and what was not yet."""

    kept: list[Write]
    cached: list[Write]
    flushes: int


def read_log(path: Path) -> WriteLog:
    """A log up to where it was cut off.

    Raises:
        ValueError: it is no such log.
    """
    kept: list[Write] = []
    cached: list[Write] = []
    flushes = 0
    for flags, write in _entries(path):
        if write is not None:
            cached.append(write)
        if flags & FUA:
            raise ValueError(f"{path}: a write that is flushed by itself is not modelled")
        if flags & FLUSH:
            kept += cached
            cached = []
            flushes += 1
    return WriteLog(kept, cached, flushes)


def _entries(path: Path) -> Iterator[tuple[int, Write | None]]:
    with path.open("rb") as file:
        magic, version, _, sector_bytes = _HEADER.unpack(file.read(_HEADER.size))
        header = (magic, version, sector_bytes)
        if header not in ((MAGIC, 1, SECTOR_BYTES), NO_FLUSH_YET):
            raise ValueError(f"{path}: no log of writes, or another version")
        at = SECTOR_BYTES
        while True:
            file.seek(at)
            sector, sectors, flags, _ = _ENTRY.unpack(file.read(_ENTRY.size))
            if not sectors and not flags:
                return
            at += SECTOR_BYTES
            size = sectors * SECTOR_BYTES
            if not size or flags & DISCARD:
                yield flags, None  # what is discarded may as well stay
                continue
            file.seek(at)
            yield flags, Write(sector * SECTOR_BYTES, file.read(size))
            at += size


def apply(image: Path, writes: list[Write]) -> None:
    """Carry them out on a disk's image."""
    with image.open("r+b") as file:
        for write in writes:
            file.seek(write.offset)
            file.write(write.data)


def some_of(writes: list[Write], rng: random.Random) -> list[Write]:
    """What happened to leave the cache: any writes in any order, and of some a few sectors."""
    share = rng.choice((0.2, 0.5, 0.9))
    chosen: list[Write] = []
    for write in writes:
        if rng.random() >= share:
            continue
        if rng.random() < 0.7:
            chosen.append(write)
            continue
        for at in range(0, len(write.data), SECTOR_BYTES):
            if rng.random() < 0.5:
                chosen.append(Write(write.offset + at, write.data[at : at + SECTOR_BYTES]))
    rng.shuffle(chosen)
    return chosen
