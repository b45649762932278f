"""What a file can be refused for."""

from __future__ import annotations


class FileInvalid(ValueError):
    """A file that cannot be read, or may not be.

    Attributes:
        code: a stable word.
        hint: what to do, in English.
        line: from 1, where that is known; else 0.
    """

    def __init__(self, code: str, hint: str, line: int = 0) -> None:
        super().__init__(f"{code}: {hint}")
        self.code = code
        self.hint = hint
        self.line = line
