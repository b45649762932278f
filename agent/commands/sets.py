"""`sets`: the prepared sets of a board, beside a running agent or without one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from agent.errors import InputInvalid
from agent.journal.sets import SETS, SetHead, SetStore
from agent.lesson.errors import LessonRefused
from agent.sets import gift, package
from agent.sets.items import MAX_NAME_CHARS, QuestionSet, SetInvalid, SetProblem, tidy_line
from agent.sets.reading import MAX_FILE_BYTES, read


def store_of(data_dir: Path) -> SetStore:
    """The board's sets.

    Raises:
        InputInvalid: there is no such folder.
    """
    if not data_dir.is_dir():
        hint = "there is no such folder; is data_dir right, and has the agent run?"
        raise InputInvalid("data_dir_unreadable", str(data_dir), hint)
    return SetStore(data_dir / SETS)


def lines(problems: list[SetProblem]) -> list[str]:
    """What is said of a file, a line each."""
    said = []
    for one in problems:
        where = ":".join(filter(None, (one.file, str(one.line or ""))))
        state = "left out" if one.left_out else "note"
        what = f" [{one.what}]" if one.what else ""
        said.append(f"{where or '-'}: {state}: {one.code}: {one.hint}{what}")
    return said


def bring(
    store: SetStore, file: Path, name: str, tell: Callable[[list[SetProblem]], None]
) -> SetHead:
    """Keep what can be taken of a file; what cannot is told.

    Raises:
        InputInvalid: nothing could be taken, or the file cannot be read.
    """
    try:
        with file.open("rb") as source:
            data = source.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        hint = f"cannot be read: {error.strerror}"
        raise InputInvalid("file_unreadable", str(file), hint) from error
    try:
        found = read(data)
        tell(found.problems)
        called = tidy_line(name) or found.name or tidy_line(file.stem)
        return store.put(
            QuestionSet(name=called[:MAX_NAME_CHARS].rstrip() or "set", items=found.items)
        )
    except SetInvalid as error:
        tell(error.problems)
        raise InputInvalid(error.code, str(file), error.hint) from error
    except LessonRefused as error:
        raise InputInvalid(error.code, str(file), error.hint) from error


def export(store: SetStore, wanted: str, out: Path) -> None:
    """Write a set, named by its id or its name, as GIFT, or as QTI 3 where `out` ends in .zip.

    Raises:
        InputInvalid: there is no such set, or `out` cannot be written or exists.
    """
    heads = store.heads()
    head = next((one for one in heads if wanted in (one.id, one.name)), None)
    if head is None:
        raise InputInvalid("set_unknown", wanted, "choose one that `sets list` names")
    found = store.get(head.id)
    data = package.write(found) if out.suffix.lower() == ".zip" else gift.write(found).encode()
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        with open(handle, "wb") as target:
            target.write(data)
    except OSError as error:
        hint = f"cannot be written ({error.strerror})"
        raise InputInvalid("export_failed", str(out), hint) from error
