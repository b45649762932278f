"""What a ZKXL receiver sends, in either dialect, as messages and as readings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from drivers.protocols import zkxl_frames, zkxl_objects
from drivers.protocols.zkxl_frames import CARD, PAUSE_NS, UPLOAD, Frame, FrameFinder
from drivers.protocols.zkxl_objects import Answered, ObjectReader
from drivers.readings import CardTap, KeyPress

Message = Frame | Answered
_START = re.compile(rb"[\x5c{]")


class ZkxlStream:
    """Bytes to messages. Holds at most one that is unfinished.

    `objects` counts whole objects of the JSON dialect, also those that report no answers.
    """

    def __init__(self) -> None:
        self.junk_bytes = 0
        self.objects = 0
        self._held = b""
        self._heard_ns = 0
        self._frames = FrameFinder()
        self._object: ObjectReader | None = None

    def feed(self, data: bytes, now_ns: int) -> list[Message]:
        """The messages that `data` completes."""
        messages: list[Message] = []
        if self._held and now_ns - self._heard_ns > PAUSE_NS:
            self._held, held = b"", self._held[1:]
            self.junk_bytes += 1
            self._object = None
            messages += self._scan(held)
        self._heard_ns = now_ns
        messages += self._scan(self._held + data)
        return messages

    def _scan(self, held: bytes) -> list[Message]:
        messages: list[Message] = []
        at = 0
        while start := _START.search(held, at):
            self.junk_bytes += start.start() - at
            at = start.start()
            if held[at] == zkxl_frames.START:
                frame, size = self._frames.find(held, at)
                if frame is not None:
                    messages.append(frame)
                    at += size
                    continue
            else:
                self._object = self._object or ObjectReader()
                said, size = self._object.read(held, at)
                if size:
                    self._object = None
                if said is not None:
                    self._take(said, size, messages)
                    at += size
                    continue
            if size == 0:
                self._held = held[at:]
                return messages
            self.junk_bytes += 1
            at += 1
        self.junk_bytes += len(held) - at
        self._held = b""
        return messages

    def _take(self, said: dict[str, object], size: int, messages: list[Message]) -> None:
        if not isinstance(said.get("fun"), str):
            self.junk_bytes += size
            return
        self.objects += 1
        found = zkxl_objects.answered(said)
        if found is not None:
            messages.append(found)


def readings(device: str, message: Message, now_ns: int) -> Iterator[KeyPress | CardTap]:
    """What a message says of people. The number of the question is that on the line."""
    if isinstance(message, Answered):
        for number, key in message.answers:
            yield KeyPress(
                device=device, mono_ns=now_ns, keypad=message.keypad, item=number, key=key
            )
    elif message.type == UPLOAD:
        inner = zkxl_frames.decode_inner(message.data)
        if inner is not None and inner.type == zkxl_frames.ANSWERS:
            keypad = inner.id.hex().upper()
            for number, key in zkxl_frames.answers(inner.data) or ():
                yield KeyPress(device=device, mono_ns=now_ns, keypad=keypad, item=number, key=key)
    elif message.type == CARD and len(message.data) == zkxl_frames.CARD_BYTES:
        yield CardTap(device=device, mono_ns=now_ns, uid=message.data[1:5].hex().upper())
