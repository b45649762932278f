"""On which line of a TOML file a key stands. The parser in Python's library does not say."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

KeyPath = tuple[str | int, ...]
"""("devices", 0, "port"): keys of tables and indices of arrays, from the top."""


class KeyLines:
    """Lines of the keys of one file that the parser has accepted."""

    def __init__(self, text: str) -> None:
        """Take the file's text.

        Every beginning of the file that is TOML by itself is parsed; the keys that one has more
        than the one before it were written in between. Slow, exact, and only for error messages.
        """
        self._lines: dict[KeyPath, int] = {}
        lines = text.splitlines()
        begin = 1
        for number in range(1, len(lines) + 1):
            try:
                document = tomllib.loads("\n".join(lines[:number]))
            except tomllib.TOMLDecodeError:
                continue  # in the midst of a value of several lines
            for path in _paths(document):
                self._lines.setdefault(path, begin)
            begin = number + 1

    def find(self, path: Sequence[str | int]) -> int | None:
        """The line of a key; of the table around it, if the key is not there."""
        for length in range(len(path), 0, -1):
            line = self._lines.get(tuple(path[:length]))
            if line is not None:
                return line
        return None


def _paths(value: Any, above: KeyPath = ()) -> Iterator[KeyPath]:
    inner: Sequence[tuple[str | int, Any]] = ()
    if isinstance(value, Mapping):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    for key, below in inner:
        yield (*above, key)
        yield from _paths(below, (*above, key))
