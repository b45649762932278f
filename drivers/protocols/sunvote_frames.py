"""Frames of SunVote bases: F5 AA AA LEN payload CRC(2, big endian); LEN counts payload and CRC.

The CRC-16 has the polynomial 1021, begins with 0, and is over the payload alone. A payload has 10,
23 or 30 bytes: command, base, one byte, flags, subcommand, data. Framing and CRC are certain; of
the meanings, one public source is known.
"""

from __future__ import annotations

import binascii
from typing import NamedTuple

from drivers.readings import KeyPress

START = b"\xf5\xaa\xaa"
HEAD_BYTES, CRC_BYTES = 4, 2
SHORT_BYTES, LONG_BYTES, ANSWER_BYTES = 10, 23, 30
LENGTHS = {SHORT_BYTES + CRC_BYTES, LONG_BYTES + CRC_BYTES, ANSWER_BYTES + CRC_BYTES}

SYSTEM, SCAN = 0x11, 0x15
SYSTEM_REPLY, SCAN_REPLY = 0x91, 0x95
CONFIG_FLAGS, CONFIG_READ = 0x0F, 0x0C
RANGE_FLAGS, RANGE_READ = 0x00, 0x06
OPEN, BEGIN, STOP, LISTEN, ASK = 0xC1, 0xC2, 0xC3, 0xC4, 0xC5
KEYPADS = 0xC7
"""The address at which keypads are woken."""
OPEN_CHOICE, CHOICE_MODE = 0x02, 0x05
EMPTY = 0xFF
"""A status: the base has no answer waiting. Also what acknowledges nothing."""
LETTERS = "ABCDEF"
MAX_OPTIONS = len(LETTERS)


class Answer(NamedTuple):
    """One keypad's answer. `status` names it for the base, and acknowledges it."""

    status: int
    keypad: str
    key: str


def encode(payload: bytes) -> bytes:
    """A frame as it stands on the line."""
    crc = binascii.crc_hqx(payload, 0)
    return START + bytes((len(payload) + CRC_BYTES,)) + payload + crc.to_bytes(CRC_BYTES, "big")


def short(command: int, base: int, flags: int, sub: int = 0, data: bytes = b"") -> bytes:
    """A payload of 10 bytes."""
    return bytes((command, base, 0, flags, sub)) + data.ljust(SHORT_BYTES - 5, b"\0")


def long(command: int, base: int, flags: int, sub: int = 0) -> bytes:
    """A payload of 23 bytes."""
    return short(command, base, flags, sub).ljust(LONG_BYTES, b"\0")


def answer(payload: bytes) -> Answer | None:
    """The answer that a payload carries; None if it carries none."""
    if len(payload) != ANSWER_BYTES or payload[0] not in (SYSTEM_REPLY, SCAN_REPLY):
        return None
    status, keypad, mask = payload[4], payload[7], payload[8]
    if status == EMPTY or not mask or mask >> MAX_OPTIONS:
        return None
    key = "".join(letter for bit, letter in enumerate(LETTERS) if mask >> bit & 1)
    return Answer(status, f"{keypad:02X}", key)


class SunvoteFrames:
    """Bytes to payloads. Holds at most a frame less one byte."""

    def __init__(self) -> None:
        self.junk_bytes = 0
        self._held = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads that `data` completes."""
        held = self._held + data
        found = []
        used = at = 0
        while (at := held.find(START[:1], at)) >= 0:
            size = HEAD_BYTES + held[at + 3] if len(held) - at >= HEAD_BYTES else 0
            if not START.startswith(held[at : at + 3]) or (size and held[at + 3] not in LENGTHS):
                at += 1
                continue
            if not size or len(held) - at < size:
                break
            payload = held[at + HEAD_BYTES : at + size - CRC_BYTES]
            if (
                binascii.crc_hqx(payload, 0).to_bytes(CRC_BYTES, "big")
                != held[at + size - CRC_BYTES : at + size]
            ):
                at += 1
                continue
            found.append(payload)
            self.junk_bytes += at - used
            used = at = at + size
        keep = at if at >= 0 else len(held)
        self.junk_bytes += keep - used
        self._held = held[keep:]
        return found


class Answers:
    """Payloads to presses; an answer that the base repeats is given once.

    `status`: of the last answer, which acknowledges it.
    """

    def __init__(self, device: str) -> None:
        self.repeats = 0
        self.status = EMPTY
        self._device = device
        self._last: dict[str, Answer] = {}

    def forget(self) -> None:
        """A new question: the same answer is a new one."""
        self._last.clear()

    def take(self, payload: bytes, now_ns: int) -> KeyPress | None:
        """The press that a payload is, if it is one and is new."""
        found = answer(payload)
        if found is None:
            if len(payload) == SHORT_BYTES and payload[3] in (OPEN, STOP):
                self._last.clear()  # a recording of more than one question
            return None
        self.status = found.status
        if self._last.get(found.keypad) == found:
            self.repeats += 1
            return None
        self._last[found.keypad] = found
        return KeyPress(device=self._device, mono_ns=now_ns, keypad=found.keypad, key=found.key)
