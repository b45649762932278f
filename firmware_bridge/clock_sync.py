"""The receiver's clock mapped to the host's, with the bounds within which the truth must lie.

A request cannot arrive before it left, nor a reply leave after it came: each exchange bounds the
host time of a receiver time from below and from above. A clock is taken to change its rate by no
more than WANDER_PER_S, so an exchange of some age bounds the clock of now too, only more loosely.
All bounds together leave a polygon of (offset, rate) that may be true now; a press lies within
what the polygon says, and its middle is what we tell (docs/decisions/0024).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from firmware_bridge.message_table import TICK_NS

CLOCK_MODULUS = 1 << 32
MAX_RATE_ERROR = 0.01  # a ceramic resonator's 0.5 %, with its age and a cold room
WANDER_PER_S = 3e-6  # of rate: a resonator of 60 ppm/K that warms 3 K in a minute
MAX_WANDER = 500e-6  # of rate, from any moment of one life of the clock to any other
KEPT_NS = int(MAX_WANDER / WANDER_PER_S * 1e9)  # older exchanges are worth only the rate they gave
MAX_BOUNDS = 20  # a side; one that is left out only leaves more uncertainty
TOLD_NS = 10_000  # finer is noise to a clock of 100 us, and costs bytes wherever a time is kept
AHEAD_TICKS = 10_000  # a press may seem this far in the future

Corner = tuple[float, float]
"""(ns that the host is off the anchor's line, rate - 1)."""


class Bound(msgspec.Struct, frozen=True):
    """When the receiver's clock said `clock_ns`, the host's said at least, or at most, `host_ns`.

    `bent_ns` is the same on the axis on which bounds of every age lie as they will for ever.
    """

    clock_ns: int
    host_ns: int
    bent_ns: float


class ClockSync:
    """One uninterrupted life of a receiver's clock."""

    def __init__(self) -> None:
        self._least: list[Bound] = []  # upper hull of lower bounds
        self._most: list[Bound] = []  # lower hull of upper bounds
        self._start_ns = 0  # of the axis, by the receiver's clock
        self._clock_ns = self._host_ns = 0  # the anchor: newest exchange
        self._corners: list[Corner] = []
        self._offset_ns = self._rate = 0.0  # of the middle line, at the anchor
        self._slowest, self._fastest = -MAX_RATE_ERROR, MAX_RATE_ERROR
        self._guessed = False
        self.steps = 0

    @property
    def known(self) -> bool:
        """Whether anything was learnt yet, or guessed."""
        return bool(self._corners)

    def guess(self, left_ns: int, ticks: int, arrived_ns: int) -> None:
        """Without an exchange: the clock said `ticks` probably between these times.

        Nothing is stated of such a mapping's uncertainty, and the first exchange replaces it.
        """
        self.add(left_ns, ticks, ticks, arrived_ns)
        self._guessed = True

    def add(self, sent_ns: int, received_ticks: int, sent_ticks: int, arrived_ns: int) -> None:
        """Learn from one exchange: our request left, came there, their reply left, came here.

        An exchange that contradicts what is known means that the clock has stepped, or is worse
        than we take clocks to be: all before it is forgotten, and `steps` grows.
        """
        inside_ticks = (sent_ticks - received_ticks) % CLOCK_MODULUS
        if inside_ticks * TICK_NS > (arrived_ns - sent_ns + TICK_NS) * (1 + MAX_RATE_ERROR):
            return  # no clock says that of so short a time
        if self._guessed:
            self._guessed = False
            self._begin()
        if self.known:
            received_ticks = self._unwrap(received_ticks, arrived_ns)
        else:
            self._start_ns = received_ticks * TICK_NS
        received_ns = (received_ticks + 1) * TICK_NS  # a tick is a span of time
        replied_ns = (received_ticks + inside_ticks) * TICK_NS
        if self.known:
            self._forget(received_ns - KEPT_NS)
        for _ in range(2):
            self._extend(self._least, received_ns, sent_ns, 1)
            self._extend(self._most, replied_ns, arrived_ns, -1)
            self._clock_ns = received_ns
            self._host_ns = sent_ns
            self._corners = self._polygon(arrived_ns - sent_ns)
            if self._corners:
                break
            self._begin()
            self._start_ns = received_ns
            self.steps += 1
        self._settle()

    def _begin(self) -> None:
        self._least.clear()
        self._most.clear()
        self._corners = []
        self._slowest, self._fastest = -MAX_RATE_ERROR, MAX_RATE_ERROR

    def _bent(self, clock_ns: int, host_ns: int, side: int) -> float:
        """The bound less the part of its slack that is its own; the rest is a straight line.

        At a moment T a lower bound of time t is looser by WANDER_PER_S / 2 * (T - t)**2. As a
        function of t that is a parabola that stays, and a line that turns with T. A line leaves
        a hull what it is, so what is inside the hull now never matters again.
        """
        age_ns = clock_ns - self._start_ns
        return host_ns - clock_ns - side * WANDER_PER_S / 2e9 * age_ns * age_ns

    def _extend(self, hull: list[Bound], clock_ns: int, host_ns: int, side: int) -> None:
        bound = Bound(clock_ns, host_ns, self._bent(clock_ns, host_ns, side))
        while hull and hull[-1].clock_ns >= clock_ns:
            if side * (hull[-1].bent_ns - bound.bent_ns) >= 0 and hull[-1].clock_ns == clock_ns:
                return
            hull.pop()
        while len(hull) > 1:
            first, middle = hull[-2], hull[-1]
            left = (middle.bent_ns - first.bent_ns) * (clock_ns - first.clock_ns)
            right = (bound.bent_ns - first.bent_ns) * (middle.clock_ns - first.clock_ns)
            if side * (left - right) > 0:
                break
            hull.pop()
        hull.append(bound)
        if len(hull) > MAX_BOUNDS:  # a line without jitter: each exchange is as good as the last
            losses = [side * _above(*hull[place : place + 3]) for place in range(len(hull) - 2)]
            del hull[losses.index(min(losses)) + 1]

    def _forget(self, before_ns: int) -> None:
        for hull in (self._least, self._most):
            old = 0
            while old < len(hull) - 1 and hull[old].clock_ns < before_ns:
                old += 1
            del hull[:old]
        if before_ns - self._start_ns > 100 * KEPT_NS:  # keeps the numbers small
            self._start_ns = before_ns
            for hull, side in ((self._least, 1), (self._most, -1)):
                hull[:] = [
                    Bound(one.clock_ns, one.host_ns, self._bent(one.clock_ns, one.host_ns, side))
                    for one in hull
                ]

    def _polygon(self, round_trip_ns: int) -> list[Corner]:
        """All (offset, rate) at the anchor that every bound allows."""
        low, high = -TICK_NS, round_trip_ns + TICK_NS
        slowest, fastest = self._slowest, self._fastest
        corners: list[Corner] = [(low, slowest), (high, slowest), (high, fastest), (low, fastest)]
        for hull, side in ((self._least, 1), (self._most, -1)):
            for bound in reversed(hull):
                away_ns = bound.clock_ns - self._clock_ns
                # on the line of slope 1 through the anchor the host would say:
                off_ns = bound.host_ns - self._host_ns - away_ns - side * slack_ns(away_ns)
                corners = _cut(corners, away_ns, off_ns, side)
        return corners

    def _settle(self) -> None:
        """Remember the rate, and choose the line that is told."""
        rates = [rate for _, rate in self._corners]
        self._slowest = max(self._slowest, min(rates) - MAX_WANDER)
        self._fastest = min(self._fastest, max(rates) + MAX_WANDER)
        offsets = [offset for offset, _ in self._corners]
        self._offset_ns = (min(offsets) + max(offsets)) / 2
        self._rate = (min(rates) + max(rates)) / 2

    def uncertainty_ns(self, at_ns: int) -> int | None:
        """How far the mapping may be off at that host time; None if nothing was measured."""
        if self._guessed or not self.known:
            return None
        low_ns, high_ns = self._span(round((at_ns - self._host_ns) / (1 + self._rate)))
        return int(high_ns - low_ns) // 2 + TICK_NS // 2 + TOLD_NS

    def host_times(self, ticks: Sequence[int], now_ns: int) -> list[int]:
        """Host times of receiver times of the last 4.9 days, to 10 us; none is after `now_ns`."""
        return self.located(ticks, now_ns)[0]

    def located(self, ticks: Sequence[int], now_ns: int) -> tuple[list[int], list[int | None]]:
        """The same, and how far each may be off; None where nothing was measured."""
        limit = self._limit(now_ns)
        times: list[int] = []
        uncertain: list[int | None] = []
        for tick in ticks:
            unwrapped = limit - (limit - tick) % CLOCK_MODULUS
            away_ns = unwrapped * TICK_NS - self._clock_ns
            low_ns, high_ns = self._span(away_ns)
            high_ns += TICK_NS  # it was pressed within the tick
            half_ns = int(high_ns - low_ns) // 2
            host_ns = self._host_ns + away_ns + int(low_ns) + half_ns
            times.append((host_ns if host_ns < now_ns else now_ns) // TOLD_NS * TOLD_NS)
            uncertain.append(None if self._guessed else half_ns + TOLD_NS)
        return times, uncertain

    def _span(self, away_ns: int) -> tuple[float, float]:
        """How far off the anchor's line the host may be, so long after the anchor."""
        offsets = [offset + rate * away_ns for offset, rate in self._corners]
        slack = slack_ns(away_ns)
        return min(offsets) - slack, max(offsets) + slack

    def _limit(self, now_ns: int) -> int:
        away_ns = (now_ns - self._host_ns) / (1 + self._rate)
        return int((self._clock_ns + away_ns) / TICK_NS) + AHEAD_TICKS

    def _unwrap(self, tick: int, now_ns: int) -> int:
        """The one of tick + n * 2**32 that is nearest to what the clock should say now."""
        middle = self._limit(now_ns) + CLOCK_MODULUS // 2
        return middle - (middle - tick) % CLOCK_MODULUS


def slack_ns(away_ns: float) -> float:
    """How far a clock may stray in that time from the line that it follows now."""
    away_ns = abs(away_ns)
    if away_ns <= KEPT_NS:
        return WANDER_PER_S / 2e9 * away_ns * away_ns
    return MAX_WANDER * (away_ns - KEPT_NS / 2)


def _above(first: Bound, middle: Bound, last: Bound) -> float:
    """How far the middle one lies above the line of the others."""
    part = (middle.clock_ns - first.clock_ns) / (last.clock_ns - first.clock_ns)
    return middle.bent_ns - first.bent_ns - (last.bent_ns - first.bent_ns) * part


def _cut(corners: list[Corner], away_ns: float, off_ns: float, side: int) -> list[Corner]:
    """The part of a convex polygon where side * (offset + rate * away_ns - off_ns) >= 0."""
    over = [side * (offset + rate * away_ns - off_ns) for offset, rate in corners]
    if all(one >= 0 for one in over):
        return corners
    kept: list[Corner] = []
    for index, corner in enumerate(corners):
        here, before = over[index], over[index - 1]
        if (here < 0) is not (before < 0):
            part = before / (before - here)
            offset, rate = corners[index - 1]
            kept.append((offset + (corner[0] - offset) * part, rate + (corner[1] - rate) * part))
        if here >= 0:
            kept.append(corner)
    return kept
