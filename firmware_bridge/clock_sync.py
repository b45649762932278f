"""The receiver's clock mapped to the host's, by the quickest round trips, with its uncertainty."""

from collections.abc import Sequence

import msgspec

from firmware_bridge.message_table import TICK_NS

MAX_SAMPLES = 32
CLOCK_MODULUS = 1 << 32
UNKNOWN_DRIFT = 0.005  # a ceramic resonator's
RESIDUAL_DRIFT = 0.000_05  # after the rate has been measured: warmth, and what is left of it
MEASURED_OVER_NS = 5_000_000_000
MAX_RATE_ERROR = 0.02
TOLD_NS = 10_000  # finer is noise to a clock of 100 us, and costs bytes wherever a time is kept
AHEAD_TICKS = 10_000  # a press may seem this far in the future


class Sample(msgspec.Struct, frozen=True):
    """Receiver tick `ticks` (unwrapped) was at host time `host_ns`, give or take `half_ns`."""

    host_ns: int
    ticks: float
    half_ns: int


class ClockSync:
    """One uninterrupted life of a receiver's clock."""

    def __init__(self) -> None:
        self._samples: list[Sample] = []
        self._anchor = Sample(0, 0.0, 0)
        self._ns_per_tick = float(TICK_NS)
        self._drift = UNKNOWN_DRIFT
        self.steps = 0

    @property
    def known(self) -> bool:
        """Whether anything was learnt yet."""
        return bool(self._samples)

    def add(self, sent_ns: int, received_ticks: int, sent_ticks: int, arrived_ns: int) -> None:
        """Learn from one exchange: our request left, came there, their reply left, came here.

        A sample that contradicts what is known means that the clock has stepped: all before it is
        forgotten, and `steps` grows.
        """
        inside_ticks = (sent_ticks - received_ticks) % CLOCK_MODULUS
        round_trip_ns = arrived_ns - sent_ns - inside_ticks * TICK_NS
        host_ns = (sent_ns + arrived_ns) // 2
        first = received_ticks
        if self._samples:
            first = self._unwrap(received_ticks, arrived_ns)
        half_ns = max(0, round_trip_ns) // 2 + TICK_NS
        sample = Sample(host_ns, first + inside_ticks / 2, half_ns)
        if self._samples:
            expected_ns = self._host_ns(sample.ticks)
            if abs(host_ns - expected_ns) > half_ns + self.uncertainty_ns(host_ns):
                self._samples.clear()
                self._ns_per_tick = float(TICK_NS)
                self._drift = UNKNOWN_DRIFT
                self.steps += 1
        self._samples.append(sample)
        del self._samples[:-MAX_SAMPLES]
        self._estimate()

    def uncertainty_ns(self, at_ns: int) -> int:
        """How far the mapping may be off at that host time."""
        away_ns = abs(at_ns - self._anchor.host_ns)
        return self._anchor.half_ns + int(away_ns * self._drift)

    def host_times(self, ticks: Sequence[int], now_ns: int) -> list[int]:
        """Host times of receiver times of the last 4.9 days, to 10 us; none is after `now_ns`."""
        anchor = self._anchor
        ns_per_tick = self._ns_per_tick
        limit = self._limit(now_ns)
        times: list[int] = []
        for tick in ticks:
            unwrapped = limit - (limit - tick) % CLOCK_MODULUS
            host_ns = anchor.host_ns + int((unwrapped - anchor.ticks) * ns_per_tick)
            times.append((host_ns if host_ns < now_ns else now_ns) // TOLD_NS * TOLD_NS)
        return times

    def _limit(self, now_ns: int) -> int:
        away = (now_ns - self._anchor.host_ns) / self._ns_per_tick
        return int(self._anchor.ticks + away) + AHEAD_TICKS

    def _unwrap(self, tick: int, now_ns: int) -> int:
        """The one of tick + n * 2**32 that is nearest to what the clock should say now."""
        middle = self._limit(now_ns) + CLOCK_MODULUS // 2
        return middle - (middle - tick) % CLOCK_MODULUS

    def _host_ns(self, ticks: float) -> int:
        return self._anchor.host_ns + int((ticks - self._anchor.ticks) * self._ns_per_tick)

    def _estimate(self) -> None:
        newest = self._samples[-1]

        def doubt(sample: Sample) -> float:
            return sample.half_ns + (newest.host_ns - sample.host_ns) * self._drift

        best = min(self._samples, key=doubt)
        for oldest in self._samples:  # the longest baseline of good samples gives the rate
            span_ns = best.host_ns - oldest.host_ns
            if span_ns < MEASURED_OVER_NS:
                break
            if oldest.half_ns <= 2 * best.half_ns:
                ns_per_tick = span_ns / (best.ticks - oldest.ticks)
                if abs(ns_per_tick / TICK_NS - 1) <= MAX_RATE_ERROR:
                    self._ns_per_tick = ns_per_tick
                    self._drift = RESIDUAL_DRIFT + (best.half_ns + oldest.half_ns) / span_ns
                break
        self._anchor = best
