"""The conversation with an i>clicker base: its start, its polls, its display, without I/O."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import structs

from drivers.capabilities import QuestionView
from drivers.dialogue import MOST_MISSES, Dialogue, Rest, Say, Script
from drivers.protocols.iclicker_reports import (
    ACK,
    ALPHA,
    CLOSE,
    END,
    FETCH,
    FIRST_FETCH,
    FIRST_START,
    LCD_LINES,
    OPEN,
    REPORT_BYTES,
    RESET,
    START,
    STOP,
    SUMMARY,
    VOTE,
    IclickerDecoder,
)
from drivers.readings import Attached, KeyPress

LCD_CHARACTERS = 16
UNFIT = ("number", "text", "order")
"""Kinds that a keypad with five letters cannot answer."""
LCD_PAUSE_S = 0.1
"""Written faster, the display is garbled."""
LOOK_S = 2.0
"""So often is the display written again during a poll: the sign that the base lives."""
FETCH_S = 0.2
DRAINS = 3
MOST_FETCHES = 20
"""In a row; then the display has its turn."""


class IclickerTalk:
    """One base, of generation 1 or 2. `polls` counts those that were opened."""

    def __init__(
        self,
        device_id: str,
        where: str,
        *,
        frequency: str,
        protocol: Literal[1, 2],
        settle_s: float,
        answer_s: float,
        now_s: float,
    ) -> None:
        """`where`: the device, for people; the rest as in the settings."""
        self.polls = 0
        self._device = device_id
        self._frequency = frequency
        self._protocol = protocol
        self._settle_s = settle_s
        self._decoder = IclickerDecoder(device_id, self._hear)
        self._dialogue = Dialogue(self._script(), where, timeout_s=answer_s, now_s=now_s)
        self._view: QuestionView | None = None
        self._started = self._attached = False
        self._closing: int | None = None
        self._votes = 0
        self._next_index = 0
        self._more = False
        self._shown = ["", ""]
        self._out = b""

    def advance(self, data: bytes, now_s: float, now_ns: int) -> list[Attached | KeyPress]:
        """Take reports; the votes in them, Attached before anything else.

        Raises:
            DeviceLost: the base has stopped answering.
        """
        heard: list[Attached | KeyPress] = [*self._placed(self._decoder.feed(data, now_ns))]
        self._out = self._dialogue.advance(now_s)
        if self._dialogue.lost is not None and not heard:
            raise self._dialogue.lost
        if not self._attached and (heard or self._started):
            self._attached = True
            facts = {"frequency": self._frequency, "protocol": str(self._protocol)}
            heard.insert(0, Attached(device=self._device, mono_ns=now_ns, facts=facts))
        return heard

    def show(self, view: QuestionView | None, now_s: float) -> None:
        """What is open from now on."""
        self._view = view
        self._dialogue.wake(now_s)

    def data_to_send(self, now_s: float) -> bytes:
        """The next command, as a report."""
        command, self._out = self._out, b""
        return command and command.ljust(REPORT_BYTES, b"\0")

    def deadline_s(self) -> float:
        """When the next command is due, or an answer overdue."""
        return self._dialogue.deadline_s

    def goodbye(self) -> bytes:
        """Nothing: a poll that is left open is stopped by the next start."""
        return b""

    def counters(self) -> dict[str, int]:
        """What was skipped or heard twice, and what the base left without an answer."""
        return {
            "junk_bytes": self._decoder.junk_bytes,
            "repeats": self._decoder.repeats,
            "unknown_frames": self._decoder.unknown_frames,
            "unanswered": self._dialogue.unanswered,
            "polls": self.polls,
        }

    def _hear(self, report: bytes) -> None:
        self._votes += report.startswith(VOTE)
        if self._protocol == 1 and report.startswith(SUMMARY):
            self._more = report[2] == 1
            if report[6]:
                self._next_index = (report[5] + 1) & 0xFF
        self._dialogue.hear(report)

    def _placed(self, votes: list[KeyPress]) -> Iterator[KeyPress]:
        """Votes of a poll that is being closed name its question: another may be open already."""
        item = self._closing
        return (vote if item is None else structs.replace(vote, item=item) for vote in votes)

    # -- what is said --------------------------------------------------------------------------

    def _script(self) -> Script:
        first = self._protocol == 1
        yield from self._start()
        self._started = True
        polled: int | None = None
        while True:
            view = self._view
            wanted = None if view is None or view.kind in UNFIT else view.question
            if polled is not None and polled != wanted:
                self._closing = polled
                yield from self._close_poll()
                self._closing = polled = None
            if wanted is not None and polled is None:
                yield from self._open_poll()
                polled = wanted
            yield from self._display(lcd_lines(self._view))
            if first and polled is not None:
                yield from self._fetch()
            news = yield Rest(FETCH_S if first and polled is not None else LOOK_S)
            if not news and not first:  # which is asked for its votes all the time
                self._shown[1] = ""

    def _start(self) -> Script:
        letters = [ord(letter) - ord("A") for letter in self._frequency]
        channel = bytes((0x21 + letters[0], 0x41 + letters[1]))
        tune = b"\x01\x10" + channel
        if self._protocol == 1:
            yield must(tune, self._settle_s)
            yield say(STOP)
            yield say(END)
            return
        yield must(tune)
        yield must(b"\x01\x2a" + channel + b"\x05", self._settle_s)
        for command in (STOP, END, b"\x01\x15", b"\x01\x2d", OPEN, CLOSE, END):
            yield say(command)

    def _open_poll(self) -> Script:
        self.polls += 1
        self._next_index = 0
        if self._protocol == 1:
            yield must(FIRST_START)
            return
        for command in (ALPHA, CLOSE, RESET, ALPHA):
            yield say(command)
        yield must(START)

    def _close_poll(self) -> Script:
        """Stop, and let the base give what it still has: its votes bear the time they come."""
        yield must(STOP)
        yield say(END)
        if self._protocol == 1:
            yield from self._fetch()
            return
        for _ in range(DRAINS):
            before = self._votes
            yield say(FETCH, FETCH_S)
            if self._votes == before:
                break
        yield say(CLOSE)
        yield Say(OPEN, SUMMARY, tries=DRAINS)

    def _fetch(self) -> Script:
        """Ask a base of the first kind for what it has."""
        self._more = True
        for _ in range(MOST_FETCHES):
            if not self._more:
                break
            self._more = False
            yield Say(FIRST_FETCH + bytes((self._next_index, 4)), SUMMARY)

    def _display(self, lines: tuple[str, str]) -> Script:
        for at, text in enumerate(lines):
            if text != self._shown[at]:
                self._shown[at] = text
                yield say(LCD_LINES[at] + text.encode("ascii"), LCD_PAUSE_S)._replace(
                    tries=MOST_MISSES
                )


def say(command: bytes, pause_s: float = 0.0) -> Say:
    """A command that is acknowledged by its first two bytes."""
    return Say(command, command[:2] + ACK, pause_s)


def must(command: bytes, pause_s: float = 0.0) -> Say:
    """The same, and nothing goes on without it."""
    return say(command, pause_s)._replace(tries=MOST_MISSES, needed=True)


def lcd_lines(view: QuestionView | None) -> tuple[str, str]:
    """What the display says, two lines of 16 characters."""
    if view is None:
        lines = ("Connected", "no question open")
    elif view.kind in UNFIT:
        lines = (f"Question {view.question}", "not by clicker")
    else:
        lines = (f"Question {view.question}", f"{view.answered} answered")
    return lines[0][:LCD_CHARACTERS].ljust(LCD_CHARACTERS), lines[1].ljust(LCD_CHARACTERS)
