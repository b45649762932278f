"""Firmware images: Intel HEX, ELF and BIN, parsed strictly; what they are for, and their hash.

Nothing here touches a file or a port. A file that is not wholly understood is refused: half of a
firmware is worse than none.
"""

import hashlib
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

from firmware_bridge.boards import BOARDS, KEYPADS, Board, Keypads
from firmware_bridge.flash_errors import ImageInvalid

MAX_FILE_BYTES = 1024 * 1024
ERASED = 0xFF
SEGMENT_BYTES = 0x1_0000
_IMPRINT_BEGIN, _IMPRINT_END = b"\x89CAFW\r\n\x1a", b"\x1aWFAC"
_IMPRINT = struct.Struct("<8sBB3s2s3sB5s")  # firmware/imprint.h
IMPRINT_FORMAT = 2
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_HEX_LINE = re.compile(r":([0-9A-Fa-f]{2})+")

_DATA, _END, _SEGMENT, _START_SEGMENT, _LINEAR, _START_LINEAR = range(6)
_PAYLOAD_BYTES = {_END: 0, _SEGMENT: 2, _START_SEGMENT: 4, _LINEAR: 2, _START_LINEAR: 4}
_ELF_HEADER = struct.Struct("<4sBBB9xHHIIIIIHHHHHH")
_ELF_PART = struct.Struct("<IIIIIIII")
_ELF_32_BIT, _ELF_LITTLE_ENDIAN, _ELF_AVR, _ELF_LOAD = 1, 1, 83, 1
_ELF_RAM_FROM = 0x80_0000
"""Where the linker puts what is not flash: RAM, EEPROM, fuses."""


Phase = Literal["asking", "entering", "writing", "verifying", "starting", "done"]


class FlashStep(NamedTuple):
    """How far flashing is.

    Attributes:
        percent: of writing or verifying, else 0.
        was: the version before; "" if none is known.
    """

    phase: Phase
    percent: int = 0
    was: str = ""


@dataclass(frozen=True)
class Chunk:
    """Bytes that follow each other in flash. `line` is where they began, in a file of lines."""

    address: int
    data: bytes
    line: int = 0

    @property
    def end(self) -> int:
        """The address behind the last byte."""
        return self.address + len(self.data)


@dataclass(frozen=True)
class FirmwareImage:
    """Firmware that may be written: checked, and known by its own imprint.

    Attributes:
        name: the file's, for people.
        firmware: its version.
        keypads: what its presses come from.
        chunks: by address, none touching another.
    """

    name: str
    sha256: str
    board: Board
    firmware: tuple[int, int, int]
    protocol: tuple[int, int]
    keypads: Keypads
    chunks: tuple[Chunk, ...]

    @property
    def version(self) -> str:
        """Its version in words."""
        return ".".join(map(str, self.firmware))

    @property
    def end(self) -> int:
        """The address behind its last byte."""
        return self.chunks[-1].end


def read_image(content: bytes, name: str, sha256: str) -> FirmwareImage:
    """The image in a file of this content.

    Args:
        content: of the file, as it is.
        name: of the file.
        sha256: what its SHA-256 must be: 64 hex digits, or a line as sha256sum writes it.

    Raises:
        ImageInvalid: what is wrong, and where.
    """
    if not content:
        raise ImageInvalid("image_empty", name, "the file is empty; build or fetch it again")
    if len(content) > MAX_FILE_BYTES:
        hint = f"{len(content)} bytes are more than any receiver holds; is it a firmware image?"
        raise ImageInvalid("image_too_large", name, hint)
    digest = _checked_hash(content, name, sha256)
    if content.startswith(b"\x7fELF"):
        found = _elf_chunks(content, name)
    elif content.lstrip().startswith(b":"):
        found = list(_hex_chunks(content, name))
    elif name.lower().endswith(".bin"):
        found = [Chunk(0, content)]
    else:
        hint = "it is neither Intel HEX nor ELF, and its name does not end in .bin"
        raise ImageInvalid("image_unknown", name, hint)
    chunks = _joined(found, name)
    if not chunks:
        raise ImageInvalid("image_empty", name, "it holds nothing for flash")
    image = _identified(chunks, name, digest)
    _check_room(found, image.board, name)
    return image


def _checked_hash(content: bytes, name: str, wanted: str) -> str:
    digest = hashlib.sha256(content).hexdigest()
    words = wanted.split()
    if not words or not _SHA256.fullmatch(words[0]):
        hint = "the SHA-256 must be 64 hex digits, as sha256sum writes them"
        raise ImageInvalid("hash_unreadable", name, hint)
    if words[0].lower() != digest:
        hint = (
            f"its SHA-256 is {digest}, and should be {words[0].lower()}: "
            "the file is damaged or another one; fetch it again"
        )
        raise ImageInvalid("hash_differs", name, hint)
    return digest


# -- Intel HEX ---------------------------------------------------------------------------------


def _hex_chunks(content: bytes, name: str) -> Iterator[Chunk]:
    base = 0
    ended = 0
    for number, raw in enumerate(content.splitlines(), 1):
        where = f"{name}:{number}"
        line = raw.decode("ascii", "replace").strip()
        if not line:
            continue
        if ended:
            hint = f"something follows the end, which line {ended} is"
            raise ImageInvalid("image_goes_on", where, hint)
        kind, address, data = _hex_record(line, where)
        if kind == _DATA:
            if address + len(data) > SEGMENT_BYTES:
                hint = "the line runs past the end of its 64 KiB segment"
                raise ImageInvalid("image_address", where, hint)
            if data:
                yield Chunk(base + address, data, number)
        elif kind == _END:
            ended = number
        elif kind == _SEGMENT:
            base = int.from_bytes(data, "big") << 4
        elif kind == _LINEAR:
            base = int.from_bytes(data, "big") << 16
    if not ended:
        hint = "the line that ends it (:00000001FF) is missing: the file was cut off"
        raise ImageInvalid("image_cut_off", name, hint)


def _hex_record(line: str, where: str) -> tuple[int, int, bytes]:
    if not _HEX_LINE.fullmatch(line):
        hint = "not a line of Intel HEX: a colon, then pairs of hex digits"
        raise ImageInvalid("image_line", where, hint)
    record = bytes.fromhex(line[1:])
    if len(record) < 5 or record[0] != len(record) - 5:  # noqa: PLR2004 (count, address, type, check)
        hint = "the line is shorter or longer than it says it is"
        raise ImageInvalid("image_line", where, hint)
    if sum(record) & 0xFF:
        right = -sum(record[:-1]) & 0xFF
        hint = f"the checksum is {record[-1]:02X}, and of this line it would be {right:02X}"
        raise ImageInvalid("image_checksum", where, hint)
    kind, data = record[3], record[4:-1]
    if kind > _START_LINEAR:
        raise ImageInvalid("image_line", where, f"there is no record type {kind:02X}")
    if len(data) != _PAYLOAD_BYTES.get(kind, len(data)):
        raise ImageInvalid("image_line", where, f"{len(data)} bytes make no record type {kind:02X}")
    return kind, int.from_bytes(record[1:3], "big"), data


# -- ELF ---------------------------------------------------------------------------------------


def _elf_chunks(content: bytes, name: str) -> list[Chunk]:
    try:
        _, bits, order, _, _, machine, _, _, at, _, _, _, size, count, *_ = _ELF_HEADER.unpack_from(
            content
        )
        if (bits, order, machine) != (_ELF_32_BIT, _ELF_LITTLE_ENDIAN, _ELF_AVR):
            hint = f"an ELF file for another machine ({machine}), not for AVR"
            raise ImageInvalid("image_foreign", name, hint)
        if size != _ELF_PART.size:
            raise ImageInvalid("image_elf", name, "its program headers have a strange size")
        parts = [_ELF_PART.unpack_from(content, at + number * size) for number in range(count)]
    except struct.error as error:
        raise ImageInvalid("image_cut_off", name, "its ELF headers are cut off") from error
    chunks = []
    for number, (kind, offset, _, address, held, *_) in enumerate(parts, 1):
        if kind != _ELF_LOAD or not held or address >= _ELF_RAM_FROM:
            continue
        if offset + held > len(content):
            where = f"{name}: part {number}"
            raise ImageInvalid("image_cut_off", where, "it ends before what it says it holds")
        chunks.append(Chunk(address, content[offset : offset + held], number))
    return chunks


# -- what it holds ------------------------------------------------------------------------------


def _joined(found: list[Chunk], name: str) -> tuple[Chunk, ...]:
    """By address, neighbours joined."""
    in_order = sorted(found, key=lambda one: one.address)
    for before, after in pairwise(in_order):
        if after.address < before.end:
            hint = f"address {after.address:#06x} is given twice, also by line {before.line}"
            raise ImageInvalid("image_overlap", f"{name}:{after.line}", hint)
    joined: list[tuple[int, bytearray]] = []
    for chunk in in_order:
        if joined and chunk.address == joined[-1][0] + len(joined[-1][1]):
            joined[-1][1].extend(chunk.data)
        else:
            joined.append((chunk.address, bytearray(chunk.data)))
    return tuple(Chunk(address, bytes(data)) for address, data in joined)


def _identified(chunks: tuple[Chunk, ...], name: str, digest: str) -> FirmwareImage:
    found = [(chunk, at) for chunk in chunks for at in _places(chunk.data, _IMPRINT_BEGIN)]
    if len(found) != 1:
        hint = "it bears no imprint of a receiver's firmware" if not found else "it bears several"
        raise ImageInvalid("image_no_receiver", name, f"{hint}; take an image made for receivers")
    chunk, at = found[0]
    bytes_ = chunk.data[at : at + _IMPRINT.size].ljust(_IMPRINT.size, b"\0")
    _, version, number, firmware, protocol, signature, presses, end = _IMPRINT.unpack(bytes_)
    if 0 < version < IMPRINT_FORMAT:
        hint = (
            "its imprint is an old one, which does not say for which keypads it is; build it anew"
        )
        raise ImageInvalid("image_old", name, hint)
    keypads = KEYPADS.get(presses)
    if version != IMPRINT_FORMAT or end != _IMPRINT_END or keypads is None:
        hint = "its imprint cannot be read; a newer agent may know it"
        raise ImageInvalid("image_no_receiver", name, hint)
    board = BOARDS.get(number)
    if board is None or board.tool == "none" or signature != board.signature:
        hint = f"it is for board {number} with the chip {signature.hex().upper()}, unknown here"
        raise ImageInvalid("image_board_unknown", name, hint)
    if chunks[0].address != 0:
        hint = "nothing lies at address 0, where the chip starts"
        raise ImageInvalid("image_address", name, hint)
    major, minor, patch = firmware
    return FirmwareImage(
        name, digest, board, (major, minor, patch), (protocol[0], protocol[1]), keypads, chunks
    )


def _places(data: bytes, what: bytes) -> Iterator[int]:
    at = data.find(what)
    while at >= 0:
        yield at
        at = data.find(what, at + 1)


def _check_room(found: list[Chunk], board: Board, name: str) -> None:
    limit = max(one.starts_at for one in board.bootloaders)
    for chunk in found:
        where = f"{name}:{chunk.line}" if chunk.line else name
        if chunk.end > board.flash_bytes:
            hint = f"it reaches {chunk.end:#06x}; {board.name} ends at {board.flash_bytes:#06x}"
            raise ImageInvalid("image_beyond_flash", where, hint)
        if chunk.end > limit:
            hint = f"it reaches {chunk.end:#06x}; the bootloader lies from {limit:#06x} on"
            raise ImageInvalid("image_over_bootloader", where, hint)


# -- what is written in which order ---------------------------------------------------------------


def split_first_page(image: FirmwareImage) -> tuple[bytes, tuple[Chunk, ...]]:
    """The first page, padded, and all the rest."""
    page_bytes = image.board.page_bytes
    first = bytearray([ERASED]) * page_bytes
    rest = []
    for chunk in image.chunks:
        if chunk.address < page_bytes:
            here = chunk.data[: page_bytes - chunk.address]
            first[chunk.address : chunk.address + len(here)] = here
            if len(here) < len(chunk.data):
                rest.append(Chunk(page_bytes, chunk.data[len(here) :]))
        else:
            rest.append(chunk)
    return bytes(first), tuple(rest)


def hex_text(chunks: tuple[Chunk, ...]) -> str:
    """As Intel HEX, for addresses below 64 KiB."""
    lines = []
    for chunk in chunks:
        for at in range(0, len(chunk.data), 16):
            piece = chunk.data[at : at + 16]
            record = bytes([len(piece)]) + (chunk.address + at).to_bytes(2, "big") + b"\0" + piece
            lines.append(f":{record.hex().upper()}{-sum(record) & 0xFF:02X}")
    return "\n".join([*lines, ":00000001FF", ""])
