"""How often a sensor's values are told, whatever it says itself."""

from __future__ import annotations

from drivers.readings import Measurement

NS = 1_000_000_000


class Telling:
    """Which of many values are told: the newest, now and then, and one that has moved at once.

    The newest is never given up: when it was too early for it, it is told later.
    """

    def __init__(self, every_ns: int, least_ns: int, worth_telling: float | None) -> None:
        self.not_told = 0
        self._every_ns = every_ns
        self._least_ns = min(least_ns, every_ns)
        self._worth_telling = worth_telling
        self._told: Measurement | None = None
        self._told_ns = 0
        self._newest: Measurement | None = None

    def hear(self, measurements: list[Measurement]) -> None:
        """Take what was measured."""
        if measurements:
            self.not_told += len(measurements) - (self._newest is None)
            self._newest = measurements[-1]

    def due_s(self, now_ns: int) -> float | None:
        """When the newest value is to be told; None if there is none."""
        return None if self._newest is None else max(0, self._due_ns(self._newest) - now_ns) / NS

    def take(self, now_ns: int) -> Measurement | None:
        """The newest value, if it is time."""
        newest = self._newest
        if newest is None or now_ns < self._due_ns(newest):
            return None
        self._told, self._told_ns, self._newest = newest, now_ns, None
        return newest

    def _due_ns(self, newest: Measurement) -> int:
        if self._told is None:
            return newest.mono_ns
        worth = self._worth_telling
        moved = worth is not None and abs(newest.value - self._told.value) > worth
        return self._told_ns + (self._least_ns if moved else self._every_ns)
