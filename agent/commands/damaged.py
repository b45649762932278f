"""`damaged`: the files that were set aside, for whoever wants to look into them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from agent.errors import InputInvalid
from agent.journal.damage import Damaged, aside_files


def listed(data_dir: Path) -> list[Damaged]:
    """The damaged files of a board, oldest first.

    Raises:
        InputInvalid: there is no such folder, or it may not be read.
    """
    try:
        return aside_files(data_dir)
    except OSError as error:
        hint = f"{error.strerror}; is data_dir right? Run this as root or as the agent's user"
        raise InputInvalid("data_dir_unreadable", str(data_dir), hint) from error


def export(data_dir: Path, name: str, out: Path) -> list[Path]:
    """Copy a damaged file and its log to `out`, mode 0600; what was written.

    Raises:
        InputInvalid: there is no such file, or `out` cannot be written or exists.
    """
    path = next((one.path for one in listed(data_dir) if one.path.name == name), None)
    if path is None:
        raise InputInvalid("damaged_unknown", name, "choose one that `damaged list` names")
    written = []
    for suffix in ("", "-wal"):
        part, copy = path.with_name(path.name + suffix), out.with_name(out.name + suffix)
        if not part.exists():
            continue
        try:
            handle = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with part.open("rb") as source, open(handle, "wb") as target:
                shutil.copyfileobj(source, target)
        except OSError as error:
            hint = f"cannot be written ({error.strerror})"
            raise InputInvalid("export_failed", str(copy), hint) from error
        written.append(copy)
    return written
