"""The reports of i>clicker bases: commands to them, and votes from them.

Reports of 64 bytes, without numbers, both ways. A command begins 01 and is acknowledged by its
first two bytes and AA; what follows in the report is left from before. 02 13 begins a report of
one or two records of 32 bytes: 02 13, key (81 = A .. 85 = E, 86 takes back), three bytes of the
remote's id, sequence. The fourth byte of the id, printed on the remote, is the xor of the three.
02 18 ends what a base of the second kind still had after a poll; one of the first kind answers
with its votes in it: 4 bytes each (key 61 = A .. 65 = E, three bytes of the id).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from drivers.readings import KeyPress
from drivers.reports import Kind, ReportStream

REPORT_BYTES = 64
RECORD_BYTES = 32
VOTE = b"\x02\x13"
SUMMARY = b"\x02\x18"
ANSWERS = (SUMMARY + b"\x1a", b"\x02\x2c", b"\x01\x15\x04\x05")
ACK = b"\xaa"
FIRST_BYTE = re.compile(rb"[\x01\x02]")
KEYS = {0x81: "A", 0x82: "B", 0x83: "C", 0x84: "D", 0x85: "E", 0x86: ""}
FIRST_KEYS = {0x61: "A", 0x62: "B", 0x63: "C", 0x64: "D", 0x65: "E"}
FIRST_HEAD_BYTES = 7
FIRST_MOST = 14
"""Votes in one report of a base of the first kind."""
HALF_SEQUENCE = 128
RECENT = 4
"""A record equal to one of the last so many, new or heard, is the base's old news, not a press."""

ALPHA = b"\x01\x19\x66\x0a\x01"
START, STOP, END = b"\x01\x11", b"\x01\x12", b"\x01\x16"
FIRST_START, FIRST_FETCH = b"\x01\x11\x00\x05", b"\x01\x17\x01"
FETCH, CLOSE, OPEN, RESET = (
    b"\x01\x17\x01\x00\x04", b"\x01\x17\x03", b"\x01\x17\x04", b"\x01\x17\x05",
)  # fmt: skip
LCD_LINES = (b"\x01\x13", b"\x01\x14")


class IclickerDecoder:
    """Reports to votes. Holds at most a report less one byte."""

    def __init__(self, device_id: str, on_report: Callable[[bytes], None] | None = None) -> None:
        """`on_report` is told of every report, whatever it says."""
        self.repeats = 0
        self.pings = 0
        self._device = device_id
        self._on_report = on_report
        self._stream = ReportStream(REPORT_BYTES, FIRST_BYTE, judge)
        self._news: list[bytes] = []
        self._heard: list[bytes] = []
        self._reply = b""

    @property
    def junk_bytes(self) -> int:
        """Bytes that belonged to no report so far."""
        return self._stream.junk_bytes

    @property
    def unknown_frames(self) -> int:
        """Reports, and records in them, that say nothing known: a remote that merely calls."""
        return self._stream.other_reports + self.pings

    def feed(self, data: bytes, now_ns: int) -> list[KeyPress]:
        """The votes of the reports that `data` completes."""
        votes: list[KeyPress] = []
        for report in self._stream.feed(data):
            votes += self._votes(report, now_ns)
            if self._on_report is not None:
                self._on_report(report)
        return votes

    def _votes(self, report: bytes, now_ns: int) -> list[KeyPress]:
        votes: list[KeyPress] = []
        if report.startswith(VOTE):
            records = [report[:7], report[RECORD_BYTES : RECORD_BYTES + 7]]
            if _in_wrong_order(*records):
                records.reverse()
            for record in records:
                if record.startswith(VOTE) and self._is_new(record):
                    votes.append(self._press(record[3:6], KEYS[record[2]], now_ns))
        elif report.startswith(SUMMARY) and report[2] <= 1:
            if report == self._reply and report[6]:
                self.repeats += report[6]
                return votes
            self._reply = report
            for at in range(FIRST_HEAD_BYTES, FIRST_HEAD_BYTES + 4 * report[6], 4):
                votes.append(self._press(report[at + 1 : at + 4], FIRST_KEYS[report[at]], now_ns))
        return votes

    def _is_new(self, record: bytes) -> bool:
        if record[2] not in KEYS:
            self.pings += 1
            return False
        stale = record in self._news or record in self._heard
        if stale:
            self.repeats += 1
        else:
            self._news = [*self._news[1 - RECENT :], record]
        others = [one for one in self._heard if one != record]
        self._heard = [*others[1 - RECENT :], record]
        return not stale

    def _press(self, id3: bytes, key: str, now_ns: int) -> KeyPress:
        # No token: a sequence that wraps at 256 names no press for long.
        keypad = f"{id3.hex()}{id3[0] ^ id3[1] ^ id3[2]:02x}".upper()
        return KeyPress(device=self._device, mono_ns=now_ns, keypad=keypad, key=key)


def judge(report: bytes, on_grid: bool) -> Kind:
    """What a report is, by its first bytes; off the grid every other byte must fit as well."""
    if report.startswith(VOTE):
        return Kind.OURS if _is_vote_report(report, on_grid) else Kind.JUNK
    if report.startswith(SUMMARY) and report[2] <= 1:
        most = FIRST_HEAD_BYTES + 4 * min(report[6], FIRST_MOST)
        known = FIRST_KEYS.keys() >= {*report[FIRST_HEAD_BYTES:most:4]}
        fits = known and report[6] <= FIRST_MOST and not any(report[most:])
        return Kind.OURS if fits else Kind.JUNK
    if report.startswith(ANSWERS) or (report[0] == 1 and report[2:3] == ACK):
        return Kind.OURS
    return Kind.OTHER if on_grid and report[0] in (1, 2) else Kind.JUNK


def _is_vote_report(report: bytes, on_grid: bool) -> bool:
    """Whether its two halves are a vote, or the second nothing.

    On the grid the middle of each half may hold what was there before, though not a vote that
    begins out of place: that is a report which lost bytes.
    """
    first, second = report[:RECORD_BYTES], report[RECORD_BYTES:]
    if on_grid:
        ends = first[28:] == second[28:] == bytes(4)
        return ends and VOTE not in first[1:] and VOTE not in second[1:]
    return not any(first[7:]) and not any(second[7:] if second.startswith(VOTE) else second)


def _in_wrong_order(first: bytes, second: bytes) -> bool:
    """Whether both are of one remote, and the second is the older by its sequence.

    After a new start nothing else tells which of the two is old news.
    """
    return (
        first[:2] == second[:2]
        and first[3:6] == second[3:6]
        and (0 < (first[6] - second[6]) & 0xFF < HALF_SEQUENCE)
    )
