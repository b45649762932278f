"""A class list as schools send it: CSV with number, name, and perhaps keypad and card."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Sequence

import msgspec

from agent.lesson.errors import LessonRefused

MAX_STUDENTS = 200
MAX_NAME_CHARS = 40
COLUMNS = {
    "number": {"number", "no", "no.", "id", "student number", "学号", "编号", "座号"},
    "name": {"name", "student", "student name", "姓名", "名字", "学生姓名"},
    "keypad": {"keypad", "clicker", "device", "键盘", "答题器", "遥控器"},
    "card": {"card", "uid", "card uid", "卡号", "校园卡", "卡"},
}
_NUMBER = re.compile(r"[A-Za-z0-9_-]{1,20}")
_HEX = re.compile(r"[0-9A-F]{2,32}")


class RosterEntry(msgspec.Struct, frozen=True):
    """One student of a class list. `keypad` and `card` in upper-case hex, None without one."""

    number: str
    name: str
    keypad: str | None = None
    card: str | None = None


class LineProblem(msgspec.Struct, frozen=True):
    """Why a line cannot be taken. `line` counts from 1."""

    line: int
    code: str
    hint: str


class RosterInvalid(LessonRefused):
    """Nothing of the list was taken; every problem by its line."""

    def __init__(self, problems: Sequence[LineProblem]) -> None:
        first = problems[0]
        super().__init__("roster_invalid", f"line {first.line}", first.hint)
        self.problems = list(problems)


def parse_roster(data: bytes) -> list[RosterEntry]:
    """The students of a list, UTF-8 (with or without BOM) or GB18030; a header line is optional.

    Raises:
        RosterInvalid: with every line that cannot be taken.
    """
    rows = [
        (number, [unicodedata.normalize("NFKC", cell).strip() for cell in row])
        for number, row in enumerate(_rows(_text(data)), start=1)
    ]
    rows = [(number, row) for number, row in rows if any(row)]
    columns = _header(rows[0][1]) if rows else None
    if columns is not None:
        del rows[0]
    else:
        columns = ["number", "name", "keypad", "card"]
    if not rows:
        raise RosterInvalid([LineProblem(1, "roster_empty", "the list has no student")])
    if len(rows) > MAX_STUDENTS:
        hint = f"a class has at most {MAX_STUDENTS} students"
        raise RosterInvalid([LineProblem(rows[MAX_STUDENTS][0], "roster_too_long", hint)])
    return _Reader(columns).read(rows)


def _text(data: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    hint = "save the list as UTF-8 or GB18030 text"
    raise RosterInvalid([LineProblem(1, "encoding_unknown", hint)])


def _rows(text: str) -> list[list[str]]:
    first_line = text.split("\n", 1)[0]
    delimiter = max(",;\t，", key=first_line.count)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    rows: list[list[str]] = []
    try:
        for line in lines:  # a name holds no line break, so a line is a row
            rows.append(next(csv.reader([line], delimiter=delimiter, strict=True), []))
    except csv.Error as error:
        hint = f"a quotation mark is missing or misplaced ({error})"
        raise RosterInvalid([LineProblem(len(rows) + 1, "line_broken", hint)]) from error
    return rows


def _header(row: list[str]) -> list[str] | None:
    """The columns that a header names; None if the row is none."""
    named = [
        next((column for column, words in COLUMNS.items() if cell.lower() in words), "")
        for cell in row
    ]
    return named if "number" in named and "name" in named else None


class _Reader:
    """Reads rows, remembering what may stand only once."""

    def __init__(self, columns: list[str]) -> None:
        self._columns = columns
        self._problems: list[LineProblem] = []
        self._seen: dict[tuple[str, str], int] = {}

    def read(self, rows: Sequence[tuple[int, list[str]]]) -> list[RosterEntry]:
        entries = [self._entry(line, row) for line, row in rows]
        if self._problems:
            raise RosterInvalid(self._problems)
        return entries

    def _entry(self, line: int, row: list[str]) -> RosterEntry:
        if len(row) > len(self._columns) and any(row[len(self._columns) :]):
            self._problem(line, "too_many_cells", f"at most {len(self._columns)} cells a line")
        cells = dict(zip(self._columns, row, strict=False))
        number, name = cells.get("number", ""), cells.get("name", "")
        if not number:
            self._problem(line, "number_missing", "give the student's number")
        elif not _NUMBER.fullmatch(number):
            self._problem(line, "number_invalid", "1 to 20 letters, digits, hyphens")
        else:
            self._once(line, "number", number)
        if not name:
            self._problem(line, "name_missing", "give the student's name")
        elif len(name) > MAX_NAME_CHARS or any(not char.isprintable() for char in name):
            self._problem(line, "name_invalid", f"at most {MAX_NAME_CHARS} printable characters")
        return RosterEntry(
            number, name, self._hex(line, "keypad", cells), self._hex(line, "card", cells)
        )

    def _hex(self, line: int, column: str, cells: dict[str, str]) -> str | None:
        text = re.sub(r"[ :-]", "", cells.get(column, "")).upper()
        if not text:
            return None
        if not _HEX.fullmatch(text):
            self._problem(line, f"{column}_invalid", "2 to 32 hex digits, as the device shows them")
            return None
        self._once(line, column, text)
        return text

    def _once(self, line: int, column: str, value: str) -> None:
        earlier = self._seen.setdefault((column, value), line)
        if earlier != line:
            self._problem(line, f"{column}_twice", f"it stands in line {earlier} already")

    def _problem(self, line: int, code: str, hint: str) -> None:
        self._problems.append(LineProblem(line, code, hint))
