"""What the journal refuses, named for who must react."""

from __future__ import annotations


class JournalError(Exception):
    """The root of this package's errors.

    Attributes:
        code: a stable word.
        where: the file.
        hint: what to do, in English.
    """

    def __init__(self, code: str, where: str, hint: str) -> None:
        super().__init__(f"{where}: {code}: {hint}")
        self.code = code
        self.where = where
        self.hint = hint


class CommitFailed(JournalError, OSError):
    """Nothing of this group is on disk; it may be tried again."""


class GivenUnfit(JournalError, ValueError):
    """What was given must be corrected: a file or a folder. Nothing was changed."""


class JournalUnusable(JournalError, ValueError):
    """A person must act: a newer agent's file, another agent that holds it, a failing disk."""


class JournalDamaged(JournalUnusable):
    """SQLite cannot read the file: it is to be set aside and salvaged."""
