"""`backup` and `restore`: beside a running agent, or while none runs."""

from __future__ import annotations

import os
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from agent import control
from agent.errors import AgentError, InputInvalid
from agent.journal import backup, restore
from agent.journal.backup import Manifest
from agent.journal.recovery import held

TAKEN_S = 60.0
"""So long a running agent may take to start again with the files."""
LARGE_PAGES = 20_000


def make(data_dir: Path, out: Path, device: str) -> Manifest:
    """Make a backup; progress of a large one goes to standard error."""

    def progress(left: int, pages: int) -> None:
        if pages > LARGE_PAGES:
            end = "\n" if left == 0 else "\r"
            sys.stderr.write(f"{100 * (pages - left) // pages:3d} % copied{end}")

    return backup.make(data_dir, out, device=device, now_s=time.time(), progress=progress)


def described(manifest: Manifest) -> str:
    """What a backup is, in a line."""
    made = datetime.fromtimestamp(manifest.made_s, UTC).isoformat(" ", "minutes")
    files = ", ".join(manifest.files)
    return f"board {manifest.device}, {manifest.events} events, made {made[:16]} UTC; {files}"


def checked(source: Path, data_dir: Path, device: str) -> Manifest:
    """A backup that may be put back into this folder.

    Raises:
        BackupUnusable: it is damaged, or of a newer agent.
        InputInvalid: it is another board's, or there is no such folder.
    """
    if not data_dir.is_dir():
        hint = "there is no such folder; is data_dir right? Start the agent once, then restore"
        raise InputInvalid("data_dir_missing", str(data_dir), hint)
    manifest = backup.check(source)
    if manifest.device != device:
        hint = (
            f"it is the backup of {manifest.device}, and this board is {device}: the school would"
            " file its lessons twice. A machine that takes another's place takes its device_id too"
        )
        raise InputInvalid("backup_of_another", str(source), hint)
    return manifest


def put_back(source: Path, data_dir: Path) -> Path | None:
    """Put a checked backup back; where the former files are, if known.

    Raises:
        BackupFailed: there is no room for it.
        AgentError: the running agent refuses, or does not come back.
        JournalUnusable: an agent runs that cannot be reached.
    """
    before = set(data_dir.glob(restore.KEPT.format(number="*")))
    try:
        staging = restore.stage(source, data_dir)
    except PermissionError as error:
        hint = "run this as root or as the agent's user"
        raise InputInvalid("data_dir_forbidden", str(data_dir), hint) from error
    try:
        reply = control.ask(data_dir, "restore")
        if reply is None:
            with held(data_dir / backup.JOURNAL):
                restore.make_ready(data_dir)
                restore.take(data_dir)
            _give_back(data_dir)
        elif not reply.ok:
            raise AgentError("restore_refused", str(data_dir), f"nothing was changed: {reply.hint}")
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    if reply is not None:
        _wait_until_taken(data_dir)
    return next(iter(set(data_dir.glob(restore.KEPT.format(number="*"))) - before), None)


def _wait_until_taken(data_dir: Path) -> None:
    until_s = time.monotonic() + TAKEN_S
    while (data_dir / restore.READY).exists() or not _answers(data_dir):
        if time.monotonic() > until_s:
            hint = "the agent has not come back yet; its log says why"
            raise AgentError("restore_slow", str(data_dir), hint)
        time.sleep(0.1)


def _answers(data_dir: Path) -> bool:
    try:
        return control.ask(data_dir, "ping") is not None
    except (OSError, ValueError):
        return False


def _give_back(data_dir: Path) -> None:
    """What root has made here belongs to whom the folder belongs."""
    owner = data_dir.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    for path in (*data_dir.iterdir(), *data_dir.glob("before-restore-*/*")):
        if path.lstat().st_uid == 0:
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
