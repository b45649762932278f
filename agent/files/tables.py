"""Tables: CSV as people save it, and the first sheet of an xlsx workbook."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import NamedTuple

from agent.files.archive import Archive, is_zip
from agent.files.errors import FileInvalid
from agent.files.texts import text_of
from agent.files.xml_tree import Node, parse

MAX_ROWS = 5_000
MAX_COLUMNS = 60
_CELL = re.compile(r"([A-Z]{1,3})(\d{1,7})")


class Row(NamedTuple):
    """A row that is not empty. `line`: from 1, as a text editor or the spreadsheet counts."""

    line: int
    cells: list[str]


def rows(data: bytes) -> list[Row]:
    """The rows of a CSV or xlsx file.

    Raises:
        FileInvalid: it is neither, or too long.
    """
    found = []
    for row in _workbook_rows(data) if is_zip(data) else _csv_rows(text_of(data)):
        if len(row.cells) > MAX_COLUMNS and any(row.cells[MAX_COLUMNS:]):
            raise FileInvalid("file_too_large", f"at most {MAX_COLUMNS} columns", row.line)
        if any(cell.strip() for cell in row.cells):
            found.append(row)
        if len(found) > MAX_ROWS:
            raise FileInvalid("file_too_large", f"at most {MAX_ROWS} rows", row.line)
    return found


def _csv_rows(text: str) -> Iterator[Row]:
    first_line = text.split("\n", 1)[0]
    delimiter = max(",;\t，", key=first_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            yield Row(line, cells)
            line = reader.line_num + 1
    except csv.Error as error:
        hint = f"a quotation mark is missing or misplaced ({error})"
        raise FileInvalid("line_broken", hint, line) from error


def _workbook_rows(data: bytes) -> Iterator[Row]:
    with Archive(data) as archive:
        names = archive.names
        sheet = _first_sheet(archive)
        shared = [
            _said(one)
            for one in (
                parse(archive.read("xl/sharedStrings.xml")).elements()
                if "xl/sharedStrings.xml" in names
                else ()
            )
            if one.name == "si"
        ]
        root = parse(archive.read(sheet))
    for node in root.walk():
        if node.name == "row":
            yield _row(node, shared)


def _first_sheet(archive: Archive) -> str:
    """The sheet that stands first, by the workbook's own list."""
    names = archive.names
    foreign = FileInvalid("file_unknown", "a spreadsheet must be saved as .xlsx, or as CSV")
    if "xl/workbook.xml" not in names:
        raise foreign
    targets = {}
    if "xl/_rels/workbook.xml.rels" in names:
        for one in parse(archive.read("xl/_rels/workbook.xml.rels")).elements():
            targets[one.attributes.get("Id", "")] = one.attributes.get("Target", "")
    for node in parse(archive.read("xl/workbook.xml")).walk():
        if node.name == "sheet":
            target = targets.get(node.attributes.get("id", ""), "worksheets/sheet1.xml")
            path = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
            if path in names:
                return path
    raise foreign


def _row(node: Node, shared: list[str]) -> Row:
    line = node.attributes.get("r", "")
    cells: list[str] = []
    for cell in node.elements():
        found = _CELL.fullmatch(cell.attributes.get("r", ""))
        place = _column(found[1]) if found else len(cells)
        line = found[2] if found else line
        if place >= MAX_COLUMNS:
            continue
        cells += [""] * (place + 1 - len(cells))
        cells[place] = _value(cell, shared)
    return Row(int(line) if line.isdecimal() else 0, cells)


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _value(cell: Node, shared: list[str]) -> str:
    kind = cell.attributes.get("t", "n")
    parts = {part.name: part for part in cell.elements()}
    if kind == "inlineStr":
        return _said(parts["is"]) if "is" in parts else ""
    value = parts["v"].text() if "v" in parts else ""
    if kind == "s":
        return shared[int(value)] if value.isdecimal() and int(value) < len(shared) else ""
    if kind == "b":
        return {"1": "TRUE", "0": "FALSE"}.get(value, value)
    if kind == "n" and "e" not in value.lower() and "." in value:
        return value.rstrip("0").rstrip(".") if len(value) < 16 else f"{float(value):.15g}"  # noqa: PLR2004
    return value


def _said(node: Node) -> str:
    """The text of a cell, without how it is to be read aloud."""
    return "".join(one.text() for one in _texts(node))


def _texts(node: Node) -> Iterator[Node]:
    for child in node.elements():
        if child.name == "t":
            yield child
        elif child.name != "rPh":
            yield from _texts(child)
