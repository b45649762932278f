"""A teacher's page that is open: when did it show each press?"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Sequence
from typing import Self

import httpx
import msgspec

from benchmarks.rig.board import Teacher
from benchmarks.rig.receiver import now_ns


class _LastPress(msgspec.Struct):
    count: int


class _Lesson(msgspec.Struct):
    last_press: _LastPress | None = None


class _View(msgspec.Struct):
    lesson: _Lesson | None = None


class Page:
    """Watches the live view in a thread. A context manager.

    Every view says how many presses there have been, so the page need not look for each.
    """

    def __init__(self, teacher: Teacher) -> None:
        """Take everything, open nothing."""
        self._client = teacher.client
        self._presses: list[int] = []
        self._at_ns: list[int] = []
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._first = threading.Event()
        self._closing = False

    def __enter__(self) -> Self:
        """Open it; return when it shows something."""
        self._thread.start()
        self._first.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        """Close it; its last word is waited for no longer than a heartbeat."""
        self._closing = True

    @property
    def presses(self) -> int:
        """As many as it shows now."""
        return self._presses[-1] if self._presses else 0

    def shown_ns(self, pressed_ns: Sequence[int], before: int) -> list[int]:
        """When it showed each of these presses, which came after `before` others; 0 if never."""
        shown = []
        for number in range(before + 1, before + len(pressed_ns) + 1):
            place = bisect_left(self._presses, number)
            shown.append(self._at_ns[place] if place < len(self._at_ns) else 0)
        return shown

    def _watch(self) -> None:
        decode = msgspec.json.Decoder(_View).decode
        try:
            with self._client.stream(
                "GET", "/live", params={"view": "teacher"}, timeout=30
            ) as answer:
                for line in answer.iter_lines():
                    if self._closing:
                        return
                    if line.startswith("data:"):
                        lesson = decode(line[5:]).lesson
                        if lesson is not None and lesson.last_press is not None:
                            self._presses.append(lesson.last_press.count)
                            self._at_ns.append(now_ns())
                        self._first.set()
        except httpx.TransportError:
            return  # the agent has ended
