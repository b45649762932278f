"""The host's side of SunVote bases: who speaks when.

The base says nothing by itself. At the start it is asked for its number and for its keypads; while
a question is open, it is polled all the time, and otherwise asked now and then whether it lives.
Keypads are always asked for up to six options: a base that is told one scrambles the key, so that
a single choice with two keys is left to the lesson's rules.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from drivers.capabilities import QuestionView
from drivers.protocols import sunvote_frames as frames
from drivers.protocols.hearing import Hearing
from drivers.protocols.sunvote_frames import SCAN, SYSTEM, Answers, SunvoteFrames, long, short
from drivers.readings import Attached, Reading

CONFIG_S = 0.5
IDLE_S = 3.0
STEP_S = 0.02
WAKE_S = 0.05
LISTEN_S = 0.4
MOST_MISSES = 5
KINDS = {"single", "multiple", "true_false", "buzz"}
JUDGE_OPTIONS = 2
FIRST_BASE = 1
"""The number of a base that did not say its own."""


class Step(NamedTuple):
    """One frame to send, and how long to wait after it. `asks`: something must come back."""

    payload: bytes
    pause_s: float
    asks: bool = False


class SunvoteTalk:
    """A `Conversation` with one base."""

    def __init__(self, device: str, where: str, *, now_s: float) -> None:
        self.hearing = Hearing(where, now_s, answers=True, most_misses=MOST_MISSES)
        self.unfit_questions = 0
        self._device = device
        self._frames = SunvoteFrames()
        self._answers = Answers(device)
        self._facts: dict[str, str] = {}
        self._base: int | None = None
        self._attached = self._news = False
        self._now_s = self._due_s = now_s
        self._asks = False
        self._shown: tuple[int, str, int] | None = None
        self._polled = False
        self._steps: deque[Step] = deque()

    def advance(self, data: bytes, now_s: float, now_ns: int) -> list[Reading]:
        """Take what was heard. Raises DeviceLost."""
        self._now_s = now_s
        found: list[Reading] = []
        payloads = self._frames.feed(data)
        for payload in payloads:
            self._learn(payload)
            press = self._answers.take(payload, now_ns)
            if press is not None:
                found.append(press)
        if payloads:
            self._asks = False
        self.hearing.hear(len(data), len(payloads), now_s)
        if self._asks and not self._steps and now_s >= self._due_s:
            self._asks = False
            self.hearing.miss()
        self.hearing.check(now_s)
        ready = self._base is not None or bool(found) or self.hearing.is_ready(now_s)
        if (not self._attached and ready) or (self._attached and self._news):
            self._attached, self._news = True, False
            attached = Attached(device=self._device, mono_ns=now_ns, facts=dict(self._facts))
            found.insert(0, attached)
        return found

    def _learn(self, payload: bytes) -> None:
        if len(payload) == frames.ANSWER_BYTES:
            return
        facts: dict[str, str] = {}
        if payload[0] == frames.SYSTEM_REPLY and payload[4] == frames.CONFIG_READ:
            self._base = payload[1]
            facts = {"base": str(payload[1]), "channel": str(payload[7])}
        elif payload[0] == frames.SCAN_REPLY and payload[4] == frames.RANGE_READ:
            first, last = (int.from_bytes(payload[at : at + 2], "big") for at in (5, 7))
            facts = {"keypads": f"{first}-{last}"}
        if not facts.items() <= self._facts.items():
            self._facts |= facts
            self._news = True

    def show(self, view: QuestionView | None, now_s: float) -> None:
        """Begin or end a poll; a new count alone says nothing to the base."""
        self._now_s = now_s
        shown = None if view is None else (view.question, view.kind, view.options)
        if shown == self._shown:
            return
        self._shown = shown
        self._steps.clear()
        self._asks = False
        self._due_s = min(self._due_s, now_s + STEP_S)
        if self._polled:
            self._steps.append(Step(short(SCAN, self._number, frames.STOP), STEP_S))
            self._polled = False
        if view is None:
            return
        if view.kind not in KINDS:
            self.unfit_questions += 1
            return
        self._answers.forget()
        self._polled = True
        options = JUDGE_OPTIONS if view.kind == "true_false" else view.options
        if view.kind == "buzz":  # any key is one
            options = frames.MAX_OPTIONS
        self._begin(min(options, frames.MAX_OPTIONS))

    def _begin(self, options: int) -> None:
        base = self._number
        choice = bytes((frames.CHOICE_MODE, options, frames.MAX_OPTIONS, 1, 0))
        self._steps += [
            Step(short(SCAN, base, frames.OPEN, frames.OPEN_CHOICE, choice), STEP_S),
            Step(short(SCAN, base, frames.BEGIN), STEP_S),
            Step(short(SCAN, base, frames.LISTEN), STEP_S),
            Step(long(SCAN, base, frames.ASK, self._answers.status), WAKE_S),
            Step(long(SCAN, frames.KEYPADS, frames.ASK), STEP_S),
        ]

    @property
    def _number(self) -> int:
        return FIRST_BASE if self._base is None else self._base

    def data_to_send(self, now_s: float) -> bytes:
        """The next frame, when the pause after the last is over."""
        self._now_s = now_s
        if now_s < self._due_s:
            return b""
        if not self._steps:
            self._go_on()
        step = self._steps.popleft()
        self._due_s = now_s + step.pause_s
        self._asks = self._asks or step.asks
        return frames.encode(step.payload)

    def _go_on(self) -> None:
        base = self._number
        if self._polled:
            self._steps += [
                Step(long(SCAN, base, frames.ASK, self._answers.status), STEP_S, asks=True),
                Step(long(SCAN, frames.KEYPADS, frames.ASK), STEP_S),
                Step(short(SCAN, base, frames.LISTEN), LISTEN_S),
            ]
        elif self._base is None:
            config = short(SYSTEM, 0, frames.CONFIG_FLAGS, frames.CONFIG_READ)
            self._steps.append(Step(config, CONFIG_S, asks=True))
        elif "keypads" not in self._facts:
            keypads = short(SCAN, base, frames.RANGE_FLAGS, frames.RANGE_READ)
            self._steps.append(Step(keypads, CONFIG_S, asks=True))
        else:
            config = short(SYSTEM, 0, frames.CONFIG_FLAGS, frames.CONFIG_READ)
            self._steps.append(Step(config, IDLE_S, asks=True))

    def deadline_s(self) -> float:
        """When the next frame is due."""
        return max(self._due_s, self._now_s)

    def goodbye(self) -> bytes:
        """Ends the poll, if there is one."""
        if not self._polled:
            return b""
        return frames.encode(short(SCAN, self._number, frames.STOP))

    def counters(self) -> dict[str, int]:
        """What was counted since the line was opened."""
        return {
            "junk_bytes": self._frames.junk_bytes,
            "repeats": self._answers.repeats,
            "unanswered": self.hearing.unanswered,
            "unfit_questions": self.unfit_questions,
        }
