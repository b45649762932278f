"""What was read of a file, and what became of its lines."""

from __future__ import annotations

from typing import Literal

import msgspec

MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_UNPACKED_BYTES = 32 * 1024 * 1024
MAX_FILES = 200
MAX_ROWS = 20_000
MAX_COLUMNS = 64
MAX_STUDENTS = 5_000
MAX_CLASSES = 200
MAX_PROBLEMS = 300


class LineFault(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a line, or worth knowing of it.

    Attributes:
        line: from 1; 0: the whole file.
        what: the word concerned, e.g. a column's name; never a card's number.
        note: the line is taken all the same.
    """

    file: str
    line: int
    code: str
    hint: str
    what: str = ""
    note: bool = False


class ReadStudent(msgspec.Struct, kw_only=True):
    """One student of a list; `cards` as the file has them, in upper-case hex."""

    number: str
    name: str
    keypads: list[str] = []
    cards: list[str] = []
    file: str = ""
    line: int = 0


class ReadClass(msgspec.Struct, kw_only=True):
    """A class as a file has it.

    Attributes:
        gone: numbers of students who have left, as a delta says.
        whole: whoever does not stand in it has left.
        kept: numbers of students whose line cannot be taken: they stay as they are.
        unsure: a line does not even say whose it is, so nobody is known to have left.
    """

    class_id: str
    students: list[ReadStudent] = []
    gone: list[str] = []
    whole: bool = True
    kept: list[str] = []
    unsure: bool = False


class Known(msgspec.Struct, kw_only=True):
    """What sourcedIds of OneRoster files stood for: a delta names them alone.

    Attributes:
        users: to (number, name).
        classes: to the class's id on this board.
        homes: class's id and student's sourcedId of each enrolment.
    """

    users: dict[str, tuple[str, str]] = {}
    classes: dict[str, str] = {}
    homes: dict[str, tuple[str, str]] = {}


class Read(msgspec.Struct, kw_only=True):
    """All that was read. `whole_or_nothing`: with a problem that is no note, nothing is taken."""

    kind: Literal["list", "oneroster"] = "list"
    classes: list[ReadClass] = []
    problems: list[LineFault] = []
    more_problems: int = 0
    known: Known | None = None

    @property
    def whole_or_nothing(self) -> bool:
        """OneRoster says itself what belongs together."""
        return self.kind == "oneroster"


class Unreadable(Exception):
    """Nothing of a file can be read."""

    def __init__(self, file: str, code: str, hint: str) -> None:
        super().__init__(code)
        self.problem = LineFault(file=file, line=0, code=code, hint=hint)


class Problems:
    """Collects what is found, up to a bound."""

    def __init__(self) -> None:
        self.told: list[LineFault] = []
        self.more = 0

    def add(
        self, file: str, line: int, code: str, hint: str, *, what: str = "", note: bool = False
    ) -> None:
        """One more."""
        if len(self.told) >= MAX_PROBLEMS:
            self.more += 1
            return
        shown = what[:40]
        self.told.append(
            LineFault(file=file, line=line, code=code, hint=hint, what=shown, note=note)
        )
