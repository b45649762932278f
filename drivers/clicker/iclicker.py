"""i>clicker bases on USB (1881:0150): the host opens and closes polls, the base sends votes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import ClassVar, Literal

from msgspec import structs
from pydantic import Field

from drivers import api
from drivers.capabilities import QuestionView
from drivers.dialogue import MOST_MISSES, Dialogue
from drivers.errors import DeviceLost
from drivers.ports import Ports
from drivers.protocols.iclicker import (
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
    lcd_lines,
)
from drivers.readings import Attached, KeyPress

LCD_PAUSE_S = 0.1
"""Written faster, the display is garbled."""
LOOK_S = 2.0
"""So often is the display written again during a poll: the sign that the base lives."""
FETCH_S = 0.2
DRAINS = 3
MOST_FETCHES = 20
"""In a row; then the display has its turn."""


class IclickerOptions(api.Options):
    """Settings of one base."""

    port: str = Field(default="1881:0150", description="Path or USB id, e.g. /dev/hidraw0")
    frequency: str = Field(
        default="AA",
        pattern="^[A-D][A-D]$",
        description="Radio channel that the remotes are set to: two letters from A to D",
    )
    protocol: Literal[1, 2] = Field(
        default=2, description="Generation of the base: 2, or 1 for those that must be asked"
    )
    settle_s: float = Field(
        default=5.0, ge=0, le=60, description="Seconds that a base needs to change its frequency"
    )
    answer_s: float = Field(
        default=1.0, gt=0, le=10, description="Seconds that a base may take to answer a command"
    )


class Iclicker(api.Driver):
    """One base with its remotes."""

    Options: ClassVar[type[api.Options]] = IclickerOptions
    FITS = api.Fits("hid", usb=("1881:0150",))

    def __init__(self, device_id: str, options: IclickerOptions, *, ports: Ports) -> None:
        super().__init__(device_id, options, ports=ports)
        self._options = options
        self._decoder = IclickerDecoder(device_id)
        self._base: Base | None = None
        self._attached = False

    @classmethod
    def decoder(cls, device_id: str) -> api.Decoder:
        """A decoder of a base's reports, of either generation."""
        return IclickerDecoder(device_id)

    async def run(self, emit: api.Emit) -> None:
        """Start the base, then open and close its polls and give its votes until cancelled."""
        line = await self.ports.hid(self._options.port)
        answer_s = self._options.answer_s
        talk = Dialogue(line, self._options.port, report_bytes=REPORT_BYTES, timeout_s=answer_s)
        base = self._base = Base(talk, self._options)
        self._decoder = IclickerDecoder(self.device_id, base.hear)
        self._attached = False
        serving = asyncio.create_task(base.serve(lambda: self._attach(emit)))
        serving.add_done_callback(lambda _: line.close())  # what ended it, ends the reading too
        try:
            while True:
                votes = self._decoder.feed(await line.read(), self.ports.now_ns())
                if votes:
                    await self._attach(emit)
                    await emit(*base.placed(votes))
        except DeviceLost:
            if serving.done() and (reason := serving.exception()) is not None:
                raise reason from None
            raise
        finally:
            serving.cancel()
            with suppress(asyncio.CancelledError, DeviceLost):
                await serving
            line.close()

    async def _attach(self, emit: api.Emit) -> None:
        if not self._attached:
            self._attached = True
            facts = {"frequency": self._options.frequency, "protocol": str(self._options.protocol)}
            await emit(Attached(device=self.device_id, mono_ns=self.ports.now_ns(), facts=facts))

    def show(self, view: QuestionView | None) -> None:
        """Open or close the poll, and let the display say how many have answered."""
        if self._base is not None:
            self._base.show(view)

    def counters(self) -> dict[str, int]:
        """What was skipped or heard twice, and what the base left without an answer."""
        decoder, base = self._decoder, self._base
        return {
            "junk_bytes": decoder.junk_bytes,
            "repeats": decoder.repeats,
            "unknown_frames": decoder.unknown_frames,
            "unanswered": 0 if base is None else base.talk.unanswered,
            "polls": 0 if base is None else base.polls,
        }


class Base:
    """The conversation with a base: its start, its polls, its display."""

    def __init__(self, talk: Dialogue, options: IclickerOptions) -> None:
        self.talk = talk
        self.polls = 0
        self._options = options
        self._first = options.protocol == 1
        self._view: QuestionView | None = None
        self._news = asyncio.Event()
        self._closing: int | None = None
        self._votes = 0
        self._next_index = 0
        self._more = False
        self._shown = ["", ""]

    def show(self, view: QuestionView | None) -> None:
        """What is open from now on."""
        self._view = view
        self._news.set()

    def hear(self, report: bytes) -> None:
        """Whatever the base sent."""
        self._votes += report.startswith(VOTE)
        if self._first and report.startswith(SUMMARY):
            self._more = report[2] == 1
            if report[6]:
                self._next_index = (report[5] + 1) & 0xFF
        self.talk.hear(report)

    def placed(self, votes: list[KeyPress]) -> list[KeyPress]:
        """Votes of a poll that is being closed name its question: another may be open already."""
        item = self._closing
        return votes if item is None else [structs.replace(one, item=item) for one in votes]

    async def serve(self, ready: Callable[[], Coroutine[None, None, None]]) -> None:
        """Start the base, then do what is shown. Raises DeviceLost when it stops answering."""
        await self._start()
        await ready()
        polled: int | None = None
        while True:
            self._news.clear()
            view = self._view
            wanted = None if view is None or view.kind == "number" else view.question
            if polled is not None and polled != wanted:
                self._closing = polled
                await self._close_poll()
                self._closing = polled = None
            if wanted is not None and polled is None:
                await self._open_poll()
                polled = wanted
            await self._display(lcd_lines(self._view))
            if self._first and polled is not None:
                await self._fetch()
            try:
                async with asyncio.timeout(FETCH_S if self._first and polled else LOOK_S):
                    await self._news.wait()
            except TimeoutError:
                if not self._first:  # which is asked for its votes all the time
                    self._shown[1] = ""

    async def _say(self, command: bytes, pause_s: float = 0.0, tries: int = 1) -> bool:
        return await self.talk.ask(command, command[:2] + ACK, tries=tries, pause_s=pause_s)

    async def _must(self, command: bytes, pause_s: float = 0.0) -> None:
        await self.talk.insist(command, command[:2] + ACK, pause_s=pause_s)

    async def _start(self) -> None:
        first, second = (ord(letter) - ord("A") for letter in self._options.frequency)
        channel = bytes((0x21 + first, 0x41 + second))
        settle_s = self._options.settle_s
        if self._first:
            await self._must(b"\x01\x10" + channel, settle_s)
            await self._say(STOP)
            await self._say(END)
            return
        await self._must(b"\x01\x10" + channel)
        await self._must(b"\x01\x2a" + channel + b"\x05", settle_s)
        for command in (STOP, END, b"\x01\x15", b"\x01\x2d", OPEN, CLOSE, END):
            await self._say(command)

    async def _open_poll(self) -> None:
        self.polls += 1
        self._next_index = 0
        if self._first:
            await self._must(FIRST_START)
            return
        for command in (ALPHA, CLOSE, RESET, ALPHA):
            await self._say(command)
        await self._must(START)

    async def _close_poll(self) -> None:
        """Stop, and let the base give what it still has: its votes bear the time they come."""
        await self._must(STOP)
        await self._say(END)
        if self._first:
            await self._fetch()
            return
        for _ in range(DRAINS):
            before = self._votes
            await self._say(FETCH, FETCH_S)
            if self._votes == before:
                break
        await self._say(CLOSE)
        await self.talk.ask(OPEN, SUMMARY, tries=DRAINS)

    async def _fetch(self) -> None:
        """Ask a base of the first kind for what it has."""
        self._more = True
        for _ in range(MOST_FETCHES):
            if not self._more:
                break
            self._more = False
            await self.talk.ask(FIRST_FETCH + bytes((self._next_index, 4)), SUMMARY)

    async def _display(self, lines: tuple[str, str]) -> None:
        for at, text in enumerate(lines):
            if text != self._shown[at]:
                self._shown[at] = text
                await self._say(LCD_LINES[at] + text.encode("ascii"), LCD_PAUSE_S, MOST_MISSES)
