"""XES clickers on their USB receiver (0483:5A4C).

Reports of 256 bytes, without a number: the keypad's id (4 bytes, little endian on the way up), the
sequence (4, big endian), command, length, and so many bytes; the rest is zero. Command 02 is an
answer: the signal's strength (magnitude in dBm), the time (9, BCD), power, four counters of the
keypad (4 each, big endian: pressed, keyed, sent, echoed), the kind of question, and the answer
(16: 1 = A .. 7 = G).
"""

from __future__ import annotations

import re
import struct
from typing import ClassVar, NamedTuple

from pydantic import Field

from drivers import api
from drivers.capabilities import KeypadState
from drivers.listening import listen
from drivers.ports import Ports
from drivers.readings import KeyPress
from drivers.reports import Kind, ReportStream

REPORT_BYTES = 256
ANSWER = struct.Struct("> 4s 4s xx B 9s B 4s 4x I I x 16s")
ANSWER_COMMAND, ANSWER_BYTES = 2, 44
ANSWER_HEAD = bytes((ANSWER_COMMAND, ANSWER_BYTES))
ANSWER_START = re.compile(rb"[^\0].{7}" + ANSWER_HEAD, re.DOTALL)
COMMAND_AT, HEAD_BYTES = 8, 10
END = bytes(4)
"""What every report ends with: the longest uses 54 bytes."""
LETTERS = "ABCDEFG"
FILLING = b"\x00\xff"
KEYPADS = 1024
"""So many are remembered; the one heard longest ago is forgotten."""


class XesOptions(api.Options):
    """Settings of one receiver."""

    port: str = Field(default="0483:5a4c", description="Path or USB id, e.g. /dev/hidraw0")


class Xes(api.Driver):
    """One receiver with its keypads."""

    Options: ClassVar[type[api.Options]] = XesOptions
    FITS = api.Fits("hid", usb=("0483:5a4c",))

    def __init__(self, device_id: str, options: XesOptions, *, ports: Ports) -> None:
        super().__init__(device_id, options, ports=ports)
        self._port = options.port
        self._decoder = XesDecoder(device_id)

    @classmethod
    def decoder(cls, device_id: str) -> api.Decoder:
        """A decoder of a receiver's reports."""
        return XesDecoder(device_id)

    async def run(self, emit: api.Emit) -> None:
        """Give answers until cancelled."""
        line = await self.ports.hid(self._port)
        self._decoder = XesDecoder(self.device_id)
        try:
            await listen(
                line,
                self._take,
                emit,
                device=self.device_id,
                where=self._port,
                now_ns=self.ports.now_ns,
            )
        finally:
            line.close()

    def _take(self, data: bytes, now_ns: int) -> tuple[int, list[KeyPress]]:
        before = self._decoder.reports
        presses = self._decoder.feed(data, now_ns)
        return self._decoder.reports - before, presses

    def keypads(self) -> dict[str, KeypadState]:
        """Signal and power of each keypad, as it last said."""
        return {keypad: one.state for keypad, one in self._decoder.keypads.items()}

    def counters(self) -> dict[str, int]:
        """What was skipped, and what the keypads' own counters say of the radio."""
        decoder = self._decoder
        return {
            "junk_bytes": decoder.junk_bytes,
            "unknown_frames": decoder.unknown_frames,
            "repeats": decoder.repeats,
            "lost": decoder.lost,
            "unconfirmed": decoder.unconfirmed,
        }


class Keypad(NamedTuple):
    """What a keypad last said: its press (sequence and counter), and how often it has sent."""

    press: tuple[bytes, bytes, bytes]
    sent: int
    unconfirmed: int
    state: KeypadState


class XesDecoder:
    """Reports to answers; one that is sent again is given once. Holds at most a report.

    Attributes:
        reports: whole reports, also of kinds that say nothing known.
        lost: frames that keypads sent, by their own count, and that never came.
        unconfirmed: frames that keypads sent since they were first heard and had no echo for.
    """

    def __init__(self, device_id: str) -> None:
        self.repeats = self.reports = 0
        self.lost = 0
        self.unconfirmed = 0
        self.keypads: dict[str, Keypad] = {}
        self._device = device_id
        self._odd = 0
        self._stream = ReportStream(REPORT_BYTES, ANSWER_START, judge)

    @property
    def junk_bytes(self) -> int:
        """Bytes that belonged to no report so far."""
        return self._stream.junk_bytes

    @property
    def unknown_frames(self) -> int:
        """Reports of unknown kinds, and answers that name no option."""
        return self._stream.other_reports + self._odd

    def feed(self, data: bytes, now_ns: int) -> list[KeyPress]:
        """The answers of the reports that `data` completes."""
        other = self._stream.other_reports
        presses = [self._press(report, now_ns) for report in self._stream.feed(data)]
        self.reports += len(presses) + self._stream.other_reports - other
        return [press for press in presses if press is not None]

    def _press(self, report: bytes, now_ns: int) -> KeyPress | None:
        uid, seq, rssi, _, power, pressed, sent, echoed, answer = ANSWER.unpack_from(report)
        keypad = uid[::-1].hex().upper()
        key = _letters(answer)
        if key is None:
            self._odd += 1
            return None
        before = self.keypads.pop(keypad, None)
        unconfirmed = max(sent - echoed, 0)
        if before is not None and before.sent <= sent:  # else its battery was changed
            self.lost += max(sent - before.sent - 1, 0)
            self.unconfirmed += max(unconfirmed - before.unconfirmed, 0)
        state = KeypadState(rssi_dbm=-rssi, power=power)
        press = (seq, pressed, answer)
        self.keypads[keypad] = Keypad(press, sent, unconfirmed, state)
        if len(self.keypads) > KEYPADS:
            del self.keypads[next(iter(self.keypads))]
        if before is not None and before.press == press:
            self.repeats += 1
            return None
        token = f"{keypad}:{pressed.hex()}:{seq.hex()}"
        return KeyPress(device=self._device, mono_ns=now_ns, token=token, keypad=keypad, key=key)


def _letters(answer: bytes) -> str | None:
    """The chosen options, None if it says anything else, or nothing."""
    chosen = answer.rstrip(FILLING)
    if not chosen or not all(1 <= one <= len(LETTERS) for one in chosen):
        return None
    return "".join(LETTERS[one - 1] for one in sorted(set(chosen)))


def judge(report: bytes, on_grid: bool) -> Kind:
    """What a report is; off the grid it must be an answer throughout.

    An id that begins with 00 off the grid may be one that lost a byte.
    """
    command, length = report[COMMAND_AT], report[COMMAND_AT + 1]
    if not on_grid:
        time = report[HEAD_BYTES + 1 : HEAD_BYTES + 10]
        exact = report.startswith(ANSWER_HEAD, COMMAND_AT) and time.hex().isdecimal()
        return Kind.OURS if exact and report[0] and not any(report[ANSWER.size :]) else Kind.JUNK
    if length > REPORT_BYTES - HEAD_BYTES or not report.endswith(END):
        return Kind.JUNK
    if command != ANSWER_COMMAND:
        return Kind.OTHER if command else Kind.JUNK
    return Kind.OURS if length >= ANSWER_BYTES else Kind.JUNK
