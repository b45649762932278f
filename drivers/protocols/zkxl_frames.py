"""Binary frames of ZKXL/WHTY "DTQ" receivers.

Host and receiver: 5C TYPE SIGN(4) LEN DATA XOR CA, the xor over TYPE..DATA. SIGN is the host's
tag for what is going on, echoed in all that comes of it. Within DATA, receiver and clicker:
5A ID(4) RFU TYPE LEN DATA XOR CA, the xor over ID..DATA. Nothing is escaped: 5C and CA occur in
DATA, so a frame is known by its LEN and its xor, and one byte is dropped when they do not fit.
"""

from __future__ import annotations

from functools import reduce
from operator import xor
from typing import NamedTuple

START, INNER_START, END = 0x5C, 0x5A, 0xCA
OUTER_BYTES, INNER_BYTES = 9, 10
"""A frame without its DATA."""
HEAD_BYTES = 7
MAX_DATA_BYTES, MAX_INNER_BYTES = 240, 230
PAUSE_NS = 1_000_000_000
"""Nobody pauses so long within a frame: what is held is the beginning of none."""

SEND, UPLOAD, STOP = 0x10, 0x11, 0x12
ADD, DELETE, CLEAR, FILTER_ON, FILTER_OFF = 0x20, 0x21, 0x22, 0x23, 0x24
ATTEND, CARD, ATTEND_STOP = 0x25, 0x26, 0x27
LISTED, INFO, HEARTBEAT = 0x2B, 0x2C, 0x2E
NOT_DELIVERED, DELIVERED = 0x30, 0x31
FORWARD, BIND, BOUND, UPDATE = 0x40, 0x41, 0x42, 0x50
ERROR = 0xE0
ERROR_FULL = 0xFD
SHORT_BYTES = 16
INFO_BYTES = 64
LONG = {DELETE, LISTED, NOT_DELIVERED, DELIVERED, BOUND, UPDATE}
SHORT = {
    STOP, CLEAR, FILTER_ON, FILTER_OFF, ATTEND, ATTEND_STOP, HEARTBEAT, FORWARD, BIND, ERROR,
}  # fmt: skip

QUESTIONS = ANSWERS = 0x11
FINISH = 0x17
EVERYBODY = bytes(4)
SINGLE, MULTIPLE, JUDGE = 1, 2, 3
LETTERS = "ABCDEF"
CARD_BYTES = 25
PLACE_BYTES = 5
"""An entry of the delivery statistics: UPOS and UID."""
MAX_CLICKERS_IN_FRAME = 59


class Frame(NamedTuple):
    """One valid frame between host and receiver."""

    type: int
    sign: int
    data: bytes


class Inner(NamedTuple):
    """One valid frame between receiver and clicker."""

    id: bytes
    type: int
    data: bytes


def encode(frame: Frame) -> bytes:
    """A frame as it stands on the line."""
    body = bytes((frame.type,)) + frame.sign.to_bytes(4, "big")
    body += bytes((len(frame.data),)) + frame.data
    return b"\x5c" + body + bytes((reduce(xor, body), END))


def encode_inner(inner: Inner) -> bytes:
    """An inner frame, to be the DATA of another."""
    body = inner.id + bytes((0, inner.type, len(inner.data))) + inner.data
    return b"\x5a" + body + bytes((reduce(xor, body), END))


def decode_inner(data: bytes) -> Inner | None:
    """The inner frame that `data` is, all of it; None if it is none."""
    if len(data) < INNER_BYTES or data[0] != INNER_START or data[-1] != END:
        return None
    if data[7] != len(data) - INNER_BYTES or data[7] > MAX_INNER_BYTES:
        return None
    if reduce(xor, data[1:-1]) != 0:
        return None
    return Inner(data[1:5], data[6], data[8:-2])


def question(number: int, kind: int, options: int) -> bytes:
    """The DATA of the inner frame that asks one question. `kind`: SINGLE, MULTIPLE or JUDGE."""
    mask = (1 << min(options, len(LETTERS))) - 1
    return bytes((1, number, kind << 6 | mask))


def answers(data: bytes) -> list[tuple[int, str]] | None:
    """Numbers and keys that a clicker sends; None if this is no such DATA.

    A question that was left out has no key, and is left out here.
    """
    if not data or len(data) != 1 + 2 * data[0]:
        return None
    found = []
    for number, said in zip(data[1::2], data[2::2], strict=True):
        kind, mask = said >> 6, said & 0x3F
        if kind == JUDGE:
            key = {1: "true", 2: "false"}.get(mask, "")
        elif kind in (SINGLE, MULTIPLE):
            key = "".join(letter for bit, letter in enumerate(LETTERS) if mask >> bit & 1)
        else:
            key = ""
        if key:
            found.append((number, key))
    return found


def may_begin(held: bytes, at: int) -> bool:
    """Whether a frame may begin at `at` (5C), by as much of its head as is there.

    A head that no receiver sends is found out early, so that it holds up no frame behind it.
    """
    if len(held) - at < HEAD_BYTES:
        return len(held) - at < 2 or held[at + 1] in _LENGTHS  # noqa: PLR2004
    kind, length = held[at + 1], held[at + 6]
    if kind not in _LENGTHS or length > _LENGTHS[kind]:
        return False
    inner = held[at + HEAD_BYTES : at + HEAD_BYTES + 8]
    if kind == UPLOAD or (kind == SEND and length > SHORT_BYTES // 2):
        return inner[:1] in (b"", b"\x5a") and (
            len(inner) < 8 or inner[7] == length - INNER_BYTES  # noqa: PLR2004
        )
    if kind == ADD and length > SHORT_BYTES:
        return not inner or length == 1 + 4 * inner[0]
    return kind != CARD or length == CARD_BYTES


_LENGTHS = (
    dict.fromkeys(LONG | {SEND, UPLOAD, ADD}, MAX_DATA_BYTES)
    | dict.fromkeys(SHORT, SHORT_BYTES)
    | {CARD: CARD_BYTES, INFO: INFO_BYTES}
)


class FrameFinder:
    """Takes frames off the front of what is held; says how much of it is no frame."""

    def find(self, held: bytes, at: int) -> tuple[Frame | None, int]:
        """The frame that begins at `at` (5C) and its size.

        (None, 0) if it is not all there yet, (None, 1) if none begins here.
        """
        if not may_begin(held, at):
            return None, 1
        if len(held) - at < HEAD_BYTES:
            return None, 0
        size = OUTER_BYTES + held[at + 6]
        if len(held) - at < size:
            return None, 0
        body = held[at + 1 : at + size - 1]
        if held[at + size - 1] != END or reduce(xor, body) != 0:
            return None, 1
        return Frame(body[0], int.from_bytes(body[1:5], "big"), body[6:-1]), size
