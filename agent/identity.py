"""Names that say nothing: a student's pseudonym, a card's name. Both need the school's key.

The key comes with enrolment; a board that is not enrolled makes its own. What it names stays the
same for a school year, so that years can be joined only where the school does it on purpose.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import date
from pathlib import Path

from agent.errors import InputInvalid
from agent.private_file import write_private

KEY_BYTES = 32
NAME_CHARS = 16
SCHOOL_YEAR_MONTH = 9
KEY_FILE = "school-key"


class Identity:
    """Names students and cards by keyed hashes."""

    def __init__(self, school_key: bytes) -> None:
        """`school_key`: at least 32 bytes, the same on every board of the school."""
        self._key = school_key

    @classmethod
    def load(cls, data_dir: Path) -> Identity:
        """With the key of this board; made at the first start, readable by the agent alone."""
        return cls(secret_file(data_dir / KEY_FILE))

    def student(self, number: str, today: date) -> str:
        """The pseudonym of a student number in the school year of `today`: 16 hex digits."""
        return self._name(f"student/{number}/{school_year(today)}")

    def card(self, uid: str) -> str:
        """The name of a card, by its UID in upper-case hex: 16 hex digits."""
        return self._name(f"card/{uid.upper()}")

    def _name(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()[:NAME_CHARS]


def school_year(today: date) -> int:
    """The year in which the school year of a day began; it turns on 1 September."""
    return today.year if today.month >= SCHOOL_YEAR_MONTH else today.year - 1


def secret_file(path: Path) -> bytes:
    """The secret in a file; made at random, mode 0600, where there is none.

    Raises:
        InputInvalid: the file is cut short. A new secret would give everybody another name.
    """
    try:
        secret = path.read_bytes()
    except FileNotFoundError:
        secret = secrets.token_bytes(KEY_BYTES)
        write_private(path, secret)
    if len(secret) < KEY_BYTES:
        hint = f"it must hold {KEY_BYTES} bytes; restore it from a backup, or from enrolment"
        raise InputInvalid("secret_damaged", str(path), hint)
    return secret
