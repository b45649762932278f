"""A file to classes: what kind of file it is, and the process that reads it."""

from __future__ import annotations

import sys

import msgspec

from agent.rosters.lists import class_id_of, read_lists
from agent.rosters.model import Problems, Read, Unreadable
from agent.rosters.oneroster import is_oneroster, read_oneroster
from agent.rosters.process import Given
from agent.rosters.tables import ZIP, Table, check_size, read_text, unzip
from agent.rosters.workbook import read_workbook

MEMORY_BYTES = 512 * 1024 * 1024
CPU_S = 40


def read(given: Given) -> Read:
    """What a file says, with every problem. Blocks."""
    problems = Problems()
    name = given.name or "roster"
    try:
        check_size(given.data, name)
        result = _read(given, name, problems)
        if not result.classes and not problems.told:
            raise Unreadable(name, "roster_empty", "the list has no student")
    except Unreadable as error:
        result = Read()
        problems.told.insert(0, error.problem)
    result.problems, result.more_problems = problems.told, problems.more
    return result


def _read(given: Given, name: str, problems: Problems) -> Read:
    fallback = given.class_id or class_id_of(name.rpartition(".")[0] or name)
    if not given.data.startswith(ZIP):
        return read_lists([read_text(given.data, name, problems)], fallback, problems)
    if b"xl/workbook.xml" in given.data and b"[Content_Types].xml" in given.data:
        return read_lists(read_workbook(given.data, name, problems), fallback, problems)
    files = unzip(given.data, name)
    if is_oneroster(files):
        return read_oneroster(files, given.known, problems)
    tables: list[Table] = []
    for one, data in files.items():
        if one.endswith((".csv", ".txt", ".tsv")):
            tables.append(read_text(data, f"{name} · {one.rpartition('.')[0]}", problems))
        elif one.endswith(".xlsx"):
            tables += read_workbook(data, one, problems)
    if not tables:
        raise Unreadable(name, "not_a_roster", "there is no CSV and no xlsx in it")
    return read_lists(tables, fallback, problems)


def _main() -> None:
    import resource  # noqa: PLC0415 (of this process alone)

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    given = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Given)
    sys.stdout.buffer.write(msgspec.msgpack.encode(read(given)))


if __name__ == "__main__":
    _main()
