"""`roster import`: a file or a folder, given to the running agent, and what it said of it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from agent import control
from agent.errors import AgentError, InputInvalid
from agent.rosters.desk import RosterPreview, RosterTaken
from agent.rosters.model import MAX_FILE_BYTES, MAX_FILES

SHOWN = 20


def packed(path: Path) -> tuple[str, bytes]:
    """A file's name and bytes; a folder's files as a zip.

    Raises:
        InputInvalid: it cannot be read, or is larger than any roster.
    """
    try:
        if not path.is_dir():
            size_bytes = path.stat().st_size
            return path.name, b"" if _too_large(path, size_bytes) else path.read_bytes()
        files = sorted(one for one in path.iterdir() if one.is_file())
        size_bytes = sum(one.stat().st_size for one in files)
        if len(files) > MAX_FILES or _too_large(path, size_bytes // 8):
            raise InputInvalid("too_large", str(path), "this folder holds more than a roster")
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for one in files:
                archive.writestr(one.name, one.read_bytes())
        _too_large(path, len(buffer.getvalue()))
        return path.name, buffer.getvalue()
    except OSError as error:
        raise InputInvalid("file_unreadable", str(path), f"cannot be read: {error}") from error


def _too_large(path: Path, size_bytes: int) -> bool:
    if size_bytes > MAX_FILE_BYTES:
        hint = f"a roster has at most {MAX_FILE_BYTES // 1024 // 1024} MB"
        raise InputInvalid("too_large", str(path), hint)
    return False


def send(
    data_dir: Path, path: Path, *, class_id: str, take: bool
) -> tuple[RosterPreview, control.Reply]:
    """What the running agent says of it, and whether it has taken it.

    Raises:
        InputInvalid: nothing can be taken, or it may not be asked by this user.
        AgentError: none runs, or it could not.
    """
    name, body = packed(path)
    given = {"what": "take" if take else "look", "name": name, "class_id": class_id}
    reply = _asked(data_dir, given, body)
    seen = msgspec.json.decode(reply.told, type=RosterPreview | None)
    if seen is None:
        raise AgentError(reply.code or "roster_refused", str(path), reply.hint)
    return seen, reply


def undo(data_dir: Path) -> RosterTaken:
    """Have the running agent undo the newest taking.

    Raises:
        AgentError: there is nothing to undo, none runs, or it could not.
    """
    reply = _asked(data_dir, {"what": "undo"}, b"")
    taken = msgspec.json.decode(reply.told, type=RosterTaken | None)
    if taken is None:
        raise AgentError(reply.code or "roster_refused", "roster", reply.hint)
    return taken


def _asked(data_dir: Path, given: dict[str, str], body: bytes) -> control.Reply:
    try:
        reply = control.send(data_dir, "roster", given, body)
    except PermissionError as error:
        hint = "run this as root or as the agent's user"
        raise InputInvalid("data_dir_forbidden", str(data_dir), hint) from error
    if reply is None:
        hint = "no agent runs on this folder; start it first"
        raise AgentError("agent_not_running", str(data_dir), hint)
    return reply


def lines(seen: RosterPreview) -> Iterator[str]:
    """A look-over in words. Names are left out: terminals are logged."""
    for one in seen.problems:
        what = f" ({one.what})" if one.what else ""
        sort = "note" if one.note else "problem"
        yield f"{one.file}:{one.line}: {sort}: {one.code}{what}: {one.hint}"
    if seen.more_problems:
        yield f"and {seen.more_problems} more"
    for one_class in seen.classes:
        yield (
            f"{one_class.class_id}: {one_class.students} students;"
            f" {len(one_class.new)} new, {len(one_class.changed)} renamed,"
            f" {len(one_class.gone)} gone; {one_class.keypads} keypads and {one_class.cards}"
            " cards bound"
        )
