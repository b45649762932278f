"""Which column is what: names as schools write them, in Chinese and English."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.rosters.model import Problems
from agent.rosters.tables import Table

WORDS = {
    "number": "学号 学籍号 学生编号 学生学号 编号 xh number no id studentnumber"
    " studentno studentid",
    "name": "姓名 名字 学生姓名 学生 xm name student studentname fullname",
    "class": "班级 班 班级名称 所在班级 行政班 教学班 bh bj class classname homeroom group",
    "seat": "座号 座位号 座位 序号 seat seatno seatnumber",
    "keypad": "答题器 答题器号 答题器编号 键盘 键盘号 遥控器 遥控器号 keypad keypadid clicker"
    " clickerid device deviceid remote",
    "card": "卡号 校园卡 校园卡号 卡 一卡通 一卡通号 物理卡号 card cardno cardnumber carduid uid",
}
_COLUMN = {word: column for column, words in WORDS.items() for word in words.split()}
WITHOUT_HEADER = ["number", "name", "keypad", "card"]
SEVERAL = ("keypad", "card")
HEADER_WITHIN_ROWS = 12


@dataclass
class Headed:
    """A table whose columns are known; `columns` has "" for one that is nothing to us."""

    file: str
    columns: list[str]
    rows: list[tuple[int, list[str]]]


def column_of(cell: str) -> str:
    """What a header's cell names; "" for nothing we know."""
    word = re.sub(r"\((?:必填|选填|required|optional)\)|[\s*_:.#/-]", "", cell.lower())
    column = _COLUMN.get(word)
    if column is None and (counted := re.fullmatch(r"(.+?)[1-9]", word)):
        column = _COLUMN.get(counted[1])
        return column if column in SEVERAL else ""
    return column or ""


def headed(table: Table, problems: Problems) -> Headed | None:
    """The table with its columns, titles above the header left out; None if it is no list."""
    for place, (line, row) in enumerate(table.rows[:HEADER_WITHIN_ROWS]):
        columns = [column_of(cell) for cell in row]
        if "number" not in columns and "name" in columns and "seat" in columns:
            columns[columns.index("seat")] = "number"
        if "number" in columns and "name" in columns:
            rest = table.rows[place + 1 :]
            columns, rest = _second_row(columns, rest)
            _tell_unknown(table.file, line, row, columns, problems)
            return Headed(table.file, columns, rest)
    if not table.rows:
        return None
    line, row = table.rows[0]
    if len(row) > len(WITHOUT_HEADER) and any(row[len(WITHOUT_HEADER) :]):
        hint = "name the columns in the first line, e.g. number,name,class,keypad,card"
        problems.add(table.file, line, "header_missing", hint)
        return None
    if len([cell for cell in row if cell]) == 1 and len(table.rows) > 1:
        hint = "name the columns in the first line, e.g. number,name,class,keypad,card"
        problems.add(table.file, line, "header_missing", hint)
        return None
    return Headed(table.file, list(WITHOUT_HEADER), table.rows)


def _second_row(
    columns: list[str], rest: list[tuple[int, list[str]]]
) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """A header may go on in a second row, under merged cells."""
    if not rest:
        return columns, rest
    below = [column_of(cell) for cell in rest[0][1]]
    empty = not any(
        cell
        for cell, column in zip(rest[0][1], columns, strict=False)
        if column in ("number", "name")
    )
    if not empty or not any(below):
        return columns, rest
    width = max(len(columns), len(below))
    upper = columns + [""] * (width - len(columns))
    lower = below + [""] * (width - len(below))
    return [one or other for one, other in zip(lower, upper, strict=True)], rest[1:]


def _tell_unknown(
    file: str, line: int, row: Sequence[str], columns: list[str], problems: Problems
) -> None:
    for place, column in enumerate(columns):
        cell = row[place] if place < len(row) else ""
        if cell and not column:
            hint = "this column is nothing to the board and is left out"
            problems.add(file, line, "column_unknown", hint, what=cell, note=True)
        elif column and column not in SEVERAL and column in columns[:place]:
            columns[place] = ""
            hint = "two columns say the same; the first counts"
            problems.add(file, line, "column_twice", hint, what=cell, note=True)
