"""What a ZKXL receiver sends, in either dialect, as messages and as readings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

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

    def __init__(self, on_piece: Callable[[bytes, Message | None], None] | None = None) -> None:
        """`on_piece` is told of all bytes, in order: a message's, or of none."""
        self._on_piece = on_piece
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
            self._skip(self._held[:1])
            self._held, held = b"", self._held[1:]
            self._object = None
            messages += self._scan(held)
        self._heard_ns = now_ns
        messages += self._scan(self._held + data)
        return messages

    def _scan(self, held: bytes) -> list[Message]:
        messages: list[Message] = []
        at = 0
        while start := _START.search(held, at):
            self._skip(held[at : start.start()])
            at = start.start()
            if held[at] == zkxl_frames.START:
                frame, size = self._frames.find(held, at)
                if frame is not None:
                    messages.append(frame)
                    if self._on_piece is not None:
                        self._on_piece(held[at : at + size], frame)
                    at += size
                    continue
            else:
                self._object = self._object or ObjectReader()
                said, size = self._object.read(held, at)
                if size:
                    self._object = None
                if said is not None:
                    self._take(said, held[at : at + size], messages)
                    at += size
                    continue
            if size == 0:
                self._held = held[at:]
                return messages
            self._skip(held[at : at + 1])
            at += 1
        self._skip(held[at:])
        self._held = b""
        return messages

    def _take(self, said: dict[str, object], whole: bytes, messages: list[Message]) -> None:
        if not isinstance(said.get("fun"), str):
            self._skip(whole)
            return
        self.objects += 1
        found = zkxl_objects.answered(said)
        if found is not None:
            messages.append(found)
        if self._on_piece is not None:
            self._on_piece(whole, found)

    def _skip(self, junk: bytes) -> None:
        self.junk_bytes += len(junk)
        if self._on_piece is not None and junk:
            self._on_piece(junk, None)


class ZkxlCover:
    """Shows whole messages of every kind that is known, but no card on the receiver's coil."""

    def __init__(self) -> None:
        self._pieces: list[tuple[bytes, bool]] = []
        self._stream = ZkxlStream(self._cut)

    def feed(self, data: bytes, now_ns: int) -> list[tuple[bytes, bool]]:
        """The messages that `data` completes, and what is none."""
        self._stream.feed(data, now_ns)
        pieces, self._pieces = self._pieces, []
        return pieces

    def _cut(self, piece: bytes, message: Message | None) -> None:
        may_be_shown = _is_no_card(message)
        if self._pieces and not may_be_shown and not self._pieces[-1][1]:
            self._pieces[-1] = (self._pieces[-1][0] + piece, False)
        else:
            self._pieces.append((piece, may_be_shown))


def _is_no_card(message: Message | None) -> bool:
    if isinstance(message, Frame) and message.type == UPLOAD:
        inner = zkxl_frames.decode_inner(message.data)
        return inner is not None and inner.type == zkxl_frames.ANSWERS
    return isinstance(message, Answered) or (message is not None and message.type != CARD)


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
