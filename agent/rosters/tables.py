"""Files to tables: text of any usual encoding, and what lies in a zip. No file is written."""

from __future__ import annotations

import codecs
import csv
import io
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass, field

from agent.rosters.model import (
    MAX_COLUMNS,
    MAX_FILE_BYTES,
    MAX_FILES,
    MAX_ROWS,
    MAX_UNPACKED_BYTES,
    Problems,
    Unreadable,
)

ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
SAVE_AS_TEXT = "save it as CSV (UTF-8) or xlsx and send it again"


@dataclass
class Table:
    """Rows with their line numbers; cells are trimmed, full-width letters are narrow."""

    file: str
    rows: list[tuple[int, list[str]]] = field(default_factory=list)


def clean(cell: str) -> str:
    """A cell as it is compared and kept."""
    return unicodedata.normalize("NFKC", cell).strip()


def text_of(data: bytes, file: str) -> str:
    """Text of any encoding that spreadsheets write.

    Raises:
        Unreadable: it is none.
    """
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if data.startswith(mark):
            return _decoded(data, (encoding,), file)
    odd, even = data[1:400:2].count(0), data[0:400:2].count(0)
    if max(odd, even) > max(1, len(data[:400]) // 8):
        return _decoded(data, ("utf-16-le" if odd > even else "utf-16-be",), file)
    return _decoded(data, ("utf-8-sig", "gb18030"), file)


def _decoded(data: bytes, encodings: tuple[str, ...], file: str) -> str:
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise Unreadable(file, "encoding_unknown", SAVE_AS_TEXT)


def read_text(data: bytes, file: str, problems: Problems) -> Table:
    """A table from comma-, semicolon- or tab-separated text. A broken line is told and left out."""
    text = text_of(data, file).replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    first = 1
    delimiter = ""
    if lines[0].lower().startswith("sep=") and len(lines[0].strip()) == len("sep=,"):
        delimiter, first = lines[0].strip()[-1], 2
        del lines[0]
    if not delimiter:
        beginning = "\n".join(lines[:20])
        delimiter = max(",;\t，", key=beginning.count)
    table = Table(file)
    for number, line in enumerate(lines, start=first):
        if not line.strip():
            continue
        if len(table.rows) == MAX_ROWS:
            problems.add(file, number, "rows_too_many", f"at most {MAX_ROWS} lines are read")
            break
        try:  # a name holds no line break, so a line is a row
            row = next(csv.reader([line], delimiter=delimiter, strict=True), [])
        except csv.Error:
            hint = "a quotation mark is missing or misplaced"
            problems.add(file, number, "line_broken", hint)
            table.rows.append((number, []))
            continue
        if len(row) > MAX_COLUMNS:
            problems.add(file, number, "too_many_cells", f"at most {MAX_COLUMNS} cells a line")
            row = row[:MAX_COLUMNS]
        cells = [clean(cell) for cell in row]
        if any(cells):
            table.rows.append((number, cells))
    return table


def unzip(data: bytes, file: str) -> dict[str, bytes]:
    """What lies in a zip, by the name without its folders, in lower case.

    Nothing is written anywhere, so a name with `..` or `/` in it leads nowhere; it is refused
    all the same, since no honest program writes it.

    Raises:
        Unreadable: damaged, with a password, or larger than any roster.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _members(archive, file)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, zlib.error) as error:
        raise Unreadable(file, "zip_damaged", "pack it again, as an ordinary zip") from error
    except RuntimeError as error:  # zipfile's word for a password
        raise Unreadable(file, "zip_locked", "pack it again without a password") from error


def _members(archive: zipfile.ZipFile, file: str) -> dict[str, bytes]:
    entries = [one for one in archive.infolist() if not one.is_dir()]
    declared_bytes = sum(one.file_size for one in entries)
    if len(entries) > MAX_FILES or declared_bytes > MAX_UNPACKED_BYTES:
        raise Unreadable(file, "zip_too_large", "send only the files of the roster")
    found: dict[str, bytes] = {}
    for one in entries:
        parts = one.filename.replace("\\", "/").split("/")
        if ".." in parts or one.filename.startswith(("/", "\\")) or ":" in parts[0]:
            raise Unreadable(file, "zip_path", "a file in it has a path that leads out of it")
        name = parts[-1].lower()
        if name.startswith(".") or "__macosx" in parts[0].lower():
            continue
        if name in found:
            raise Unreadable(file, "zip_twice", f"{name[:40]} is in it twice")
        with archive.open(one) as member:  # never gives more than it declared
            found[name] = member.read()
    return found


def check_size(data: bytes, file: str) -> None:
    """Refuse what no roster is, before anything looks into it.

    Raises:
        Unreadable: empty, too large, or plainly another kind of file.
    """
    if not data:
        raise Unreadable(file, "roster_empty", "the file is empty")
    if len(data) > MAX_FILE_BYTES:
        hint = f"a roster has at most {MAX_FILE_BYTES // 1024 // 1024} MB"
        raise Unreadable(file, "too_large", hint)
    if data.startswith((b"\x89PNG", b"\xff\xd8\xff", b"%PDF", b"GIF8")):
        raise Unreadable(file, "not_a_roster", "send a CSV, xlsx or OneRoster zip")
    if data.startswith(OLE):
        raise Unreadable(file, "xls_old", "save it as xlsx (or CSV), without a password")
