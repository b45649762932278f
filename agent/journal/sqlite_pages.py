"""Records out of the raw pages of an SQLite file, for when SQLite itself gives up on it. Pure.

Every page is looked at by itself, so neither a header nor the pages above it need be whole. What a
page says is checked as far as its form goes; whether the values make sense, the caller knows.
The format: https://www.sqlite.org/fileformat2.html.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

Value = int | float | str | bytes | None
PageOf = Callable[[int], bytes | None]
"""A page by its number, from 1; None if there is none."""

FILE_MAGIC = b"SQLite format 3\x00"
FILE_HEADER_BYTES = 100
PAGE_SIZES = (512, 1024, 4096, 2048, 8192, 16384, 32768, 65536)
TABLE_LEAF = 13
INDEX_LEAF = 10
WAL_HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24
WAL_MAGICS = (0x377F0682, 0x377F0683)
MAX_COLUMNS = 64
MAX_OVERFLOW_BYTES = 1 << 26
_INTEGER_BYTES = (0, 1, 2, 3, 4, 6, 8)
_FLOAT, _ZERO, _ONE, _FIRST_BLOB = 7, 8, 9, 12


class BadPage(ValueError):
    """The page is none, or was overwritten."""


class Cell(NamedTuple):
    """One record. `rowid` is None in a table without row ids."""

    rowid: int | None
    values: tuple[Value, ...]


class Frame(NamedTuple):
    """One page in a write-ahead log. `committed`: it ends a transaction."""

    page: int
    committed: bool
    data: bytes


def file_page_bytes(header: bytes) -> int | None:
    """The size of a page by the file's header; None if the header is destroyed."""
    if not header.startswith(FILE_MAGIC):
        return None
    page_bytes = int.from_bytes(header[16:18], "big")
    page_bytes = 65536 if page_bytes == 1 else page_bytes
    return page_bytes if page_bytes in PAGE_SIZES else None


def cells(page: bytes, page_of: PageOf, *, first_page: bool = False) -> Iterator[Cell]:
    """The records of a leaf, in their order; none for other pages.

    Raises:
        BadPage: it was overwritten; what was given before may be used.
    """
    start = FILE_HEADER_BYTES if first_page else 0
    kind = page[start] if len(page) > start + 8 else 0
    if kind not in (TABLE_LEAF, INDEX_LEAF):
        return
    count = page[start + 3] << 8 | page[start + 4]
    pointers = start + 8
    if pointers + 2 * count > len(page):
        raise BadPage("more cells than fit")
    for place in range(pointers, pointers + 2 * count, 2):
        offset = page[place] << 8 | page[place + 1]
        if not pointers + 2 * count <= offset < len(page):
            raise BadPage("a cell outside the page")
        try:
            size_bytes, offset = _varint(page, offset)
            rowid = None
            if kind == TABLE_LEAF:
                rowid, offset = _varint(page, offset)
            payload = _payload(page, offset, size_bytes, page_of, table=kind == TABLE_LEAF)
            yield Cell(rowid, _record(payload))
        except (IndexError, struct.error, UnicodeDecodeError) as error:
            raise BadPage(str(error)) from error


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of 1 to 9 bytes, and where what follows begins."""
    value = 0
    for index in range(8):
        byte = data[at + index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004 (the last byte)
            return value, at + index + 1
    value = value << 8 | data[at + 8]
    return (value - (1 << 64) if value >> 63 else value), at + 9


def _payload(page: bytes, at: int, size_bytes: int, page_of: PageOf, *, table: bool) -> bytes:
    """A cell's bytes, its overflow pages included."""
    usable = len(page)
    most = usable - 35 if table else (usable - 12) * 64 // 255 - 23
    if not 0 < size_bytes <= MAX_OVERFLOW_BYTES:
        raise BadPage("no record is of this size")
    if size_bytes <= most:
        if at + size_bytes > usable:
            raise BadPage("a record beyond the page")
        return page[at : at + size_bytes]
    least = (usable - 12) * 32 // 255 - 23
    local = least + (size_bytes - least) % (usable - 4)
    local = local if local <= most else least
    gathered = bytearray(page[at : at + local])
    following = int.from_bytes(page[at + local : at + local + 4], "big")
    while len(gathered) < size_bytes:
        more = page_of(following)
        if more is None or len(more) != usable:
            raise BadPage("the rest of a record is missing")
        gathered += more[4 : 4 + size_bytes - len(gathered)]
        following = int.from_bytes(more[:4], "big")
    return bytes(gathered)


def _record(payload: bytes) -> tuple[Value, ...]:
    header_bytes, at = _varint(payload, 0)
    if not at <= header_bytes <= len(payload) or header_bytes > 9 * MAX_COLUMNS:
        raise BadPage("no header of a record")
    kinds: list[int] = []
    while at < header_bytes:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    values: list[Value] = []
    at = header_bytes
    for kind in kinds:
        value: Value
        if kind >= _FIRST_BLOB:
            end = at + (kind - _FIRST_BLOB) // 2
            raw = payload[at:end]
            value = raw.decode() if kind & 1 else raw
        elif kind < _FLOAT and kind >= 0:
            end = at + _INTEGER_BYTES[kind]
            value = int.from_bytes(payload[at:end], "big", signed=True) if kind else None
        elif kind == _FLOAT:
            end = at + 8
            value = struct.unpack_from(">d", payload, at)[0]
        elif kind in (_ZERO, _ONE):
            end, value = at, kind - _ZERO
        else:
            raise BadPage("no type is of this number")
        if end > len(payload):
            raise BadPage("a value beyond its record")
        values.append(value)
        at = end
    if at != len(payload):
        raise BadPage("bytes behind the record")
    return tuple(values)


# -- the write-ahead log --------------------------------------------------------------------------


class Wal(NamedTuple):
    """What a log holds.

    Attributes:
        page_bytes: the size of a page.
        durable: the frames of whole transactions, whose checksums fit, in order.
        others: frames behind these: of a transaction that was cut off, or behind damage.
    """

    page_bytes: int
    durable: list[Frame]
    others: list[Frame]


def read_wal(data: bytes, page_bytes: int | None) -> Wal | None:
    """The frames of a log's newest use; None if it holds none.

    `page_bytes` is what the file's header says; needed where that of the log is destroyed.
    """
    header = struct.unpack_from(">8I", data) if len(data) >= WAL_HEADER_BYTES else (0,) * 8
    order = ">" if header[0] == WAL_MAGICS[1] else "<"
    whole = header[0] in WAL_MAGICS and header[6:] == wal_checksum(data[:24], (0, 0), order)
    page_bytes = header[2] if whole else page_bytes
    if page_bytes is None or page_bytes not in PAGE_SIZES:
        return None
    durable: list[Frame] = []
    others: list[Frame] = []
    salts = header[4:6] if whole else None
    sums: tuple[int, int] | None = header[6:] if whole else None
    whole_transactions = 0
    for at in range(
        WAL_HEADER_BYTES, len(data) - FRAME_HEADER_BYTES - page_bytes + 1, page_bytes + 24
    ):
        page, pages, *of_frame = struct.unpack_from(">6I", data, at)
        if salts is not None and tuple(of_frame[:2]) != salts:
            sums = None
            continue
        frame = Frame(page, pages != 0, data[at + 24 : at + 24 + page_bytes])
        if sums is not None:
            sums = wal_checksum(frame.data, wal_checksum(data[at : at + 8], sums, order), order)
            if sums != tuple(of_frame[2:]):
                sums = None
        if sums is None:
            others.append(frame)
            continue
        durable.append(frame)
        if frame.committed:
            whole_transactions = len(durable)
    return Wal(page_bytes, durable[:whole_transactions], durable[whole_transactions:] + others)


def follows(frame: bytes, before: bytes, *, big_endian: bool) -> bool:
    """Whether a frame's checksum goes on from the one that the frame before it has.

    Both with their headers; `before` is empty where there is none.
    """
    if not before:
        return False
    order = ">" if big_endian else "<"
    sums = wal_checksum(frame[:8], struct.unpack(">2I", before[16:24]), order)
    sums = wal_checksum(frame[FRAME_HEADER_BYTES:], sums, order)
    return sums == struct.unpack(">2I", frame[16:24])


def wal_checksum(data: bytes, sums: tuple[int, int], order: str) -> tuple[int, int]:
    """The running checksum of a log over `data`, a multiple of 8 bytes."""
    one, two = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for index in range(0, len(words), 2):
        one = (one + words[index] + two) & 0xFFFFFFFF
        two = (two + words[index + 1] + one) & 0xFFFFFFFF
    return one, two
