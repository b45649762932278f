from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.lesson.roster import (
    MAX_STUDENTS,
    LineProblem,
    RosterEntry,
    RosterInvalid,
    parse_roster,
)

TWO = [RosterEntry("01", "赵一"), RosterEntry("02", "Li Er")]


def problems(text: str) -> list[tuple[int, str]]:
    with pytest.raises(RosterInvalid) as caught:
        parse_roster(text.encode())
    assert caught.value.code == "roster_invalid"
    assert caught.value.where == f"line {caught.value.problems[0].line}"
    return [(one.line, one.code) for one in caught.value.problems]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("header", ["", "学号,姓名\n", "number,name\n", "NUMBER , Name\n"])
def test_a_list_is_read_as_schools_save_it(encoding: str, line_end: str, header: str) -> None:
    text = f"{header}01,赵一\n02,Li Er\n".replace("\n", line_end)
    assert parse_roster(text.encode(encoding)) == TWO


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_semicolons_and_tabs_part_cells_too(delimiter: str) -> None:
    assert parse_roster(f"01{delimiter}赵一\n02{delimiter}Li Er".encode()) == TWO


def test_columns_may_stand_in_any_order_under_their_names() -> None:
    text = "姓名,卡号,学号,答题器,备注\n赵一,04 a3:b2-c1,01,82e9701b,\n"
    entry = RosterEntry("01", "赵一", keypad="82E9701B", card="04A3B2C1")
    assert parse_roster(text.encode()) == [entry]


def test_without_a_header_the_order_is_number_name_keypad_card() -> None:
    entries = parse_roster("01,赵一,82e9701b,04a3\n02,Li Er,,\n".encode())
    assert entries == [RosterEntry("01", "赵一", "82E9701B", "04A3"), RosterEntry("02", "Li Er")]


def test_blank_lines_count_as_lines_but_not_as_students() -> None:
    assert parse_roster("\n01,赵一\n\n,\n02,Li Er\n\n".encode()) == TWO
    assert problems("\n01,赵一\n\n02,\n") == [(4, "name_missing")]


def test_a_quoted_name_may_hold_the_delimiter() -> None:
    assert parse_roster(b'7,"Doe, Jane"\n') == [RosterEntry("7", "Doe, Jane")]


def test_full_width_digits_are_digits() -> None:
    assert parse_roster("\uff10\uff11，赵一\n".encode()) == [RosterEntry("01", "赵一")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [(1, "roster_empty")]),
        ("number,name\n", [(1, "roster_empty")]),
        ("01,A\n02\n", [(2, "name_missing")]),
        ("01,A\n,B\n", [(2, "number_missing")]),
        ("01,A\n01,B\n", [(2, "number_twice")]),
        ("01,A,AB\n02,B,ab\n", [(2, "keypad_twice")]),
        ("01,A,,AB\n02,B,,a b\n", [(2, "card_twice")]),
        ("01,A,XY\n", [(1, "keypad_invalid")]),
        ("01,A,,no card\n", [(1, "card_invalid")]),
        ("1/2,A\n", [(1, "number_invalid")]),
        ("01," + "x" * 41, [(1, "name_invalid")]),
        ("01,A\x00B\n", [(1, "name_invalid")]),
        ("01,A,,,more\n", [(1, "too_many_cells")]),
        ('01,"A\n02,B\n', [(1, "line_broken")]),
        ('01,A\n02,"B"x\n', [(2, "line_broken")]),
    ],
)
def test_a_broken_line_is_named(text: str, expected: list[tuple[int, str]]) -> None:
    assert problems(text) == expected


def test_every_broken_line_is_named_at_once() -> None:
    text = "number,name,keypad\n01,A,AA\n01,,AA\nx y,B,\n"
    assert problems(text) == [
        (3, "number_twice"),
        (3, "name_missing"),
        (3, "keypad_twice"),
        (4, "number_invalid"),
    ]


def test_a_class_has_a_bound() -> None:
    lines = [f"{number},N{number}" for number in range(MAX_STUDENTS + 1)]
    assert len(parse_roster("\n".join(lines[:-1]).encode())) == MAX_STUDENTS
    assert problems("\n".join(lines)) == [(MAX_STUDENTS + 1, "roster_too_long")]


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(RosterInvalid) as caught:
        parse_roster(b"\xff\xff\xff\x00")
    assert caught.value.problems == [
        LineProblem(1, "encoding_unknown", caught.value.problems[0].hint)
    ]


@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    try:
        entries = parse_roster(data)
    except RosterInvalid:
        return
    assert entries
    assert len({one.number for one in entries}) == len(entries)
    assert all(one.name.strip() for one in entries)
