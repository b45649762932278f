"""When a card that is read over and over is a tap: the first time after it was away."""

from __future__ import annotations

ABSENT_NS = 1_000_000_000
"""A card that was away this long and is read again is tapped again."""


class Presence:
    """The cards that lie on one reader. Holds those of the last second."""

    def __init__(self) -> None:
        self.repeats = 0
        self._seen_ns: dict[str, int] = {}

    def arrives(self, uid: str, now_ns: int) -> bool:
        """Note that a card was read; whether that is a tap."""
        seen_ns = {one: ns for one, ns in self._seen_ns.items() if now_ns - ns < ABSENT_NS}
        lay_there = uid in seen_ns
        seen_ns[uid] = now_ns
        self._seen_ns = seen_ns
        self.repeats += lay_there
        return not lay_there
