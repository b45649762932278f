"""What bytes may say, found the slow and simple way, by other code than the decoders'.

An oracle gives the names of all readings that any intact frame in the bytes justifies, wherever
it stands. It knows no stream and forgets nothing, so that it says too much rather than too little.
"""

from __future__ import annotations

import re
from binascii import crc_hqx
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import reduce
from operator import xor

from cobs import cobs

from drivers.readings import CardTap, KeyPress, Reading, Stroke
from firmware_bridge.messages import Malformed, Presses, decode_from_receiver

Oracle = Callable[[bytes], set[str]]


def name_of(reading: Reading) -> str:
    """What a reading says, without device, time and token."""
    if isinstance(reading, KeyPress):
        return f"{reading.keypad} {reading.item or ''} {reading.key}"
    if isinstance(reading, CardTap):
        return reading.uid
    fields = ("mono_ns", "token", "device")
    return repr([getattr(reading, one) for one in reading.__struct_fields__ if one not in fields])


def names_of(reading: Reading) -> set[str]:
    """What is to be justified: a reading as a whole, of a stroke each coordinate alone."""
    if isinstance(reading, Stroke):
        points = [(f"x {x}", f"y {y}") for x, y, _ in reading.points]
        return {name for point in points for name in point}
    return {name_of(reading)}


def _press(keypad: bytes, key: str) -> str:
    return f"{keypad.hex().upper()}  {key}"


def _bodies(data: bytes) -> Iterator[bytes]:
    """Of our receiver: between zeros, COBS by another library, a CRC-16 at the end."""
    for piece in data.split(b"\0"):
        try:
            body = cobs.decode(piece)
        except cobs.DecodeError:
            continue
        if len(body) > 2 and crc_hqx(body[:-2], 0xFFFF) == int.from_bytes(body[-2:], "big"):
            yield body[:-2]


def reference(data: bytes) -> set[str]:
    """Presses."""
    found: set[str] = set()
    for body in _bodies(data):
        try:
            message = decode_from_receiver(body)
        except Malformed:
            continue
        if isinstance(message, Presses):
            found |= {f"{one.keypad}  {one.key}" for one in message.presses}
    return found


def turning(data: bytes) -> set[str]:
    """Presses of remotes: three bytes, and a digit for a letter."""
    digits = str.maketrans("1234567890", "ABCDEFGHIJ")
    found: set[str] = set()
    for one in reference(data):
        keypad, _, key = one.rpartition(" ")
        said = key.translate(digits) if len(key) == 1 else key
        found.add(f"{keypad[2:] if keypad[:2] == '00' else keypad} {said}")
    return found


def wiegand(data: bytes) -> set[str]:
    """Bursts of 26 or 34 bits: the first bit makes its half even, the last one its half odd."""
    found: set[str] = set()
    for body in _bodies(data):
        if len(body) != 11 or body[0] != 0x10 or body[2] not in (26, 34):
            continue
        bits = [body[3 + at // 8] >> (7 - at % 8) & 1 for at in range(64)]
        count = body[2]
        half = count // 2
        if not any(bits[count:]) and sum(bits[:half]) % 2 == 0 and sum(bits[half:count]) % 2:
            found.add(f"{reduce(lambda all, bit: all * 2 + bit, bits[1 : count - 1]):08X}")
    return found


def pentray(data: bytes) -> set[str]:
    """The first two switches: open is lifted."""
    found: set[str] = set()
    for body in _bodies(data):
        if len(body) == 2 and body[0] == 0x11:
            for bit, tool in enumerate(("pen", "eraser")):
                found.add(repr([tool, not body[1] & 1 << bit]))
    return found


EM4100 = re.compile(rb"(?=\x02([0-9A-Fa-f]{12})\x03)")


def em4100(data: bytes) -> set[str]:
    """Six bytes as hex between STX and ETX whose xor is nothing."""
    numbers = (bytes.fromhex(one[1].decode()) for one in EM4100.finditer(data))
    return {one[:5].hex().upper() for one in numbers if reduce(xor, one) == 0}


ICLICKER = re.compile(rb"(?=\x02\x13([\x81-\x86])(...))", re.DOTALL)
ICLICKER_FIRST = re.compile(rb"(?=\x02\x18[\0\1]...([\x00-\x0e])(.{0,56}))", re.DOTALL)


def iclicker(data: bytes) -> set[str]:
    """Records without a check: the beginning is all there is."""
    found = {
        _press(one[2] + bytes((reduce(xor, one[2]),)), "ABCDE"[one[1][0] - 0x81 :][:1])
        for one in ICLICKER.finditer(data)
    }
    for one in ICLICKER_FIRST.finditer(data):
        for at in range(0, 4 * one[1][0], 4):
            record = one[2][at : at + 4]
            if len(record) == 4 and 0x61 <= record[0] <= 0x65:
                found.add(
                    _press(record[1:] + bytes((reduce(xor, record[1:]),)), chr(record[0] - 32))
                )
    return found


XES = re.compile(rb"(?=(.{4}).{4}\x02[\x2c-\xf6].{28}([\x01-\x07]+)[\0\xff])", re.DOTALL)


def xes(data: bytes) -> set[str]:
    """Answers without a check: command, length, and options that there are."""
    return {
        _press(one[1][::-1], "".join(sorted({chr(0x40 + number) for number in one[2]})))
        for one in XES.finditer(data)
    }


PRESSED = re.compile(rb"(?=.{16}\x01\x00(.)\x00\x01\x00\x00\x00)", re.DOTALL)
PRESENTER = {104: "previous", 109: "next", 63: "start", 1: "start", 52: "blank", 48: "blank"}


def presenter(data: bytes) -> set[str]:
    """Input events "key, its code, pressed" of the codes of a presenter."""
    codes = {one[1][0] for one in PRESSED.finditer(data)}
    return {repr([PRESENTER[code]]) for code in codes & PRESENTER.keys()}


DIGIT_CODES = bytes((11, 2, 3, 4, 5, 6, 7, 8, 9, 10))
PAD_CODES = bytes((82, 79, 80, 81, 75, 76, 77, 71, 72, 73))
ENTERS = (28, 96)


def keyboard(data: bytes) -> set[str]:
    """The last eight or ten decimal digits pressed before an Enter."""
    found: set[str] = set()
    typed = ""
    for one in PRESSED.finditer(data):
        code = one[1][0]
        place = max(DIGIT_CODES.find(code), PAD_CODES.find(code))
        if place >= 0:
            typed = (typed + str(place))[-10:]
        elif code in ENTERS:
            numbers = {int(typed[-length:]) for length in (8, 10) if len(typed) >= length}
            found |= {f"{one:08X}" for one in numbers}
    return found


def serial_line(data: bytes) -> set[str]:
    """Lines that are a number and nothing else. Nothing tells a number that lost a digit."""
    found: set[str] = set()
    for line in data.replace(b"\r", b"\n").split(b"\n"):
        with suppress(ValueError):
            text = line.decode(errors="replace").strip().replace(",", ".")
            found.add(repr(["value", float(text), ""]))
    return found


def crc_by_bits(data: bytes) -> int:
    """CRC-16 of the polynomial 1021 that begins with 0, as its definition has it."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ (0x1021 if crc & 0x8000 else 0)
        crc &= 0xFFFF
    return crc


SUNVOTE = re.compile(rb"(?=\xf5\xaa\xaa\x20(.{30})(..))", re.DOTALL)


def sunvote(data: bytes) -> set[str]:
    """Answers of 30 bytes with their CRC, wherever they stand."""
    found: set[str] = set()
    for one in SUNVOTE.finditer(data):
        payload, mask = one[1], one[1][8]
        if payload[4] != 0xFF and crc_by_bits(payload) == int.from_bytes(one[2], "big"):
            found.add(
                _press(payload[7:8], "".join("ABCDEF"[bit] for bit in range(6) if mask >> bit & 1))
            )
    return found


ZKXL = re.compile(rb"(?=\x5c([\x11\x26])....([\0-\xf0]))", re.DOTALL)
CARD_ID = re.compile(r"'card_id'\s*:\s*'(\d{10})'")
ANSWER = re.compile(r"\{[^{}]*\}")
ANSWER_ID = re.compile(r"'id'\s*:\s*'([^']*)'")
ANSWER_KEY = re.compile(r"'answer'\s*:\s*'([^']*)'")


def zkxl(data: bytes) -> set[str]:
    """Frames by their length and xor; of objects every number beside every answer near it."""
    found: set[str] = set()
    for one in ZKXL.finditer(data):
        start, length = one.start(), one[2][0]
        body, end = data[start + 1 : start + 8 + length], data[start + 8 + length :][:1]
        inner = body[6 : 6 + length]
        if len(body) < length + 7 or end != b"\xca" or reduce(xor, body):
            continue
        if body[0] == 0x26:
            found.add(inner[1:5].hex().upper())
        elif inner[:1] == b"\x5a" and inner[-1:] == b"\xca" and not reduce(xor, inner[1:-1]):
            found |= _zkxl_answers(inner)
    return found | _zkxl_objects(data.decode("utf-8", "replace"))


def _zkxl_answers(inner: bytes) -> set[str]:
    keypad, answers = inner[1:5].hex().upper(), inner[9:-2]
    found: set[str] = set()
    for number, said in zip(answers[::2], answers[1::2], strict=False):
        letters = "".join("ABCDEF"[bit] for bit in range(6) if said >> bit & 1)
        judged = {1: "true", 2: "false"}.get(said & 0x3F, "")
        found |= {f"{keypad} {number or ''} {key}" for key in (letters, judged)}
    return found


def _zkxl_objects(text: str) -> set[str]:
    found: set[str] = set()
    for one in CARD_ID.finditer(text):
        start, end = text.rfind("'fun'", 0, one.start()), text.find("{'fun'", one.end())
        for answer in ANSWER.findall(text[max(start, 0) : end if end >= 0 else len(text)]):
            for number in ANSWER_ID.findall(answer):
                for key in ANSWER_KEY.findall(answer):
                    item = int(number) if number.isdigit() and int(number) else ""
                    found |= {f"{one[1]} {item} {said}" for said in (key, key.strip().upper())}
    return found


POSITION = re.compile(rb"(?=.{16}\x03\x00([\x00\x01\x35\x36])\x00(....))", re.DOTALL)


class Touch:
    """Positions of intact records. An axis keeps what was said long ago, and so does this."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, data: bytes) -> set[str]:
        """All positions so far, in mm on a board of 1600 x 900."""
        for one in POSITION.finditer(data):
            across = one[1] in b"\x00\x35"
            value = min(max(int.from_bytes(one[2], "little", signed=True), 0), 32_767)
            mm = round(value / 32_767 * (1600 if across else 900), 1)
            self._said.add(f"{'x' if across else 'y'} {mm}")
        return self._said


ORACLES: dict[str, Oracle] = {
    "card.em4100": em4100,
    "card.keyboard": keyboard,
    "card.wiegand": wiegand,
    "clicker.iclicker": iclicker,
    "clicker.reference": reference,
    "clicker.sunvote": sunvote,
    "clicker.turning": turning,
    "clicker.xes": xes,
    "clicker.zkxl": zkxl,
    "presenter.keys": presenter,
    "sensor.serial_line": serial_line,
    "whiteboard.pentray": pentray,
    "whiteboard.touch": Touch(),
}
