"""When a card that is read over and over is a tap: the first time after it was away."""

from __future__ import annotations

ABSENT_NS = 1_000_000_000
"""A card that was away this long and is read again is tapped again."""
RETURN_NS = 5_000_000_000
"""So long a reader that comes back may take to find the card that has lain on it all the time."""
LYING_NS = 1 << 63


class Presence:
    """The cards that lie on one reader. Holds those of the last second, and those that lie there.

    `repeats` counts the cards that were read again as they lay there.
    """

    def __init__(self) -> None:
        self.repeats = 0
        self._until_ns: dict[str, int] = {}

    def arrives(self, uid: str, now_ns: int, *, stays: bool = False) -> bool:
        """Note that a card was read; whether that is a tap.

        `stays`: the reader will say when it is taken away; until then it lies there.
        """
        until_ns = {one: ns for one, ns in self._until_ns.items() if now_ns < ns}
        lay_there = uid in until_ns
        until_ns[uid] = LYING_NS if stays else now_ns + ABSENT_NS
        self._until_ns = until_ns
        self.repeats += lay_there
        return not lay_there

    def leaves(self, uid: str, now_ns: int) -> None:
        """Note that a card was taken away."""
        self._until_ns[uid] = now_ns + ABSENT_NS

    def returns(self, now_ns: int) -> None:
        """Note that the reader is back: what lay there when it went need not be there any more."""
        for uid, ns in self._until_ns.items():
            if ns == LYING_NS:
                self._until_ns[uid] = now_ns + RETURN_NS
