"""A dialogue with a device that acknowledges each command before it wants the next, without I/O.

What is said is a script: a generator that yields `Say`, and is told whether the answer came, or
`Rest`, and is told whether something woke it before its time.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

from drivers.errors import DeviceLost

MOST_MISSES = 3
"""So many commands in a row without an answer, and nothing else heard: it is dead."""


class Say(NamedTuple):
    """A command, said up to `tries` times until an answer that begins so has come.

    After each time there is a pause. Nothing can go on without the answer of a `needed` one.
    """

    command: bytes
    answer: bytes
    pause_s: float = 0.0
    tries: int = 1
    needed: bool = False


class Rest(NamedTuple):
    """Nothing to say for so long, or until there is news."""

    longest_s: float


Script = Generator[Say | Rest, bool, None]


class Dialogue:
    """Plays a script. All `now_s` are of one steady clock.

    Attributes:
        unanswered: how often a command was said and no answer came in time.
        deadline_s: when to advance even if nothing is heard.
        lost: why it cannot go on; None while it can.
    """

    def __init__(self, script: Script, where: str, *, timeout_s: float, now_s: float) -> None:
        """`where`: the device, for people; `timeout_s`: how long it may take to answer."""
        self.unanswered = 0
        self.deadline_s = now_s
        self.lost: DeviceLost | None = None
        self._script = script
        self._where = where
        self._timeout_s = timeout_s
        self._waits = False
        self._news = False
        self._misses = 0
        self._begin(next(script), now_s)

    def hear(self, report: bytes) -> None:
        """Anything that the device sent: it is alive, and this may be the answer waited for."""
        self._misses = 0
        if self._waits and isinstance(self._step, Say) and report.startswith(self._step.answer):
            self._answered = True

    def wake(self, now_s: float) -> None:
        """There is news: a rest is over, this one or the next."""
        self._news = True
        if isinstance(self._step, Rest):
            self.deadline_s = min(self.deadline_s, now_s)

    def advance(self, now_s: float) -> bytes:
        """What is to be said now; at most one command, b"" if none."""
        while self.lost is None:
            step = self._step
            if isinstance(step, Rest):
                if not self._news and now_s < self.deadline_s:
                    break
                news, self._news = self._news, False
                self._begin(self._script.send(news), now_s)
            elif self._waits:
                if not self._answered and now_s < self.deadline_s:
                    break
                self._end_wait(step, now_s)
            elif now_s < self.deadline_s:  # the pause after it, or before the first
                break
            elif self._answered or self._tries == step.tries:
                if step.needed and not self._answered:
                    self._give_up(now_s)
                else:
                    self._begin(self._script.send(self._answered), now_s)
            else:
                self._tries += 1
                self._waits = True
                self.deadline_s = now_s + self._timeout_s
                return step.command
        return b""

    def _begin(self, step: Say | Rest, now_s: float) -> None:
        self._step = step
        self._tries, self._answered = 0, False
        self.deadline_s = now_s
        if isinstance(step, Rest) and not self._news:
            self.deadline_s += step.longest_s

    def _end_wait(self, step: Say, now_s: float) -> None:
        self._waits = False
        self.deadline_s = now_s + step.pause_s
        if not self._answered:
            self.unanswered += 1
            self._misses += 1
            if self._misses >= MOST_MISSES:
                self._give_up(now_s)

    def _give_up(self, now_s: float) -> None:
        self.deadline_s = now_s
        hint = "it stopped answering; started anew, else pull it out and plug it in again"
        self.lost = DeviceLost("base_silent", self._where, hint)
