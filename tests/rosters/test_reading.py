"""Files as schools and strangers send them, to classes and problems."""

from __future__ import annotations

import io
import struct
import zipfile
from datetime import datetime
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.rosters import reading
from agent.rosters.model import MAX_FILE_BYTES, MAX_UNPACKED_BYTES, Known, Read
from agent.rosters.process import Given, read_apart

TEXT = "学号,姓名,班级,答题器,卡号\n01,赵一,七3,AA,04A3\n02,钱二,七4,,\n"


def read(data: bytes, name: str = "七年级.csv", known: Known | None = None) -> Read:
    return reading.read(Given(name=name, data=data, known=known or Known()))


def people(found: Read) -> dict[str, list[tuple[str, str]]]:
    return {one.class_id: [(who.number, who.name) for who in one.students] for one in found.classes}


def told(found: Read) -> list[tuple[int, str]]:
    return [(one.line, one.code) for one in found.problems]


def zipped(files: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def workbook(sheets: dict[str, list[list[Any]]], merged: str = "") -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        if merged and len(rows) > 2:
            sheet.merge_cells(merged)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"]
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_text_is_read_as_spreadsheets_save_it(encoding: str, delimiter: str) -> None:
    found = read(TEXT.replace(",", delimiter).encode(encoding))
    assert people(found) == {"七3": [("01", "赵一")], "七4": [("02", "钱二")]}
    assert (found.problems, found.classes[0].students[0].cards) == ([], ["04A3"])


def test_titles_two_header_rows_and_empty_lines_are_no_trouble() -> None:
    text = (
        "七年级名单,,,\n\n学号,姓名,设备,\n,,答题器1,答题器2\n\n01,赵一,AA、AC,AB\n,,,\n02,钱二\n"
    )
    found = read(text.encode())
    assert people(found) == {"七年级": [("01", "赵一"), ("02", "钱二")]}
    assert found.classes[0].students[0].keypads == ["AA", "AC", "AB"]
    assert found.problems == []


def test_every_problem_has_its_line_and_the_rest_can_be_taken() -> None:
    text = (
        "number;name;keypad;card;shoe size\n01;A;AA;\n02;B;aa;\n01;C\n03;<b>D</b>\n;E\n04;F;;zz\n"
        '05;"G\n06;\n'
    )
    found = read(text.encode(), "7-3.csv")
    assert told(found) == [
        (8, "line_broken"),
        (1, "column_unknown"),
        (3, "keypad_twice"),
        (4, "number_twice"),
        (5, "name_markup"),
        (6, "number_missing"),
        (7, "card_invalid"),
        (9, "name_missing"),
    ]
    assert [one.code for one in found.problems if one.note] == ["column_unknown"]
    (one,) = found.classes
    assert people(found) == {"7-3": [("01", "A"), ("02", "B"), ("04", "F")]}
    assert [who.keypads for who in one.students] == [[], [], []]
    assert (one.kept, one.unsure) == (["03", "06"], True)


def test_a_workbook_gives_its_sheets_and_names_what_excel_made_of_cells() -> None:
    data = workbook(
        {
            "七3": [
                ["名单", None, None], ["学号", "姓名", "答题器"], [None, None, None],
                [7, "赵一", 12], ["08", "钱二", "=A1"], [1234567890123456789, "孙三", None],
                ["10", "李四", datetime(1900, 1, 3)],  # noqa: DTZ001 (as Excel keeps it)
            ],
            "八1": [["学号", "姓名"], ["01", "周五"]],
        },
        "A1:C1",
    )  # fmt: skip
    found = read(data, "x.xlsx")
    assert people(found)["八1"] == [("01", "周五")]
    assert people(found)["七3"] == [("7", "赵一"), ("08", "钱二"), ("10", "李四")]
    assert told(found) == [
        (5, "cell_formula"),
        (6, "cell_rounded"),
        (7, "cell_date"),
        (6, "number_missing"),
        (7, "keypad_invalid"),
    ]
    assert found.problems[0].file == "x.xlsx · 七3"


BULK: dict[str, str | bytes] = {
    "export/Manifest.csv": "propertyName,value\noneroster.version,1.1\nfile.users,bulk\n"
    "file.classes,bulk\nfile.enrollments,bulk\n",
    "export/users.csv": "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,"
    "userIds,givenName,familyName,middleName,identifier,password\n"
    "u1,,1/05/2023,true,o,student,,,一,赵,,01,secret-word\n"
    "u2,active,,true,o,student,jane,,Jane,Doe,,,\nt1,,,true,o,teacher,t,,T,T,,,\n",
    "export/classes.csv": "sourcedId,status,dateLastModified,title,classCode\nc1,,,七年级 3班,\n",
    "export/enrollments.csv": "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,"
    "userSourcedId,role\ne1,,,c1,o,u1,student\ne2,,,c1,o,u2,student\ne3,,,c1,o,t1,teacher\n",
}


def test_oneroster_is_read_full_then_delta() -> None:
    full = read(zipped(BULK), "or.zip")
    assert full.problems == []
    assert people(full) == {"七年级-3班": [("01", "赵一"), ("jane", "Jane Doe")]}
    assert "secret-word" not in repr(full)
    delta = {
        "manifest.csv": "propertyName,value\noneroster.version,1.1\nfile.users,delta\n"
        "file.classes,absent\nfile.enrollments,delta\n",
        "users.csv": "sourcedId,status,role,username,givenName,familyName,identifier\n"
        "u1,active,student,,二,赵,01\nu3,active,student,,三,孙,03\n",
        "enrollments.csv": "sourcedId,status,classSourcedId,userSourcedId,role\n"
        "e2,tobedeleted,c1,u2,student\ne4,active,c1,u3,student\n",
    }
    changed = read(zipped(dict(delta)), "or.zip", full.known)
    (one,) = changed.classes
    assert people(changed) == {"七年级-3班": [("01", "赵二"), ("03", "孙三")]}
    assert (one.whole, one.gone, changed.problems) == (False, ["jane"], [])


def test_oneroster_1_2_has_roles_apart_and_preferred_names() -> None:
    files: dict[str, str | bytes] = {
        "manifest.csv": "propertyName,value\noneroster.version,1.2\nfile.users,bulk\n"
        "file.classes,bulk\nfile.enrollments,bulk\nfile.roles,bulk\n",
        "users.csv": "sourcedId,status,username,givenName,familyName,prefferedGivenName\n"
        "u1,,amy,Amelia,Li,Amy\nu2,,tom,T,T,\n",
        "roles.csv": "sourcedId,userSourcedId,roleType,role\nr1,u1,primary,student\n"
        "r2,u2,primary,teacher\n",
        "classes.csv": "sourcedId,title\nc1,7-3\n",
        "enrollments.csv": "sourcedId,classSourcedId,userSourcedId,role\n"
        "e1,c1,u1,student\ne2,c9,u1,student\ne3,c1,u9,student\n",
    }
    found = read(zipped(files), "or.zip")
    assert people(found) == {"7-3": [("amy", "Amy Li")]}
    assert told(found) == [(3, "class_unknown_here"), (4, "user_unknown")]
    assert found.whole_or_nothing


def bomb() -> bytes:
    return zipped({"users.csv": b"0" * (MAX_UNPACKED_BYTES + 1)})


def lying_zip() -> bytes:
    """A zip whose directory declares 10 bytes of 40 MB."""
    data = bytearray(zipped({"list.csv": b"0" * (40 << 20)}))
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 10)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "roster_empty"),
        (b"number,name\n", "roster_empty"),
        (b"\x89PNG\r\n" + b"x" * 99, "not_a_roster"),
        (b"x" * (MAX_FILE_BYTES + 1), "too_large"),
        (b"\xd0\xcf\x11\xe0", "xls_old"),
        (b"\xff\xff\xff\x00", "encoding_unknown"),
        (b"PK\x03\x04 and no more", "zip_damaged"),
        (zipped({"../../etc/list.csv": TEXT}), "zip_path"),
        (zipped({"a/list.csv": TEXT, "b/list.csv": TEXT}), "zip_twice"),
        (zipped({"page.html": TEXT}), "not_a_roster"),
        (zipped({"[Content_Types].xml": "", "xl/workbook.xml": "<x"}), "xlsx_damaged"),
        (zipped({"manifest.csv": "propertyName,value\noneroster.version,9\n"}), "version_unknown"),
    ],
)
def test_what_is_no_roster_is_refused_in_its_own_word(data: bytes, code: str) -> None:
    found = read(data)
    assert (found.classes, found.problems[0].code) == ([], code)


def test_bombs_are_not_unpacked() -> None:
    assert read(bomb()).problems[0].code == "zip_too_large"
    assert read(lying_zip()).problems[0].code == "zip_damaged"
    huge = zipped({"[Content_Types].xml": "", "xl/workbook.xml": b" " * (MAX_UNPACKED_BYTES + 1)})
    assert read(huge).problems[0].code == "zip_too_large"


def test_a_workbook_that_names_entities_without_end_is_refused() -> None:
    good = workbook({"七3": [["学号", "姓名"], ["01", "赵一"]]})
    lol = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        files: dict[str, str | bytes] = {one: archive.read(one) for one in archive.namelist()}
    sheet = files["xl/worksheets/sheet1.xml"]
    assert isinstance(sheet, bytes)
    files["xl/worksheets/sheet1.xml"] = lol.encode() + sheet
    assert told(read(zipped(files), "x.xlsx")) == [(0, "xlsx_damaged")]


async def test_a_file_is_read_in_a_process_of_its_own() -> None:
    given = Given(name="x.csv", data=TEXT.encode())
    assert await read_apart(given) == reading.read(given)


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    found = read(data)
    assert found.problems or found.classes
    for one in found.classes:
        numbers = [who.number for who in one.students]
        assert len(set(numbers)) == len(numbers)
