"""A file of questions, whatever its format: what is in it, and what could not be taken."""

from __future__ import annotations

from agent.files.archive import Archive, is_zip
from agent.files.errors import FileInvalid
from agent.files.tables import Row, rows
from agent.files.texts import text_of
from agent.files.xml_tree import parse
from agent.sets import aiken, gift, package, qti, table
from agent.sets.items import Found, Gathering, SetInvalid, SetProblem

MAX_FILE_BYTES = 2 * 1024 * 1024
NOTHING = "no question could be taken; GIFT, Aiken, CSV, xlsx and QTI 3 or 2 are read"


def read(data: bytes) -> Found:
    """The questions of a file in any format that is known.

    Raises:
        SetInvalid: nothing could be taken; why, by line.
    """
    into = Gathering()
    try:
        if len(data) > MAX_FILE_BYTES:
            hint = f"at most {MAX_FILE_BYTES // 1024 // 1024} MB"
            raise FileInvalid("file_too_large", hint)
        _read(data, into)
    except FileInvalid as error:
        said = SetProblem(line=error.line, code=error.code, hint=error.hint, file=into.file)
        raise SetInvalid("set_unreadable", error.hint, [said]) from error
    if not into.found.items:
        raise SetInvalid("set_empty", NOTHING, into.found.problems)
    return into.found


def _read(data: bytes, into: Gathering) -> None:
    if is_zip(data):
        with Archive(data) as archive:
            if "xl/workbook.xml" not in archive.names:
                package.read(archive, into)
                return
        _read_table(rows(data), into)
        return
    text = text_of(data)
    begins = text.lstrip()[:200]
    if begins.startswith("<"):
        root = parse(data)
        if not qti.is_item(root):
            hint = f"<{root.name[:40]}> is no item of QTI 3 or 2; send the item, or the package"
            raise FileInvalid("file_unknown", hint, root.line)
        qti.read_item(root, into)
    elif aiken.is_aiken(text):
        aiken.read(text, into)
    else:
        found = _table_of(text)
        if found is not None:
            _read_table(found, into)
        else:
            gift.read(text, into)


def _table_of(text: str) -> list[Row] | None:
    """The rows of a CSV file, None if it is none: its first row names columns."""
    try:
        if not table.is_table(rows(text.partition("\n")[0].encode())):
            return None
    except FileInvalid:
        return None
    return rows(text.encode())


def _read_table(found: list[Row], into: Gathering) -> None:
    if not table.is_table(found):
        raise FileInvalid("header_missing", table.HEADER, found[0].line if found else 1)
    table.read(found, into)
