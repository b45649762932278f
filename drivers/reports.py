"""A stream of bytes cut into the reports of a HID device, all of one size, without I/O.

A real device loses no byte, and its reports follow each other from the first byte on: the grid.
Recordings and wrong devices are worse. Where no report stands on the grid, the next one that looks
like one throughout moves the grid.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import Enum, auto


class Kind(Enum):
    """What a report's worth of bytes is taken for."""

    OURS = auto()
    OTHER = auto()
    """On the grid only: the device may send such, but nobody knows what it means."""
    JUNK = auto()


Judge = Callable[[bytes, bool], Kind]
"""Of a report, and whether it stands on the grid: off it, be as strict as can be."""


class ReportStream:
    """Bytes to reports. Holds at most a report less one byte.

    Attributes:
        junk_bytes: bytes that belonged to no report.
        other_reports: reports of unknown kinds.
    """

    def __init__(self, report_bytes: int, start: re.Pattern[bytes], judge: Judge) -> None:
        """`start` matches the first bytes of a report off the grid."""
        self.junk_bytes = 0
        self.other_reports = 0
        self._report_bytes = report_bytes
        self._start = start
        self._judge = judge
        self._held = b""
        self._grid = 0
        """How many bytes of `_held` stand before the next place on the grid."""
        self._other_bytes: int | None = None
        """How much of a report of an unknown kind was looked through; None if in none."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Known reports that `data` completes. Must be used up before the next call."""
        size = self._report_bytes
        held = self._held + data
        at, grid = 0, self._grid
        while len(held) - at >= size:
            on_grid = at == grid
            if on_grid:
                grid += size
            report = held[at : at + size]
            kind = self._judge(report, on_grid)
            if kind is Kind.OURS:
                self.junk_bytes += self._other_bytes or 0  # it was none after all
                self._other_bytes = None
                yield report
                at += size
                grid = at
                continue
            if on_grid and kind is Kind.OTHER:
                self._other_bytes = 0
            found = self._start.search(held, at + 1)
            ahead = min(grid, found.start() if found else len(held) - size + 1)
            self._skip(ahead - at, to_grid=ahead == grid)
            at = ahead
        self._held, self._grid = held[at:], grid - at

    def _skip(self, count: int, *, to_grid: bool) -> None:
        if self._other_bytes is None:
            self.junk_bytes += count
        elif to_grid:
            self.other_reports += 1
            self._other_bytes = None
        else:
            self._other_bytes += count
