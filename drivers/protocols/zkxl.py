"""The host's side of the binary dialect of ZKXL receivers: who speaks when.

One command at a time; each is answered by a frame of its own TYPE, or by E0 and its TYPE. SIGN is
the number of the question in its low half and of the lesson in its high half, so that an answer
to an earlier question is told from one to this.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from drivers.capabilities import QuestionView
from drivers.protocols import zkxl_frames as frames
from drivers.protocols.hearing import Hearing
from drivers.protocols.zkxl_frames import Frame, Inner
from drivers.protocols.zkxl_stream import ZkxlStream, readings
from drivers.readings import Attached, CardTap, KeyPress, Reading

ANSWER_S = 0.5
TRIES = 3
BUSY_S = 0.2
HEARTBEAT_S = 12.0
LOOK_S = 2.0
"""So often is a receiver asked who it is while a question is open: the sign that it lives."""
KINDS = {
    "single": frames.SINGLE,
    "multiple": frames.MULTIPLE,
    "true_false": frames.JUDGE,
    "buzz": frames.SINGLE,
}
BUZZ_OPTIONS = 4
"""Any of these keys is a buzz."""
JUDGE_OPTIONS = 2
SIGNS_OF_LIFE = (frames.INFO, frames.FORWARD)
"""What it is asked for that, the first of them that it ever answered."""
LESSONS = 64
"""So many lessons are remembered by their sign."""
OF_ANOTHER_LESSON = 0
"""No question has this number: the answer is recorded, and counts for none."""


@dataclass
class Command:
    """What the receiver is told, until it has answered."""

    type: int
    data: bytes = b""
    tries: int = 0
    due_s: float = 0.0
    waits: bool = False


class BinaryTalk:
    """A `Conversation` with one receiver."""

    def __init__(
        self,
        device: str,
        where: str,
        *,
        clickers: Sequence[str],
        attendance: bool,
        now_s: float,
        clock: Callable[[], datetime],
    ) -> None:
        """Who may answer, and what it is told at the start.

        Args:
            device: id in the settings.
            where: the port, for people.
            clickers: the whitelist; empty lets everybody answer.
            attendance: whether its coil reads cards.
            now_s: when the line was opened.
            clock: local time, which the clickers show.
        """
        self.stream = ZkxlStream()
        self.hearing = Hearing(where, now_s, answers=True)
        self.told = {
            "busy": 0, "refused_commands": 0, "whitelist_full": 0, "delivered": 0,
            "undelivered": 0, "other_lesson": 0, "unfit_questions": 0,
        }  # fmt: skip
        self._device = device
        self._clock = clock
        self._clickers = len(clickers)
        self._facts: dict[str, str] = {}
        self._news = False
        self._attached = False
        self._attendance = attendance
        self._now_s = now_s
        self._heartbeat_s = self._look_s = now_s
        self._shown: tuple[int, str, int] | None = None
        self._lesson = int(now_s) & 0xFFFF
        self._question = 0
        self._lessons = deque([self._lesson], maxlen=LESSONS)
        self._answered: set[int] = set()
        self._current: Command | None = None
        self._asking: deque[Command] = deque()
        self._queue: deque[Command] = deque(
            [Command(frames.FORWARD, b"\x01"), Command(frames.INFO)]
        )
        if clickers:
            uids = [bytes.fromhex(one) for one in clickers]
            self._queue.append(Command(frames.CLEAR))
            for at in range(0, len(uids), frames.MAX_CLICKERS_IN_FRAME):
                some = uids[at : at + frames.MAX_CLICKERS_IN_FRAME]
                self._queue.append(Command(frames.ADD, bytes((len(some),)) + b"".join(some)))
            self._queue.append(Command(frames.FILTER_ON))
        else:
            self._queue.append(Command(frames.FILTER_OFF))
        if attendance:
            self._queue.append(Command(frames.ATTEND))

    def advance(self, data: bytes, now_s: float, now_ns: int) -> list[Reading]:
        """Take what was heard. Raises DeviceLost."""
        self._now_s = now_s
        found: list[Reading] = []
        objects = self.stream.objects
        messages = self.stream.feed(data, now_ns)
        for message in messages:
            if isinstance(message, Frame):
                self._answer(message)
            for reading in readings(self._device, message, now_ns):
                sign = message.sign if isinstance(message, Frame) else None
                found.append(self._placed(reading, sign))
        self.hearing.hear(len(data), len(messages) + self.stream.objects - objects, now_s)
        if self.stream.objects > objects == 0 and not self._answered:
            self._facts["dialect"] = 'it speaks JSON: set dialect = "json"'
            self._news = True
        self._overdue()
        self.hearing.check(now_s)
        if (self._attached and self._news) or (not self._attached and self.hearing.is_ready(now_s)):
            self._attached, self._news = True, False
            attached = Attached(device=self._device, mono_ns=now_ns, facts=dict(self._facts))
            found.insert(0, attached)
        return found

    def show(self, view: QuestionView | None, now_s: float) -> None:
        """Ask the clickers, or let them be; a new count alone says nothing to them."""
        self._now_s = now_s
        shown = None if view is None else (view.question, view.kind, view.options)
        if shown == self._shown:
            return
        before, self._shown = self._shown, shown
        self._asking.clear()
        if self._current is not None and self._current.type in (frames.SEND, frames.STOP):
            self._current = None
        if view is not None:
            if view.question <= self._question:  # numbers only grow within a lesson
                self._lesson = (self._lesson + 1) & 0xFFFF
                self._lessons.append(self._lesson)
            self._question = view.question
        kind = None if view is None else KINDS.get(view.kind)
        if view is not None and kind is not None:
            options = view.options if kind != frames.JUDGE else JUDGE_OPTIONS
            if view.kind == "buzz":
                options = BUZZ_OPTIONS
            asked = frames.question(view.question & 0xFF, kind, options)
            self._tell(Inner(frames.EVERYBODY, frames.QUESTIONS, asked))
            self._look_s = now_s
        else:
            self.told["unfit_questions"] += view is not None
            if before is not None:
                self._tell(Inner(frames.EVERYBODY, frames.FINISH, b""))
                self._asking.append(Command(frames.STOP))

    def _tell(self, inner: Inner) -> None:
        self._asking.append(Command(frames.SEND, frames.encode_inner(inner)))

    @property
    def _sign(self) -> int:
        return self._lesson << 16 | self._question & 0xFFFF

    def _placed(self, reading: KeyPress | CardTap, sign: int | None) -> Reading:
        """The answer with the number of its question, which the line cuts to a byte."""
        if isinstance(reading, CardTap) or sign is None or reading.item is None:
            return reading
        lesson, question = sign >> 16, sign & 0xFFFF
        item: int | None = reading.item
        if lesson == self._lesson and question & 0xFF == reading.item:
            item = question
        elif lesson in self._lessons and lesson != self._lesson:
            self.told["other_lesson"] += 1
            item = OF_ANOTHER_LESSON
        return KeyPress(
            device=reading.device,
            mono_ns=reading.mono_ns,
            keypad=reading.keypad,
            item=item,
            key=reading.key,
        )

    def _answer(self, frame: Frame) -> None:
        current, data = self._current, frame.data
        self._answered.add(frame.type)
        if frame.type == frames.NOT_DELIVERED:
            self.told["undelivered"] += len(data) // frames.PLACE_BYTES
        elif frame.type == frames.DELIVERED:
            self.told["delivered"] += len(data) // frames.PLACE_BYTES
        elif frame.type == frames.ERROR:
            self._refused(data)
        elif frame.type == frames.INFO:
            self._introduced(data)
        if current is None or frame.type != current.type or not current.waits:
            return
        if data[:1] == b"\x01" and frame.type in (frames.SEND, frames.ATTEND):
            self.told["busy"] += 1
            current.tries, current.waits = 0, False
            current.due_s = self._now_s + (BUSY_S if frame.type == frames.SEND else HEARTBEAT_S)
            if frame.type == frames.ATTEND:  # let others go first
                self._queue.append(current)
                self._current = None
        else:
            self._current = None

    def _refused(self, data: bytes) -> None:
        if data[:1] == bytes((frames.ERROR_FULL,)):
            # Who did not fit must be able to answer: the filter stays off.
            self.told["whitelist_full"] += 1
            kept = [one for one in self._queue if one.type not in (frames.ADD, frames.FILTER_ON)]
            self._queue = deque([Command(frames.FILTER_OFF), *kept])
            self._facts["whitelist"] = f"full: it does not hold {self._clickers}, all may answer"
            self._news = True
        else:
            self.told["refused_commands"] += 1
        current = self._current
        if current is not None and (len(data) < 2 or data[1] == current.type):  # noqa: PLR2004
            self._current = None

    def _introduced(self, data: bytes) -> None:
        if len(data) < 7:  # noqa: PLR2004
            return
        facts = {
            "serial": data[:4].hex().upper(),
            "firmware": ".".join(map(str, data[4:7])),
            "hardware": printable(data[7:22]),
            "maker": printable(data[22:30]),
        }
        if not facts.items() <= self._facts.items():
            self._facts |= facts
            self._news = True

    def _overdue(self) -> None:
        current = self._current
        if current is None or not current.waits or self._now_s < current.due_s:
            return
        current.waits = False
        answers = current.type in self._answered  # else it may be one that knows no such answer
        self.hearing.miss(fatal=answers)
        question = current.type == frames.SEND
        if current.tries >= (TRIES if question or self.hearing.heard else 1):
            self._current = None
            if question and answers:  # what is open must be known, however late
                current.tries, current.due_s = 0, self._now_s + LOOK_S
                self._asking.append(current)

    def data_to_send(self, now_s: float) -> bytes:
        """The heartbeat when it is due, and the next command when the last is done."""
        self._now_s = now_s
        sent = b""
        if now_s >= self._heartbeat_s:
            self._heartbeat_s = now_s + HEARTBEAT_S
            stamp = bytes.fromhex(self._clock().strftime("%Y%m%d%H%M%S"))
            sent += frames.encode(Frame(frames.HEARTBEAT, self._sign, stamp))
            self._look(now_s)
        elif self._shown is not None and now_s >= self._look_s:
            self._look(now_s)
        if self._current is None:
            self._current = self._next(now_s)
        current = self._current
        if current is not None and not current.waits and now_s >= current.due_s:
            current.tries += 1
            current.waits, current.due_s = True, now_s + ANSWER_S
            sent += frames.encode(Frame(current.type, self._sign, current.data))
        return sent

    def _look(self, now_s: float) -> None:
        self._look_s = now_s + LOOK_S
        if self._current is None and not self._asking and not self._queue:
            for sign in SIGNS_OF_LIFE:
                if sign in self._answered:
                    data = b"\x01" if sign == frames.FORWARD else b""
                    self._queue.append(Command(sign, data))
                    return

    def _next(self, now_s: float) -> Command | None:
        for queue in (self._asking, self._queue):
            for command in queue:
                if command.due_s <= now_s:
                    queue.remove(command)
                    return command
        return None

    def deadline_s(self) -> float:
        """When the next command, answer or heartbeat is due."""
        marks = [self._heartbeat_s, self.hearing.deadline_s(self._now_s)]
        if self._shown is not None:
            marks.append(self._look_s)
        if self._current is not None:
            marks.append(self._current.due_s)
        elif self._asking or self._queue:
            marks.append(min([one.due_s for one in (*self._asking, *self._queue)]))
        return min(marks)

    def goodbye(self) -> bytes:
        """What a receiver is told when it is left."""
        if not self._attendance:
            return b""
        return frames.encode(Frame(frames.ATTEND_STOP, self._sign, b""))

    def counters(self) -> dict[str, int]:
        """What was counted since the line was opened."""
        skipped = {"junk_bytes": self.stream.junk_bytes, "unanswered": self.hearing.unanswered}
        return skipped | self.told


def printable(data: bytes) -> str:
    """Text as a receiver gives it, filled up with whatever."""
    return "".join(chr(byte) for byte in data if 0x20 <= byte < 0x7F).strip()  # noqa: PLR2004
