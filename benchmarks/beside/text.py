"""Clickers of the plain kind: each answer is a line of text of 22 bytes, sent once and forgotten.

What other gateways read. Looks like a `LeanReceiver` to the process that owns the serial ports.
"""

from __future__ import annotations

import re
from array import array

from benchmarks.rig.receiver import KEYS

FRAME = re.compile(rb"(\d{8}) K\d{4} Q\d{3} [A-D]")
CLICKERS = 48


def frame(number: int) -> bytes:
    """The line of one press: its number, keypad, question, key."""
    lap, keypad = divmod(number, CLICKERS)
    return b"%08d K%04d Q%03d %c\n" % (number, keypad, lap % 1000, KEYS[lap & 3])


class TextClickers:
    """Presses by number, from 1."""

    patient = True

    def __init__(self) -> None:
        self.pressed_ns = array("q")
        self.framed_ns = array("q")
        self.ticked_ns = array("q")
        self.accepted = self.rejected = self.refused = self.resent = 0
        self.greeted = True
        self._sent = 0

    @property
    def token_prefix(self) -> str:
        """There are no tokens."""
        return "text"

    @property
    def made(self) -> int:
        """Presses so far."""
        return len(self.pressed_ns)

    @property
    def settled(self) -> int:
        """Those on the line: nobody answers, so that is all that is known."""
        return self._sent

    @property
    def unsent(self) -> int:
        """Presses that are in no frame yet."""
        return len(self.pressed_ns) - self._sent

    @property
    def room(self) -> int:
        """There is no ring: the line alone holds a flood back."""
        return 1 << 30

    def press(self, at_ns: int) -> bool:
        """One press."""
        self.pressed_ns.append(at_ns)
        return True

    def press_many(self, count: int, at_ns: int) -> None:
        """So many presses at once."""
        self.pressed_ns.extend(array("q", (at_ns,)) * count)

    def feed(self, data: bytes, at_ns: int) -> None:
        """They do not listen."""

    def frames(self, most: int, at_ns: int) -> bytes:
        """At most so many presses that are not on the line."""
        first, self._sent = self._sent, min(len(self.pressed_ns), self._sent + most)
        self.framed_ns.extend(array("q", (at_ns,)) * (self._sent - first))
        return b"".join(frame(number) for number in range(first + 1, self._sent + 1))
