"""A virtual i>clicker base with its remotes: answers the host's reports as the real one does.

`VirtualBase` is without I/O; `PtyBase` gives it a pseudo-terminal in place of /dev/hidraw*.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from drivers.sim.serial_port import VirtualPort

REPORT_BYTES = 64
RECORD_BYTES = 32
WRITTEN_BYTES = 1 + REPORT_BYTES
LCD_LEAST_S = 0.1
BATCH = 14
LETTERS = "ABCDE"
RETRACT = 0x86
SUMMARISE = 0x04


class VirtualBase:
    """One base of the second generation (or, with `first`, of the first).

    Attributes:
        silent: it hears nothing and says nothing, as a base whose radio chip hangs.
        lcd: its two lines.
        garbled: how often a line came within 100 ms of the one before.
        commands: every command so far, without the zeros at its end.
        polling: whether a poll is open.
        ignored: presses while none was.
        late: presses that the base keeps and gives only when it is asked for them after a poll.
    """

    def __init__(
        self, send: Callable[[bytes], None], *, now_s: Callable[[], float], first: bool = False
    ) -> None:
        """`send` takes the reports for the host; `now_s` is any steady clock."""
        self.silent = False
        self.lcd = ["", ""]
        self.garbled = 0
        self.commands: list[bytes] = []
        self.frequency = ""
        self.polling = False
        self.ignored = 0
        self.late: deque[bytes] = deque()
        self._send = send
        self._now_s = now_s
        self._first = first
        self._lcd_at_s = -1.0
        self._sequence = 0
        self._record = bytes(RECORD_BYTES)
        self._buffer = bytes(REPORT_BYTES)
        self._unread: list[bytes] = []

    def press(self, remote: str, key: str, *, late: bool = False) -> None:
        """A remote is pressed. `key` "" takes back; `late`: the base gives it when asked only."""
        id3 = bytes.fromhex(remote)[:3]
        if not self.polling:
            self.ignored += 1
        elif self._first:
            self._unread.append(bytes((0x61 + LETTERS.index(key),)) + id3)
        else:
            code = 0x81 + LETTERS.index(key) if key else RETRACT
            record = bytes((0x02, 0x13, code)) + id3 + bytes((self._sequence,))
            self._sequence = (self._sequence + 1) & 0xFF
            record = record.ljust(RECORD_BYTES, b"\0")
            if late:
                self.late.append(record)
            else:
                self._give(record)

    def command(self, report: bytes) -> None:
        """The host wrote a report of 64 bytes."""
        if self.silent:
            return
        self.commands.append(report.rstrip(b"\0"))
        match report[1]:
            case 0x10:
                first, second = report[2] - 0x21, report[3] - 0x41
                self.frequency = chr(ord("A") + first) + chr(ord("A") + second)
            case 0x11:
                self.polling = True
                self._unread.clear()
            case 0x12:
                self.polling = False
            case 0x13 | 0x14:
                self._show(report)
        if not (self._first and report[1:3] == b"\x17\x01"):
            self._acknowledge(report)
        match report[1]:
            case 0x15:
                self._say(bytes((0x01, 0x15, 0x04, 0x05, *report[2:4], 0x01, 0x02, 0x66)))
            case 0x17 if self._first and report[2] == 1:
                self._answer(report[3])
            case 0x17 if report[2] == 1 and self.late:
                self._give(self.late.popleft())
            case 0x17 if report[2] == SUMMARISE:
                while self.late:
                    self._give(self.late.popleft())
                self._say(b"\x02\x18\x1a")
            case 0x2D:
                self._say(b"\x02\x2c")

    def _show(self, report: bytes) -> None:
        now_s = self._now_s()
        self.garbled += now_s - self._lcd_at_s < LCD_LEAST_S
        self._lcd_at_s = now_s
        self.lcd[report[1] - 0x13] = report[2:18].decode("ascii")

    def _acknowledge(self, report: bytes) -> None:
        """Three bytes; the rest is what the buffer held before."""
        self._send(report[:2] + b"\xaa" + self._buffer[3:])

    def _say(self, data: bytes) -> None:
        self._buffer = data.ljust(REPORT_BYTES, b"\0")
        self._send(self._buffer)

    def _give(self, record: bytes) -> None:
        """The new record, and beside it the one before again."""
        self._say(record + self._record)
        self._record = record

    def _answer(self, index: int) -> None:
        """What a base of the first generation has from `index` on."""
        votes = self._unread[index : index + BATCH]
        left = len(self._unread) - index - len(votes)
        last = index + max(len(votes) - 1, 0)
        head = bytes((0x02, 0x18, left > 0, left, index, last, len(votes)))
        self._say(head + b"".join(votes))


class PtyBase(VirtualPort):
    """`async with PtyBase() as line:`; `line.path` is the device, `line.base` the base."""

    def __init__(self, *, first: bool = False) -> None:
        """`first`: a base of the first generation."""
        super().__init__(self._read_reports)
        self.base = VirtualBase(self.send, now_s=time.monotonic, first=first)
        self._held = b""

    def _read_reports(self, data: bytes) -> None:
        self._held += data
        while len(self._held) >= WRITTEN_BYTES:  # each with the number 0 in front, as hidraw wants
            report, self._held = self._held[1:WRITTEN_BYTES], self._held[WRITTEN_BYTES:]
            self.base.command(report)
