"""OneRoster 1.1 and 1.2 CSV, bulk and delta. Nobody's password or address is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from agent.lesson.enrolment import MAX_IN_CLASS
from agent.rosters.lists import class_id_of, fit_number, name_problem
from agent.rosters.model import (
    MAX_CLASSES,
    MAX_STUDENTS,
    Known,
    Problems,
    Read,
    ReadClass,
    ReadStudent,
    Unreadable,
)
from agent.rosters.tables import Table, read_text

MANIFEST, USERS, CLASSES = "manifest.csv", "users.csv", "classes.csv"
ENROLMENTS, ROLES = "enrollments.csv", "roles.csv"
READ = (MANIFEST, USERS, CLASSES, ENROLMENTS, ROLES)
VERSIONS = ("1.1", "1.2")
_CJK_FROM = "\u2e80"

Row = tuple[int, dict[str, str]]


def is_oneroster(files: Mapping[str, bytes]) -> bool:
    """Whether these files, by name in lower case, are one."""
    return MANIFEST in files or (USERS in files and ENROLMENTS in files)


def read_oneroster(files: Mapping[str, bytes], known: Known, problems: Problems) -> Read:
    """The classes and their students.

    Args:
        files: by name in lower case; those that say nothing of classes are not opened.
        known: what earlier files said; a delta refers to it.
        problems: what is found is added.

    Raises:
        Unreadable: it is no OneRoster that we know.
    """
    tables = {name: read_text(files[name], name, problems) for name in READ if name in files}
    modes = _modes(tables.get(MANIFEST), tables, problems)
    reader = _OneRoster(tables, modes, known, problems)
    return reader.read()


def _modes(
    manifest: Table | None, tables: Mapping[str, Table], problems: Problems
) -> dict[str, str]:
    """Of each file: bulk or delta; what the manifest calls absent is left out."""
    if manifest is None:
        hint = "taken as a full roster, since nothing says otherwise"
        problems.add(MANIFEST, 0, "manifest_missing", hint, note=True)
        return {name: "bulk" for name in tables if name != MANIFEST}
    said = {row[0].lower(): row[1].lower() for _, row in manifest.rows if len(row) > 1}
    version = said.get("oneroster.version", "")
    if version not in VERSIONS and not version.startswith(tuple(f"{v}." for v in VERSIONS)):
        hint = f"OneRoster {' and '.join(VERSIONS)} CSV are read"
        raise Unreadable(MANIFEST, "version_unknown", hint)
    modes = {}
    for name in READ[1:]:
        mode = said.get(f"file.{name.removesuffix('.csv')}", "bulk" if name in tables else "absent")
        if mode not in ("absent", "bulk", "delta"):
            problems.add(MANIFEST, 0, "manifest_unclear", f"{name}: absent, bulk or delta")
        elif mode != "absent" and name not in tables:
            problems.add(name, 0, "file_missing", "the manifest names it, and it is not there")
        elif mode != "absent":
            modes[name] = mode
    return modes


class _OneRoster:
    def __init__(
        self,
        tables: Mapping[str, Table],
        modes: Mapping[str, str],
        known: Known,
        problems: Problems,
    ) -> None:
        self._tables = tables
        self._modes = modes
        self._problems = problems
        self._known = known
        self._gone_users: dict[str, str] = {}
        self._left: list[tuple[str, str]] = []
        self._gone_classes: set[str] = set()
        self._lines: dict[str, tuple[str, int]] = {}
        self._renamed: set[str] = set()

    def read(self) -> Read:
        if self._modes.get(USERS) == "bulk":
            self._known.users.clear()
        if self._modes.get(CLASSES) == "bulk":
            self._known.classes.clear()
        whole = self._modes.get(ENROLMENTS) == "bulk"
        if whole:
            self._known.homes.clear()
        self._read_users()
        self._read_classes()
        touched = self._read_enrolments()
        if self._modes.get(ENROLMENTS) == "delta":
            touched |= {
                class_id
                for class_id, user in self._known.homes.values()
                if user in self._renamed or user in self._gone_users
            }
        read = Read(kind="oneroster", known=self._known)
        read.classes = self._classes(touched, whole)
        for class_id in sorted(self._gone_classes):
            read.classes.append(ReadClass(class_id=class_id))
        if not read.classes:
            raise Unreadable(ENROLMENTS, "roster_empty", "it has no student in any class")
        return read

    def _rows(self, name: str, needed: tuple[str, ...]) -> Iterator[Row]:
        table = self._tables.get(name) if name in self._modes else None
        if table is None or not table.rows:
            return
        line, header = table.rows[0]
        columns = [cell.lower() for cell in header]
        missing = [one for one in needed if one.lower() not in columns]
        if missing:
            hint = f"the first line must name {', '.join(missing)}"
            self._problems.add(name, line, "column_missing", hint, what=missing[0])
            return
        for number, row in table.rows[1:]:
            if row:
                yield number, dict(zip(columns, row, strict=False))

    def _students(self) -> set[str] | None:
        """Whose role is student, by 1.2's roles.csv; None where users.csv says it."""
        if ROLES not in self._modes:
            return None
        return {
            row.get("usersourcedid", "")
            for _, row in self._rows(ROLES, ("userSourcedId", "role"))
            if row.get("role", "").lower() == "student" and not _retired(row)
        }

    def _read_users(self) -> None:
        students = self._students()
        for line, row in self._rows(USERS, ("sourcedId", "givenName", "familyName")):
            user = row.get("sourcedid", "")
            if students is not None and user not in students and user not in self._known.users:
                continue
            if students is None and row.get("role", "student").lower() != "student":
                continue
            if not self._once(USERS, line, "user", user):
                continue
            if self._is_gone(USERS, line, row) or row.get("enableduser", "").lower() == "false":
                number, _ = self._known.users.pop(user, ("", ""))
                self._gone_users[user] = number
                continue
            given = (row.get("identifier", ""), row.get("username", ""), user)
            number = next((one for one in given if fit_number(one)), "")
            if not number:
                hint = "identifier, username or sourcedId: 1 to 20 letters, digits, hyphens"
                self._problems.add(USERS, line, "number_invalid", hint, what=given[0])
                continue
            if not self._once(USERS, line, "number", number):
                continue
            name = _name(row)
            wrong = name_problem(name)
            if wrong is not None:
                self._problems.add(USERS, line, *wrong, what=number)
                continue
            self._known.users[user] = (number, name)
            self._lines[user] = (USERS, line)
            self._renamed.add(user)

    def _read_classes(self) -> None:
        taken = {class_id: one for one, class_id in self._known.classes.items()}
        for line, row in self._rows(CLASSES, ("sourcedId", "title")):
            one = row.get("sourcedid", "")
            if not self._once(CLASSES, line, "class", one):
                continue
            if self._is_gone(CLASSES, line, row):
                class_id = self._known.classes.pop(one, "")
                if class_id:
                    self._gone_classes.add(class_id)
                continue
            if one in self._known.classes:
                continue  # it keeps the id that it has
            title, code = row.get("title", ""), row.get("classcode", "")
            names = (class_id_of(title), class_id_of(f"{title}-{code}"), class_id_of(one))
            class_id = next((name for name in names if name and name not in taken), "")
            if not class_id:
                hint = "give the class a title of its own"
                self._problems.add(CLASSES, line, "class_invalid", hint, what=title)
                continue
            if len(taken) == MAX_CLASSES:
                hint = f"at most {MAX_CLASSES} classes a file"
                self._problems.add(CLASSES, line, "classes_too_many", hint)
                return
            taken[class_id] = one
            self._known.classes[one] = class_id

    def _read_enrolments(self) -> set[str]:
        """The classes concerned."""
        touched: set[str] = set()
        homes = self._known.homes
        needed = ("sourcedId", "classSourcedId", "userSourcedId", "role")
        for line, row in self._rows(ENROLMENTS, needed):
            if row.get("role", "").lower() != "student":
                continue
            one = row.get("sourcedid", "")
            if not self._once(ENROLMENTS, line, "enrolment", one):
                continue
            before = homes.pop(one, None)
            if before is not None:
                self._left.append(before)
                touched.add(before[0])
            class_id = self._known.classes.get(row.get("classsourcedid", ""), "")
            user = row.get("usersourcedid", "")
            if self._is_gone(ENROLMENTS, line, row):
                if before is None and class_id:
                    self._left.append((class_id, user))
                    touched.add(class_id)
                continue
            if not class_id:
                hint = "no class of the files has this classSourcedId"
                self._problems.add(ENROLMENTS, line, "class_unknown_here", hint)
                continue
            if user not in self._known.users:
                if user not in self._gone_users:
                    hint = "no student of the files has this userSourcedId"
                    self._problems.add(ENROLMENTS, line, "user_unknown", hint)
                continue
            homes[one] = (class_id, user)
            self._lines.setdefault(user, (ENROLMENTS, line))
            touched.add(class_id)
        return touched

    def _classes(self, touched: set[str], whole: bool) -> list[ReadClass]:
        found = {
            class_id: ReadClass(class_id=class_id, whole=whole)
            for class_id in sorted(touched - self._gone_classes)
        }
        there: set[tuple[str, str]] = set()
        count = 0
        for class_id, user in self._known.homes.values():
            one = found.get(class_id)
            if one is None or user not in self._known.users or (class_id, user) in there:
                continue
            there.add((class_id, user))
            number, name = self._known.users[user]
            file, line = self._lines.get(user, (USERS, 0))
            count += 1
            if len(one.students) == MAX_IN_CLASS or count > MAX_STUDENTS:
                hint = f"a class has at most {MAX_IN_CLASS} students, a file {MAX_STUDENTS}"
                self._problems.add(file, line, "roster_too_long", hint, what=class_id)
                break
            one.students.append(ReadStudent(number=number, name=name, file=file, line=line))
        for class_id, user in self._left:
            if class_id in found and (class_id, user) not in there:
                number = self._known.users.get(user, (self._gone_users.get(user, ""), ""))[0]
                found[class_id].gone.append(number)
        for one in found.values():
            one.gone.extend(number for number in self._gone_users.values() if number)
        return list(found.values())

    def _once(self, file: str, line: int, what: str, value: str) -> bool:
        if not value:
            self._problems.add(file, line, "id_missing", "the line has no sourcedId")
            return False
        key = f"{what} {value}"
        earlier = self._lines.setdefault(key, (file, line))
        if earlier != (file, line):
            code = "number_twice" if what == "number" else "id_twice"
            hint = f"it stands in line {earlier[1]} already"
            self._problems.add(file, line, code, hint, what=value)
            return False
        return True

    def _is_gone(self, file: str, line: int, row: Mapping[str, str]) -> bool:
        status = row.get("status", "").lower()
        if status not in ("", "active", "inactive", "tobedeleted"):
            self._problems.add(file, line, "status_unknown", "active or tobedeleted", what=status)
        return _retired(row)


def _retired(row: Mapping[str, str]) -> bool:
    return row.get("status", "").lower() in ("tobedeleted", "inactive")


def _name(row: Mapping[str, str]) -> str:
    """The name by which the student is called; some misspell the header of the preferred one."""

    def called(part: str) -> str:
        preferred = row.get(f"preferred{part}", "") or row.get(f"preffered{part}", "")
        preferred = preferred or row.get(f"prefferred{part}", "")
        return preferred or row.get(part, "")

    family, given = called("familyname"), called("givenname")
    if any(char >= _CJK_FROM for char in family + given):
        return family + given
    return f"{given} {family}".strip()
