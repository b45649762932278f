"""A device written into the settings file, and taken out again; all else stays, byte for byte."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from agent.errors import AgentError
from agent.settings_file import parse


class BlockRefused(AgentError, RuntimeError):
    """The settings file cannot be changed by the agent; a person must do it."""


def is_writable(file: Path) -> bool:
    """Whether the file can be replaced. Where it is a link, what it leads to."""
    real = os.path.realpath(file)
    return os.access(real, os.W_OK) and os.access(os.path.dirname(real), os.W_OK)


def add(file: Path, block: str) -> bytes:
    """Write a block at the end; what was written, to be taken out by `remove`.

    Raises:
        SettingsInvalid: with the block the file would be wrong; nothing was written.
        BlockRefused: it cannot be written.
    """
    old = _read(file)
    written = (b"\n" if old.endswith(b"\n") else b"\n\n") + block.encode()
    _replace(file, old + written)
    return written


def remove(file: Path, written: bytes) -> None:
    """Take out what `add` has written.

    Raises:
        SettingsInvalid: without the block the file would be wrong; nothing was written.
        BlockRefused: it is not there as it was written, or the file cannot be written.
    """
    old = _read(file)
    if old.count(written) != 1:
        hint = "somebody has changed these lines since; take them out by hand"
        raise BlockRefused("settings_changed", str(file), hint)
    _replace(file, old.replace(written, b""))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise _unwritable(file, error) from error


def _replace(file: Path, data: bytes) -> None:
    """Check the whole, then put it in place at once, for the owner and with the mode there were."""
    parse(data.decode("utf-8-sig"), file)
    real = Path(os.path.realpath(file))
    try:
        about = real.stat()
        number, name = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
        try:
            with os.fdopen(number, "wb") as out:
                made = os.fstat(number)
                if (made.st_uid, made.st_gid) != (about.st_uid, about.st_gid):
                    os.fchown(number, about.st_uid, about.st_gid)
                os.fchmod(number, stat.S_IMODE(about.st_mode))
                out.write(data)
                out.flush()
                os.fsync(number)
            os.replace(name, real)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(name)
            raise
        folder = os.open(real.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise _unwritable(file, error) from error


def _unwritable(file: Path, error: OSError) -> BlockRefused:
    hint = f"the agent may not write it ({error.strerror}); an admin adds the lines"
    return BlockRefused("settings_read_only", str(file), hint)
