"""What recorder.c writes down: read here, and the processes that it watches are started here."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

SOURCES = [str(one) for one in sorted(Path(__file__).parent.glob("*.c"))]
CREATE, FOLDER, WRITE, TRUNCATE, SYNC, SYNC_FAILED, RENAME, UNLINK, MARK = b"CDWTSFRUM"
_HEAD = struct.Struct("<B3xIQQ")


class Entry(NamedTuple):
    """One call. `op` is one of the constants above.

    Attributes:
        inode: of the file or folder; 0 for RENAME, UNLINK and MARK.
        offset: of a WRITE; the new size for TRUNCATE.
        data: what was written, or said; else a name relative to the folder (two, with a zero
            byte between them, for RENAME).
    """

    op: int
    inode: int
    offset: int
    data: bytes


def build(folder: Path) -> Path:
    """The recorder, compiled into a folder."""
    library = folder / "recorder.so"
    command = ["gcc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(library), *SOURCES]
    subprocess.run([*command, "-ldl", "-lpthread"], check=True)
    return library


def environment(
    library: Path, disk: Path, *, record: Path | None = None, faults: Path | None = None
) -> dict[str, str]:
    """What a process needs in its environment to be watched."""
    wanted = {"LD_PRELOAD": str(library), "POWERCUT_ROOT": str(disk.resolve())}
    if record is not None:
        wanted["POWERCUT_RECORD"] = str(record)
    if faults is not None:
        wanted["POWERCUT_FAULTS"] = str(faults)
    return wanted


def run_watched(module: str, arguments: Sequence[str], watched: Mapping[str, str]) -> str:
    """Run a module of this project to its end; what it said."""
    run = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, **watched, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return run.stdout


def read_record(path: Path) -> Iterator[Entry]:
    """The entries of a record, in their order; one that is cut short ends it."""
    with path.open("rb") as file:
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            op, length, inode, offset = _HEAD.unpack(head)
            data = file.read(length)
            if len(data) < length:
                return
            yield Entry(op, inode, offset, data)
