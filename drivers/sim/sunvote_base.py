"""A virtual SunVote base with its keypads: says nothing unless it is asked."""

from __future__ import annotations

from collections import deque

from drivers.protocols import sunvote_frames as frames
from drivers.protocols.sunvote_frames import SunvoteFrames
from drivers.sim.serial_port import VirtualPort

NO_ACK = 0xFE


class VirtualSunvote:
    """A base on `port`.

    Attributes:
        told: the flags of what it was told about polls, in order: C1 .. C5.
        most_asked: the options and the most that it was told to take, of the last poll.
        acknowledged: the status of each answer that the host has acknowledged.
        silent: it neither hears nor says anything.
        misses_acknowledgements: it goes on saying what it has said.
    """

    def __init__(
        self, *, base: int = 7, channel: int = 12, keypads: tuple[int, int] = (1, 60)
    ) -> None:
        self.port = VirtualPort(self.feed)
        self.told: list[int] = []
        self.woken = 0
        self.most_asked = (0, 0)
        self.acknowledged: list[int] = []
        self.polling = False
        self.silent = self.misses_acknowledgements = False
        self._base, self._channel, self._keypads = base, channel, keypads
        self._frames = SunvoteFrames()
        self._waiting: deque[tuple[int, int, int]] = deque()
        self._status = 0

    def press(self, keypad: int, mask: int) -> None:
        """A keypad answers: one bit an option."""
        if self.polling:
            self._waiting.append((self._status, keypad, mask))
            self._status = (self._status + 1) % NO_ACK

    def feed(self, data: bytes) -> None:
        """Bytes from the host."""
        for payload in self._frames.feed(data):
            if not self.silent:
                self._take(payload)

    def _take(self, payload: bytes) -> None:
        command, to, _, flags, sub = payload[:5]
        if command == frames.SYSTEM and (flags, sub) == (frames.CONFIG_FLAGS, frames.CONFIG_READ):
            data = bytes((0, 0, self._channel))
            self._say(frames.short(frames.SYSTEM_REPLY, self._base, flags, sub, data))
        elif command != frames.SCAN:
            return
        elif to == frames.KEYPADS:
            self.woken += 1
        elif to != self._base:
            return
        elif (flags, sub) == (frames.RANGE_FLAGS, frames.RANGE_READ):
            data = b"".join(one.to_bytes(2, "big") for one in self._keypads)
            self._say(frames.short(frames.SCAN_REPLY, self._base, flags, sub, data))
        else:
            self.told.append(flags)
            self._poll(payload, flags, sub)

    def _poll(self, payload: bytes, flags: int, sub: int) -> None:
        if flags == frames.OPEN:
            self.polling, self.most_asked = True, (payload[6], payload[7])
            self._waiting.clear()
        elif flags == frames.STOP:
            self.polling = False
        elif flags == frames.ASK:
            heard = not self.misses_acknowledgements
            if heard and self._waiting and self._waiting[0][0] == sub:
                self.acknowledged.append(self._waiting.popleft()[0])
            self._say(self._answer())

    def _answer(self) -> bytes:
        head = bytes((frames.SCAN_REPLY, self._base, 0, 0))
        said = bytes((frames.EMPTY, 0, 0, 0, 0))
        if self._waiting:
            status, keypad, mask = self._waiting[0]
            said = bytes((status, 0, 0, keypad, mask))
        return (head + said).ljust(frames.ANSWER_BYTES, b"\0")

    def _say(self, payload: bytes) -> None:
        self.port.send(frames.encode(payload))
