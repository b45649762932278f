"""The messages between receiver and host, as frozen structs, laid out as PROTOCOL.md says.

A body is a type byte and fields without padding; integers are little endian. message_table.py has
each message's layout in words.
"""

import struct
from enum import IntEnum
from struct import Struct
from typing import NamedTuple

import msgspec

from firmware_bridge.message_table import (
    MAX_KEY_BYTES,
    MAX_WIEGAND_BITS,
    PROTOCOL_MAJOR,
    MessageType,
)


class ProtocolError(Exception):
    """Root of what firmware_bridge raises."""


class Malformed(ProtocolError, ValueError):
    """A frame with a good CRC whose body is not what its type says: count it and go on."""


class OutcomeCode(IntEnum):
    """What became of a press; from 0x80 on it was rejected, and the clicker gets no tick."""

    ACCEPTED = 0x00
    CHANGED = 0x01
    REJECTED = 0x80
    NO_QUESTION_OPEN = 0x81
    QUESTION_CLOSED = 0x82
    OPTION_UNKNOWN = 0x83
    ONE_OPTION_ONLY = 0x84
    NUMBER_UNREADABLE = 0x85
    FIRST_ANSWER_COUNTS = 0x86
    STORAGE_FULL = 0x87


class QuestionKind(IntEnum):
    """What SHOW says is open."""

    NONE = 0
    SINGLE = 1
    TRUE_FALSE = 2
    MULTIPLE = 3
    NUMBER = 4
    BUZZ = 5


FOREIGN_HELLO_BYTES = 15
_HELLO = Struct("<BBB3sB8sHHIHHIIIB")
_HELLO_ENTRY = Struct("<BH")
_PRESSES = Struct("<BHIB")
_PRESS = Struct("<I4sB")
_TIME = Struct("<BBII")
_STATUS = Struct("<BHHIIIIIH")
_WIEGAND = Struct("<BBB8s")
_SWITCHES = Struct("<BB")
_TIME_REQUEST = Struct("<BB")
_SHOW = Struct("<BHBB")
_LOCATE = Struct("<BB")
_READERS = Struct("<BB")
_RADIO = Struct("<BB3s")


class Hello(msgspec.Struct, frozen=True):
    """Who the receiver is, sent on request and after every start."""

    protocol: tuple[int, int]
    firmware: tuple[int, int, int]
    board: int
    serial: bytes  # 8 bytes
    boot: int  # starts so far, from EEPROM
    ring_boot: int  # the start since which ring and clock have survived every reset
    clock_ticks: int
    ring_capacity: int  # presses
    ring_waiting: int  # presses
    first_seq: int  # of the oldest press in the ring, or of the next press to come
    refused: int  # presses refused since the ring was full; those clickers got no tick
    lost: int  # presses that lay in a ring found damaged
    table: tuple[tuple[int, int], ...]  # (message type, CRC of its layout line)

    @property
    def life(self) -> tuple[bytes, int]:
        """Names ring and clock: while it stays the same, sequence numbers go on."""
        return self.serial, self.ring_boot

    def encode(self) -> bytes:
        """The body that goes into a frame."""
        head = _HELLO.pack(
            MessageType.HELLO,
            *self.protocol,
            bytes(self.firmware),
            self.board,
            self.serial,
            self.boot,
            self.ring_boot,
            self.clock_ticks,
            self.ring_capacity,
            self.ring_waiting,
            self.first_seq,
            self.refused,
            self.lost,
            len(self.table),
        )
        return head + b"".join(_HELLO_ENTRY.pack(*entry) for entry in self.table)


class ForeignHello(msgspec.Struct, frozen=True):
    """HELLO of another major version: only these fields stay where they are for ever."""

    protocol: tuple[int, int]
    firmware: tuple[int, int, int]
    board: int
    serial: bytes


class Press(msgspec.Struct, frozen=True, gc=False):
    """One press of one keypad, named for ever by (receiver's serial, boot, seq)."""

    boot: int
    seq: int
    time_ticks: int  # receiver's clock, modulo 2**32
    keypad: str  # 8 upper-case hex digits, wire order
    key: str  # 0 to 12 printable ASCII characters; "" is a retraction


class Presses(msgspec.Struct, frozen=True):
    """Consecutive presses of one boot."""

    presses: tuple[Press, ...]

    def encode(self) -> bytes:
        """The body that goes into a frame."""
        first = self.presses[0]
        parts = [_PRESSES.pack(MessageType.PRESSES, first.boot, first.seq, len(self.presses))]
        for press in self.presses:
            key = press.key.encode("ascii")
            parts.append(_PRESS.pack(press.time_ticks, bytes.fromhex(press.keypad), len(key)))
            parts.append(key)
        return b"".join(parts)


class Time(msgspec.Struct, frozen=True):
    """Reply to TIME_REQUEST: the receiver's clock when that came and when this left."""

    token: int
    received_ticks: int
    sent_ticks: int

    def encode(self) -> bytes:
        """The body that goes into a frame."""
        return _TIME.pack(MessageType.TIME, self.token, self.received_ticks, self.sent_ticks)


class Status(msgspec.Struct, frozen=True):
    """Counters, and the number of the question that the receiver believes is open (0 = none)."""

    boot: int
    ring_waiting: int
    refused: int
    lost: int
    resent: int
    junk_frames: int
    overruns: int
    shown: int

    def encode(self) -> bytes:
        """The body that goes into a frame."""
        return _STATUS.pack(MessageType.STATUS, *msgspec.structs.astuple(self))


class Wiegand(msgspec.Struct, frozen=True):
    """One burst of bits on the two lines of a card reader, as it came: no parity was looked at."""

    number: int  # counts bursts since the start, modulo 256
    bits: str  # 1 to MAX_WIEGAND_BITS of "0" and "1"

    def encode(self) -> bytes:
        """The body that goes into a frame."""
        count = len(self.bits)
        data = int(self.bits, 2) << MAX_WIEGAND_BITS - count
        return _WIEGAND.pack(MessageType.WIEGAND, self.number, count, data.to_bytes(8, "big"))


class Switches(msgspec.Struct, frozen=True):
    """Which switches are closed: bit 0 is the first. Said when it changes, and now and then."""

    closed: int

    def encode(self) -> bytes:
        """The body that goes into a frame."""
        return _SWITCHES.pack(MessageType.SWITCHES, self.closed)


class HelloRequest(msgspec.Struct, frozen=True):
    """Ask for HELLO, and for every press in the ring again."""

    def encode(self) -> bytes:
        """The body that goes into a frame."""
        return bytes((MessageType.HELLO_REQUEST,))


class Outcomes(msgspec.Struct, frozen=True):
    """What became of consecutive presses of one boot: this is their acknowledgement."""

    boot: int
    first_seq: int
    codes: bytes

    def encode(self) -> bytes:
        """The body that goes into a frame."""
        head = _PRESSES.pack(MessageType.OUTCOMES, self.boot, self.first_seq, len(self.codes))
        return head + self.codes


class TimeRequest(msgspec.Struct, frozen=True):
    """Ask for TIME with this token."""

    token: int

    def encode(self) -> bytes:
        """The body that goes into a frame."""
        return _TIME_REQUEST.pack(MessageType.TIME_REQUEST, self.token)


class StatusRequest(msgspec.Struct, frozen=True):
    """Ask for STATUS."""

    def encode(self) -> bytes:
        """The body that goes into a frame."""
        return bytes((MessageType.STATUS_REQUEST,))


class Show(msgspec.Struct, frozen=True):
    """The question that is open now; number 0 when none is."""

    number: int
    kind: QuestionKind
    options: int

    def encode(self) -> bytes:
        """The body that goes into a frame."""
        return _SHOW.pack(MessageType.SHOW, self.number, self.kind, self.options)


class Locate(msgspec.Struct, frozen=True):
    """Blink for so many seconds (0 stops it)."""

    seconds: int

    def encode(self) -> bytes:
        """The body that goes into a frame."""
        return _LOCATE.pack(MessageType.LOCATE, self.seconds)


class Readers(msgspec.Struct, frozen=True):
    """Which readers' cards are wanted: without it a receiver says none."""

    wiegand: bool

    def encode(self) -> bytes:
        """The body that goes into a frame."""
        return _READERS.pack(MessageType.READERS, self.wiegand)


class Radio(msgspec.Struct, frozen=True):
    """Where to listen for remotes: the channel, and the address as it goes over the air."""

    channel: int
    address: bytes  # 3 bytes

    def encode(self) -> bytes:
        """The body that goes into a frame."""
        return _RADIO.pack(MessageType.RADIO, self.channel, self.address)


class Unknown(NamedTuple):
    """A type that this version does not know: ignored and counted."""

    type: int


FromReceiver = Hello | ForeignHello | Presses | Time | Status | Wiegand | Switches | Unknown
FromHost = (
    HelloRequest
    | Outcomes
    | TimeRequest
    | StatusRequest
    | Show
    | Locate
    | Readers
    | Radio
    | Unknown
)


def decode_from_receiver(body: bytes) -> FromReceiver:
    """A body that the receiver sent; raise Malformed when it is not what its type says."""
    kind = body[0]
    try:
        if kind == MessageType.PRESSES:
            return _decode_presses(body)
        if kind == MessageType.TIME:
            return Time(*_TIME.unpack(body)[1:])
        if kind == MessageType.STATUS:
            return Status(*_STATUS.unpack(body)[1:])
        if kind == MessageType.WIEGAND:
            return _decode_wiegand(body)
        if kind == MessageType.SWITCHES:
            return Switches(_SWITCHES.unpack(body)[1])
        if kind == MessageType.HELLO:
            return _decode_hello(body)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise Malformed(f"message {kind:#04x} of {len(body)} bytes: {error}") from error
    return Unknown(kind)


def decode_from_host(body: bytes) -> FromHost:
    """A body that the host sent; raise Malformed when it is not what its type says."""
    kind = body[0]
    try:
        if kind == MessageType.OUTCOMES:
            _, boot, first_seq, count = _PRESSES.unpack_from(body)
            if len(body) != _PRESSES.size + count:
                raise Malformed(f"OUTCOMES of {count} codes in {len(body)} bytes")
            return Outcomes(boot, first_seq, body[_PRESSES.size :])
        if kind == MessageType.TIME_REQUEST:
            return TimeRequest(_TIME_REQUEST.unpack(body)[1])
        if kind == MessageType.SHOW:
            _, number, question_kind, options = _SHOW.unpack(body)
            return Show(number, QuestionKind(question_kind), options)
        if kind in (MessageType.LOCATE, MessageType.READERS, MessageType.RADIO):
            return _decode_wish(body)
        if kind == MessageType.HELLO_REQUEST:
            return HelloRequest()
        if kind == MessageType.STATUS_REQUEST:
            return StatusRequest()
    except (struct.error, ValueError) as error:
        raise Malformed(f"message {kind:#04x} of {len(body)} bytes: {error}") from error
    return Unknown(kind)


def _decode_wish(body: bytes) -> Locate | Readers | Radio:
    if body[0] == MessageType.LOCATE:
        return Locate(_LOCATE.unpack(body)[1])
    if body[0] == MessageType.READERS:
        return Readers(bool(_READERS.unpack(body)[1]))
    return Radio(*_RADIO.unpack(body)[1:])


def _decode_presses(body: bytes) -> Presses:
    _, boot, seq, count = _PRESSES.unpack_from(body)
    position = _PRESSES.size
    presses: list[Press] = []
    for number in range(count):
        ticks, keypad, key_bytes = _PRESS.unpack_from(body, position)
        position += 9
        stop = position + key_bytes
        key = body[position:stop].decode("ascii")
        if key_bytes > MAX_KEY_BYTES or not (key.isprintable() and len(key) == key_bytes):
            raise Malformed(f"press {number} of PRESSES has an impossible key")
        presses.append(Press(boot, seq + number, ticks, keypad.hex().upper(), key))
        position = stop
    if position != len(body) or not presses:
        raise Malformed(f"PRESSES of {count} presses in {len(body)} bytes")
    return Presses(tuple(presses))


def _decode_wiegand(body: bytes) -> Wiegand:
    _, number, count, data = _WIEGAND.unpack(body)
    bits = f"{int.from_bytes(data, 'big'):0{MAX_WIEGAND_BITS}b}"
    if not 0 < count <= MAX_WIEGAND_BITS or "1" in bits[count:]:
        raise Malformed(f"WIEGAND of {count} bits")
    return Wiegand(number, bits[:count])


def _decode_hello(body: bytes) -> Hello | ForeignHello:
    if len(body) < FOREIGN_HELLO_BYTES:
        raise Malformed(f"HELLO of {len(body)} bytes")
    major, minor = body[1], body[2]
    firmware = (body[3], body[4], body[5])
    if major != PROTOCOL_MAJOR:
        return ForeignHello((major, minor), firmware, body[6], body[7:15])
    (*_, serial, boot, ring_boot, clock, capacity, waiting, seq, refused, lost, count) = (
        _HELLO.unpack_from(body)
    )
    if len(body) != _HELLO.size + count * _HELLO_ENTRY.size:
        raise Malformed(f"HELLO with a table of {count} in {len(body)} bytes")
    table = tuple((kind, crc) for kind, crc in _HELLO_ENTRY.iter_unpack(body[_HELLO.size :]))
    return Hello(
        protocol=(major, minor),
        firmware=firmware,
        board=body[6],
        serial=serial,
        boot=boot,
        ring_boot=ring_boot,
        clock_ticks=clock,
        ring_capacity=capacity,
        ring_waiting=waiting,
        first_seq=seq,
        refused=refused,
        lost=lost,
        table=table,
    )


def press_token(serial: str, boot: int, seq: int) -> str:
    """The name of a press for ever. `serial` is the receiver's, 16 hex digits."""
    return f"{serial}:{boot}:{seq}"
