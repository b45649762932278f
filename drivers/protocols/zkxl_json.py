"""The host's side of the JSON dialect of ZKXL receivers. They answer nothing that they are told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from drivers.capabilities import KeypadState, QuestionView
from drivers.protocols import zkxl_objects
from drivers.protocols.hearing import Hearing
from drivers.protocols.zkxl_objects import Answered
from drivers.protocols.zkxl_stream import ZkxlStream, readings
from drivers.readings import Attached, Reading

KINDS = {"single": "s", "multiple": "m", "true_false": "j", "number": "d", "buzz": "s"}
BUZZ_OPTIONS = 4
"""Any of these keys is a buzz."""
MOST_OPTIONS = 26
REMEMBERED_KEYPADS = 1024


class JsonTalk:
    """A `Conversation` with one receiver. `keypads`: how each clicker was last heard."""

    def __init__(
        self,
        device: str,
        where: str,
        *,
        attendance: bool,
        now_s: float,
        clock: Callable[[], datetime],
    ) -> None:
        self.stream = ZkxlStream()
        self.hearing = Hearing(where, now_s, answers=False)
        self.keypads: dict[str, KeypadState] = {}
        self._device = device
        self._attendance = attendance
        self._clock = clock
        self._now_s = now_s
        self._attached = False
        self._shown: tuple[int, str, int] | None = None
        self._unsent = b""

    def advance(self, data: bytes, now_s: float, now_ns: int) -> list[Reading]:
        """Take what was heard. Raises DeviceLost."""
        self._now_s = now_s
        found: list[Reading] = []
        objects = self.stream.objects
        messages = self.stream.feed(data, now_ns)
        for message in messages:
            if isinstance(message, Answered) and message.rssi_dbm is not None:
                self._heard(message.keypad, message.rssi_dbm)
            found += readings(self._device, message, now_ns)
        self.hearing.hear(len(data), len(messages) + self.stream.objects - objects, now_s)
        self.hearing.check(now_s)
        if not self._attached and self.hearing.is_ready(now_s):
            self._attached = True
            found.insert(0, Attached(device=self._device, mono_ns=now_ns))
        return found

    def _heard(self, keypad: str, rssi_dbm: int) -> None:
        self.keypads.pop(keypad, None)
        self.keypads[keypad] = KeypadState(rssi_dbm=rssi_dbm)
        if len(self.keypads) > REMEMBERED_KEYPADS:
            del self.keypads[next(iter(self.keypads))]

    def show(self, view: QuestionView | None, now_s: float) -> None:
        """Ask the clickers. Nothing is known that would tell them that a question is closed."""
        self._now_s = now_s
        shown = None if view is None else (view.question, view.kind, view.options)
        if shown == self._shown:
            return
        self._shown = shown
        self._unsent = b""
        if view is not None and view.kind in KINDS:
            now = self._clock()
            choice = ""
            options = BUZZ_OPTIONS if view.kind == "buzz" else view.options
            if options:
                choice = f"A-{chr(ord('A') + min(options, MOST_OPTIONS) - 1)}"
            self._unsent = zkxl_objects.start(
                time=f"{now:%Y-%m-%d:%H:%M:%S}:{now.microsecond // 1000:03d}",
                attendance=self._attendance,
                number=view.question,
                kind=KINDS[view.kind],
                choice=choice,
            )

    def data_to_send(self, now_s: float) -> bytes:
        """The question that was not sent yet."""
        self._now_s = now_s
        sent, self._unsent = self._unsent, b""
        return sent

    def deadline_s(self) -> float:
        """When something may come of hearing nothing."""
        return self.hearing.deadline_s(self._now_s)

    def goodbye(self) -> bytes:
        """Nothing."""
        return b""

    def counters(self) -> dict[str, int]:
        """What was counted since the line was opened."""
        return {"junk_bytes": self.stream.junk_bytes}
