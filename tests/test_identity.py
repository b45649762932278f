from __future__ import annotations

import re
import stat
from datetime import date
from pathlib import Path

import pytest

from agent.identity import KEY_FILE, Identity, school_year

AUGUST = date(2026, 8, 31)
SEPTEMBER = date(2026, 9, 1)
JANUARY = date(2027, 1, 15)


def test_names_are_16_hex_digits_and_say_nothing() -> None:
    identity = Identity(b"k" * 32)
    student, card = identity.student("20260101", SEPTEMBER), identity.card("04A3B2C1")
    for name in (student, card):
        assert re.fullmatch("[0-9a-f]{16}", name)
    assert "20260101" not in student
    assert student != card


def test_a_pseudonym_lasts_a_school_year_which_turns_on_1_september() -> None:
    identity = Identity(b"k" * 32)
    assert identity.student("01", SEPTEMBER) == identity.student("01", JANUARY)
    assert identity.student("01", AUGUST) != identity.student("01", SEPTEMBER)
    assert (school_year(AUGUST), school_year(SEPTEMBER), school_year(JANUARY)) == (2025, 2026, 2026)


def test_another_school_has_other_names() -> None:
    one, other = Identity(b"k" * 32), Identity(b"l" * 32)
    assert one.student("01", SEPTEMBER) != other.student("01", SEPTEMBER)
    assert one.card("04A3") != other.card("04A3")


def test_a_card_is_the_same_however_its_uid_is_written() -> None:
    identity = Identity(b"k" * 32)
    assert identity.card("04a3b2c1") == identity.card("04A3B2C1")


def test_the_key_is_made_once_and_is_the_agents_alone(tmp_path: Path) -> None:
    first = Identity.load(tmp_path)
    file = tmp_path / KEY_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_bytes()) == 32
    assert Identity.load(tmp_path).student("01", JANUARY) == first.student("01", JANUARY)
    assert [one.name for one in tmp_path.iterdir()] == [KEY_FILE]


def test_an_empty_key_file_is_not_a_key(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_bytes(b"")
    with pytest.raises(ValueError, match="school-key"):
        Identity.load(tmp_path)
