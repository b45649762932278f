"""A receiver that costs next to nothing, for floods: the protocol of firmware_bridge, no more.

Which key which keypad presses follows from the press's number, so a press is two integers: when it
was made, and when its clicker was shown what became of it.
"""

from __future__ import annotations

import time
from array import array
from binascii import crc_hqx
from struct import Struct

from firmware_bridge.frame import CRC_START, FrameDecoder, encode_frame
from firmware_bridge.message_table import (
    LAYOUT_CRC,
    MAX_PRESSES_IN_FRAME,
    PROTOCOL_MAJOR,
    PROTOCOL_MINOR,
    TICK_NS,
    MessageType,
)
from firmware_bridge.messages import Hello, Status, Time

BOARD_VIRTUAL = 2
BOOT = 17
KEYS = b"ABCD"
RESEND_NS = 500_000_000
RESEND_MAX_NS = 4_000_000_000
_HEAD = Struct("<BHIB")
# One struct a count of presses: a press is time, keypad, length of the key, key.
_BODIES = [Struct("<BHIB" + "I4sBc" * count) for count in range(MAX_PRESSES_IN_FRAME + 1)]
_LIT = bytes(range(0x80))
"""Outcomes that give a light."""
_RUNS = [bytes((length + 1,)) for length in range(254)]


def now_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def keypads(serial: int, count: int) -> list[bytes]:
    """Ids that look drawn at random, as those of real keypads do; the same at every run."""
    return [
        (((serial << 16 | number) * 2_654_435_761) % (1 << 32)).to_bytes(4, "big")
        for number in range(1, count + 1)
    ]


class LeanReceiver:
    """Presses by number, from 1; their times by number - 1.

    `pressed_ns`: the key went down; `framed_ns`: first in a frame on the line, shorter by what has
    not been; `ticked_ns`: the light went on, 0 if it has not.

    Attributes:
        patient: whether it waits for a line that takes no bytes; one that keeps its presses
            sends them again instead.
        accepted: outcomes that gave a light; `rejected`: those that gave none.
        refused: presses for which the ring had no room.
        resent: presses sent again.
    """

    patient = False

    def __init__(self, serial: int, *, ring: int, clickers: int) -> None:
        self.serial = f"{serial:016X}"
        self.ring = ring
        self.pressed_ns = array("q")
        self.framed_ns = array("q")
        self.ticked_ns = array("q")
        self.accepted = self.rejected = self.refused = self.resent = 0
        self.greeted = False
        self.question = 0
        self._keypads = keypads(serial, clickers)
        self._frames = FrameDecoder()
        self._replies: list[bytes] = []
        self._sent = 0  # presses up to this one are on the line
        self._settled = 0  # presses up to this one have their outcome
        self._clock_from_ns = now_ns()
        self._progress_ns = 0
        self._resend_ns = RESEND_NS

    @property
    def token_prefix(self) -> str:
        """A press's token without its number."""
        return f"{self.serial}:{BOOT}:"

    @property
    def made(self) -> int:
        """Presses so far."""
        return len(self.pressed_ns)

    @property
    def settled(self) -> int:
        """Presses with an outcome."""
        return self._settled

    @property
    def unsent(self) -> int:
        """Presses that are in no frame yet."""
        return len(self.pressed_ns) - self._sent

    @property
    def room(self) -> int:
        """Presses that the ring still takes."""
        return self.ring - (len(self.pressed_ns) - self._settled)

    def press(self, at_ns: int) -> bool:
        """One press; False if the ring had no room, and the clicker showed nothing."""
        if self.room <= 0:
            self.refused += 1
            return False
        self.pressed_ns.append(at_ns)
        self.ticked_ns.append(0)
        return True

    def press_many(self, count: int, at_ns: int) -> None:
        """So many presses at once; the caller has looked for room."""
        self.pressed_ns.extend(array("q", (at_ns,)) * count)
        self.ticked_ns.extend(array("q", (0,)) * count)

    def feed(self, data: bytes, at_ns: int) -> None:
        """Bytes from the host."""
        for body in self._frames.feed(data):
            kind = body[0]
            if kind == MessageType.OUTCOMES:
                self._outcomes(body, at_ns)
            elif kind == MessageType.TIME_REQUEST:
                ticks = self._ticks(at_ns)
                self._replies.append(encode_frame(Time(body[1], ticks, ticks).encode()))
            elif kind == MessageType.STATUS_REQUEST:
                self._replies.append(self._status())
            elif kind == MessageType.HELLO_REQUEST:
                self.resent += self._sent - self._settled
                self._sent = self._settled
                self._replies.append(self._hello(at_ns))
                self.greeted = True
            elif kind == MessageType.SHOW:
                self.question = int.from_bytes(body[1:3], "little")

    def frames(self, most: int, at_ns: int) -> bytes:
        """What to write now: replies, then at most `most` presses that are not on the line."""
        if self._sent > self._settled and at_ns > self._progress_ns + self._resend_ns:
            self.resent += self._sent - self._settled
            self._sent = self._settled
            self._resend_ns = min(2 * self._resend_ns, RESEND_MAX_NS)
            self._progress_ns = at_ns
        parts, self._replies = self._replies, []
        stop = min(len(self.pressed_ns), self._sent + most)
        if self._sent == self._settled:
            self._progress_ns = at_ns
        while self._sent < stop:
            count = min(MAX_PRESSES_IN_FRAME, stop - self._sent)
            parts.append(self._presses(self._sent, count))
            self._sent += count
        fresh = self._sent - len(self.framed_ns)
        if fresh > 0:
            self.framed_ns.extend(array("q", (at_ns,)) * fresh)
        return b"".join(parts)

    def _presses(self, first: int, count: int) -> bytes:
        fields: list[int | bytes] = [MessageType.PRESSES, BOOT, first + 1, count]
        pads, pressed_ns, from_ns = self._keypads, self.pressed_ns, self._clock_from_ns
        for number in range(first, first + count):
            lap, pad = divmod(number, len(pads))
            ticks = (pressed_ns[number] - from_ns) // TICK_NS
            fields += (ticks, pads[pad], 1, KEYS[lap & 3 : (lap & 3) + 1])
        body = _BODIES[count].pack(*fields)
        body += crc_hqx(body, CRC_START).to_bytes(2, "big")
        runs: list[bytes] = []
        for run in body.split(b"\0"):
            runs += (_RUNS[len(run)], run)
        return b"".join(runs) + b"\0"

    def _outcomes(self, body: bytes, at_ns: int) -> None:
        _, _, first, count = _HEAD.unpack_from(body)
        fresh = (
            body[_HEAD.size + self._settled + 1 - first :] if first <= self._settled + 1 else b""
        )
        if not fresh or first + count - 1 > self._sent:
            return  # an answer to what is not on the line (any more): it comes again
        settled = self._settled + len(fresh)
        self.ticked_ns[self._settled : settled] = array("q", (at_ns,)) * len(fresh)
        self._settled = settled
        rejected = len(fresh.translate(None, _LIT))
        self.rejected += rejected
        self.accepted += len(fresh) - rejected
        self._progress_ns = at_ns
        self._resend_ns = RESEND_NS

    def _ticks(self, at_ns: int) -> int:
        return (at_ns - self._clock_from_ns) // TICK_NS % (1 << 32)

    def _hello(self, at_ns: int) -> bytes:
        hello = Hello(
            protocol=(PROTOCOL_MAJOR, PROTOCOL_MINOR),
            firmware=(1, 0, 0),
            board=BOARD_VIRTUAL,
            serial=bytes.fromhex(self.serial),
            boot=BOOT,
            ring_boot=BOOT,
            clock_ticks=self._ticks(at_ns),
            ring_capacity=self.ring,
            ring_waiting=min(len(self.pressed_ns) - self._settled, 0xFFFF),
            first_seq=self._settled + 1,
            refused=self.refused,
            lost=0,
            table=tuple(LAYOUT_CRC.items()),
        )
        return b"\0" + encode_frame(hello.encode())

    def _status(self) -> bytes:
        status = Status(
            boot=BOOT,
            ring_waiting=min(len(self.pressed_ns) - self._settled, 0xFFFF),
            refused=self.refused,
            lost=0,
            resent=self.resent,
            junk_frames=self._frames.junk_frames,
            overruns=0,
            shown=self.question,
        )
        return encode_frame(status.encode())
