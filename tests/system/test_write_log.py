"""The log of a virtual disk: what a power cut leaves of it (`./dev soak vm_power_cuts`)."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from benchmarks.vm.write_log import FLUSH, FUA, MAGIC, Write, WriteLog, apply, read_log, some_of

OLD, NEW = b"o" * 512, b"n" * 512


def log_file(path: Path, *entries: tuple[int, bytes, int]) -> Path:
    """(sector, data, flags) as qemu writes them, and the zeros behind."""
    content = struct.pack("<QQQI", MAGIC, 1, len(entries), 512).ljust(512, b"\0")
    for sector, data, flags in entries:
        content += struct.pack("<QQQQ", sector, len(data) // 512, flags, 0).ljust(512, b"\0") + data
    path.write_bytes(content + bytes(4096))
    return path


def test_what_stands_before_a_flush_is_kept_and_the_rest_was_in_the_cache(tmp_path: Path) -> None:
    path = log_file(tmp_path / "log", (2, OLD, 0), (0, b"", FLUSH), (3, NEW * 2, 0))
    assert read_log(path) == WriteLog([Write(1024, OLD)], [Write(1536, NEW * 2)], flushes=1)
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(4096))
    apply(disk, read_log(path).kept)
    assert disk.read_bytes() == bytes(1024) + OLD + bytes(4096 - 1536)


def test_a_log_without_a_flush_has_no_header_yet(tmp_path: Path) -> None:
    path = log_file(tmp_path / "log", (2, OLD, 0))
    path.write_bytes(bytes(512) + path.read_bytes()[512:])
    assert read_log(path) == WriteLog([], [Write(1024, OLD)], flushes=0)


def test_of_the_cache_any_part_may_be_on_the_disk(tmp_path: Path) -> None:
    path = log_file(tmp_path / "log", (0, NEW * 3, 0))
    cached = read_log(path).cached
    seen = {tuple(sorted(some_of(cached, random.Random(seed)))) for seed in range(50)}
    assert () in seen
    assert (Write(0, NEW * 3),) in seen
    assert (Write(512, NEW),) in seen


def test_another_log_and_what_is_not_modelled_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"another" * 200)
    with pytest.raises(ValueError, match="no log of writes"):
        read_log(other)
    with pytest.raises(ValueError, match="not modelled"):
        read_log(log_file(tmp_path / "log", (0, NEW, FUA)))
