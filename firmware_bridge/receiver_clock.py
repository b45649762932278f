"""The clock of a receiver as its host keeps it: when to ask for it, and what its ticks mean.

Each of the receiver's starts has a clock of its own; presses of an earlier start may still come.
"""

import math
from collections.abc import Sequence

from firmware_bridge.clock_sync import ClockSync
from firmware_bridge.messages import Time

_MS = 1_000_000
FIRST_TIMES = 8
FIRST_TIME_EVERY_NS = 40 * _MS
TIME_EVERY_NS = 1_000 * _MS
UNSURE_NS = 1_000_000  # of its clock: it is asked more often, as far as that helps
UNSURE_TIME_EVERY_NS = 60 * _MS
FIRST_MINUTE_NS = 60_000 * _MS  # shows how much is to be had
WORSE = 1.25  # than the best that was had
FORGOTTEN = 1.001  # of the best, with every question
BUZZ_UNSURE_NS = 500_000  # while a buzz-in is open
BUZZ_TIME_EVERY_NS = 50 * _MS
TIME_LOST_NS = 2_000 * _MS
HELLO_ON_ITS_WAY_NS = 30 * _MS  # at most, from the receiver's clock to us
TOKENS = 256


class ReceiverClock:
    """All times are the host's CLOCK_BOOTTIME in ns; `due_ns` is when to `ask` next."""

    def __init__(self) -> None:
        self.due_ns = 0
        self._newest = ClockSync()
        self._of_boot: dict[int, ClockSync] = {}
        self._asked = 0
        self._asked_ns: dict[int, int] = {}  # by token: questions without an answer so far
        self._first_ns = 0
        self._heard_press_ns = 0
        self._least_unsure_ns = 0.0
        self._last_time_ns = 0

    def forget(self) -> None:
        """Another receiver, or one whose ring begins anew: no press of before will come."""
        self._of_boot.clear()
        self._last_time_ns = -(1 << 62)

    def start(self, boot: int, now_ns: int) -> None:
        """The receiver has started: its clock is unknown."""
        self._newest = self._of_boot[boot] = ClockSync()
        self._asked = 0
        self._least_unsure_ns = math.inf
        self._asked_ns.clear()
        self.due_ns = now_ns

    def guess(self, clock_ticks: int, asked_ns: int | None, now_ns: int) -> None:
        """Before anything is measured: HELLO, asked for at that time, bore this clock."""
        if not self._newest.known:
            left_ns = now_ns - HELLO_ON_ITS_WAY_NS
            if asked_ns is not None:
                left_ns = max(left_ns, asked_ns)
            self._newest.guess(left_ns, clock_ticks, now_ns)

    def ask(self, now_ns: int, *, buzzing: bool) -> int:
        """The token of the question that is sent now. `buzzing`: a buzz-in is open."""
        token = self._asked % TOKENS
        self._asked += 1
        self._asked_ns[token] = now_ns
        oldest = next(iter(self._asked_ns))
        if self._asked_ns[oldest] < now_ns - TIME_LOST_NS:
            del self._asked_ns[oldest]
        self.due_ns = now_ns + self._every_ns(now_ns, buzzing)
        return token

    def take(self, time: Time, now_ns: int) -> None:
        """Its answer."""
        asked_ns = self._asked_ns.pop(time.token, None)
        if asked_ns is not None:
            self._newest.add(asked_ns, time.received_ticks, time.sent_ticks, now_ns)

    def uncertainty_ns(self, now_ns: int) -> int | None:
        """How far the times of presses may be off now; None before anything was measured."""
        return self._newest.uncertainty_ns(now_ns)

    def times_of_presses(
        self, boot: int, ticks: Sequence[int], now_ns: int
    ) -> tuple[list[int], list[int | None]]:
        """When presses of that start were made, never earlier than one before them; how sure."""
        self._heard_press_ns = now_ns
        clock = self._of_boot.get(boot, self._newest)
        times_ns, uncertain_ns = clock.located(ticks, now_ns)
        for index, time_ns in enumerate(times_ns):  # a better estimate must not change their order
            if time_ns < self._last_time_ns:
                times_ns[index] = self._last_time_ns
                half_ns = uncertain_ns[index]
                if half_ns is not None:
                    uncertain_ns[index] = half_ns + self._last_time_ns - time_ns
            else:
                self._last_time_ns = time_ns
        return times_ns, uncertain_ns

    def _every_ns(self, now_ns: int, buzzing: bool) -> int:
        """How often it is asked for: the less is known of it, and the more it matters."""
        if self._asked < FIRST_TIMES:
            self._first_ns = now_ns
            return FIRST_TIME_EVERY_NS
        unsure_ns = self._newest.uncertainty_ns(now_ns)
        if unsure_ns is None:
            return UNSURE_TIME_EVERY_NS
        least_ns = self._least_unsure_ns = min(unsure_ns, self._least_unsure_ns * FORGOTTEN)
        if buzzing:
            return BUZZ_TIME_EVERY_NS if unsure_ns > BUZZ_UNSURE_NS else TIME_EVERY_NS
        if now_ns < self._heard_press_ns + TIME_EVERY_NS:  # they go first
            return TIME_EVERY_NS
        new = now_ns < self._first_ns + FIRST_MINUTE_NS
        unsure = unsure_ns > UNSURE_NS and (new or unsure_ns > WORSE * least_ns)
        return UNSURE_TIME_EVERY_NS if unsure else TIME_EVERY_NS
