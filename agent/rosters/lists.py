"""Plain lists: rows to classes, every line that cannot be taken told."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.lesson.enrolment import MAX_IN_CLASS
from agent.rosters.columns import Headed, headed
from agent.rosters.model import (
    MAX_CLASSES,
    MAX_STUDENTS,
    Problems,
    Read,
    ReadClass,
    ReadStudent,
)
from agent.rosters.tables import Table

MAX_NAME_CHARS = 40
MAX_THINGS = 8
"""Keypads, or cards, of one student."""
_NUMBER = re.compile(r"[A-Za-z0-9_-]{1,20}")
_HEX = re.compile(r"[0-9A-F]{2,32}")
_MARKUP = re.compile(r"[<>]|&#|&\w+;")
_NO_SHEET_NAME = re.compile(r"(sheet|工作表)\s*\d*", re.IGNORECASE)


def class_id_of(title: str) -> str:
    """A class's id on this board: its title without what an id cannot hold."""
    return re.sub(r"[^\w-]+", "-", title).strip("-")[:40]


def fit_number(number: str) -> bool:
    """Whether it may be a student number."""
    return _NUMBER.fullmatch(number) is not None


def name_problem(name: str) -> tuple[str, str] | None:
    """What is wrong with a name: code and hint."""
    if not name:
        return "name_missing", "give the student's name"
    if _MARKUP.search(name):
        return "name_markup", "a name holds no < > or &…; and is not taken with them"
    if len(name) > MAX_NAME_CHARS or any(not char.isprintable() for char in name):
        return "name_invalid", f"at most {MAX_NAME_CHARS} printable characters"
    return None


def read_lists(tables: Sequence[Table], given_class: str, problems: Problems) -> Read:
    """The classes of plain tables. `given_class`: of whoever stands under no other."""
    found = [one for table in tables if (one := headed(table, problems)) is not None]
    reader = _Lists(problems)
    for one in found:
        reader.read(one, _class_of(one.file, len(found) > 1, given_class))
    return Read(classes=reader.classes())


def _class_of(file: str, several: bool, given_class: str) -> str:
    sheet = file.rpartition(" · ")[2] if " · " in file else ""
    if several and sheet and not _NO_SHEET_NAME.fullmatch(sheet):
        return class_id_of(sheet)
    return given_class


class _Lists:
    """Reads rows, remembering what may stand only once in a class."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._classes: dict[str, ReadClass] = {}
        self._lines: dict[tuple[str, str], tuple[str, int]] = {}
        self._owners: dict[tuple[str, str, str], ReadStudent] = {}
        self._disputed: set[tuple[str, str, str]] = set()
        self._count = 0

    def classes(self) -> list[ReadClass]:
        """All that were read. A keypad or card of two students is nobody's."""
        for class_id, column, thing in self._disputed:
            for one in self._classes[class_id].students:
                things = one.keypads if column == "keypad" else one.cards
                if thing in things:
                    things.remove(thing)
        return list(self._classes.values())

    def read(self, table: Headed, class_id: str) -> None:
        """All rows of a table."""
        for line, row in table.rows:
            cells: dict[str, list[str]] = {}
            for place, cell in enumerate(row):
                column = table.columns[place] if place < len(table.columns) else "beyond"
                if cell and column:
                    cells.setdefault(column, []).append(cell)
            self._row(table.file, line, cells, class_id)

    def _row(self, file: str, line: int, cells: dict[str, list[str]], given_class: str) -> None:
        add = self._problems.add
        number, name = cells.get("number", [""])[0], cells.get("name", [""])[0]
        titled = cells.get("class", [""])[0]
        class_id = class_id_of(titled) if titled else given_class
        if "beyond" in cells:
            add(file, line, "too_many_cells", "more cells than columns are named", note=True)
        if not class_id:
            add(file, line, "class_missing", "say which class, or name it in the file")
            return
        if class_id not in self._classes and len(self._classes) == MAX_CLASSES:
            add(file, line, "classes_too_many", f"at most {MAX_CLASSES} classes a file")
            return
        one = self._classes.setdefault(class_id, ReadClass(class_id=class_id))
        if not fit_number(number):
            one.unsure = True
            if cells:  # an empty row is a line that was broken, and is told
                code, hint = "number_invalid", "1 to 20 letters, digits, hyphens"
                if not number:
                    code, hint = "number_missing", "give the student's number"
                add(file, line, code, hint, what=number)
            return
        wrong = name_problem(name)
        if wrong is not None:
            one.kept.append(number)
            add(file, line, *wrong, what=number)
            return
        earlier = self._lines.setdefault((class_id, number), (file, line))
        if earlier != (file, line):
            hint = f"it stands in line {earlier[1]} already; the first counts"
            add(file, line, "number_twice", hint, what=number)
            return
        self._count += 1
        if len(one.students) == MAX_IN_CLASS or self._count > MAX_STUDENTS:
            one.kept.append(number)
            hint = f"a class has at most {MAX_IN_CLASS} students, a file {MAX_STUDENTS}"
            add(file, line, "roster_too_long", hint)
            return
        student = ReadStudent(number=number, name=name, file=file, line=line)
        one.students.append(student)
        student.keypads = self._things(student, "keypad", cells, class_id)
        student.cards = self._things(student, "card", cells, class_id)

    def _things(
        self, student: ReadStudent, column: str, cells: dict[str, list[str]], class_id: str
    ) -> list[str]:
        found: list[str] = []
        file, line = student.file, student.line
        for cell in cells.get(column, ()):
            for part in re.split(r"[,;、/|+\n]", cell):
                thing = re.sub(r"[ :-]", "", part).upper()
                if not thing or thing in found:
                    continue
                if not _HEX.fullmatch(thing):
                    hint = "2 to 32 hex digits, as the device shows them"
                    self._problems.add(file, line, f"{column}_invalid", hint)
                elif len(found) == MAX_THINGS:
                    hint = f"a student has at most {MAX_THINGS}"
                    self._problems.add(file, line, f"{column}_too_many", hint)
                else:
                    found.append(thing)
                    self._own(student, class_id, column, thing)
        return found

    def _own(self, student: ReadStudent, class_id: str, column: str, thing: str) -> None:
        owner = self._owners.setdefault((class_id, column, thing), student)
        if owner is not student:
            self._disputed.add((class_id, column, thing))
            hint = f"the student in line {owner.line} has it too; neither gets it"
            what = thing if column == "keypad" else ""
            self._problems.add(student.file, student.line, f"{column}_twice", hint, what=what)
