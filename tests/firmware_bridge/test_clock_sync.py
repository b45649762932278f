import random

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.rig.buzz import Crystal
from firmware_bridge.clock_sync import ClockSync
from firmware_bridge.message_table import TICK_NS

MS = 1_000_000
S = 1_000 * MS
MODULUS = 1 << 32


class Board:
    """A receiver's clock that runs wrong by `error`, and exchanges over a line with jitter."""

    def __init__(self, error: float, start_ticks: int, seed: int) -> None:
        self.error, self.start_ticks = error, start_ticks
        self.stopped_ns = 0
        self.chance = random.Random(seed)

    def ticks(self, host_ns: int) -> int:
        age_ns = (host_ns - self.stopped_ns) * (1 + self.error)
        return (self.start_ticks + int(age_ns / TICK_NS)) % MODULUS

    def exchange(self, sync: ClockSync, now_ns: int) -> int:
        there = int(self.chance.expovariate(1 / (3 * MS))) + MS
        inside = self.chance.randrange(5 * MS)
        back = int(self.chance.expovariate(1 / (8 * MS))) + MS
        arrived_ns = now_ns + there + inside + back
        received, sent = self.ticks(now_ns + there), self.ticks(now_ns + there + inside)
        sync.add(now_ns, received, sent, arrived_ns)
        return arrived_ns


@settings(deadline=None)
@given(
    st.floats(-0.005, 0.005), st.integers(0, MODULUS - 1), st.integers(0, 1000), st.integers(1, 90)
)
def test_the_error_stays_within_the_stated_uncertainty(
    error: float, start_ticks: int, seed: int, exchanges: int
) -> None:
    board, sync = Board(error, start_ticks, seed), ClockSync()
    now_ns = 1000 * S
    for _ in range(exchanges):
        now_ns = max(now_ns + S, board.exchange(sync, now_ns))
    assert sync.steps == 0
    for ago_ns in (0, S // 2, 5 * S):
        at_ns = now_ns - ago_ns
        (mapped_ns,) = sync.host_times([board.ticks(at_ns)], now_ns)
        assert abs(mapped_ns - at_ns) <= (sync.uncertainty_ns(at_ns) or 0)


def test_drift_is_learnt() -> None:
    board, sync = Board(0.004, 0, 1), ClockSync()
    now_ns = 1000 * S
    for _ in range(60):
        now_ns = max(now_ns + S, board.exchange(sync, now_ns))
    long_ago_ns = now_ns - 600 * S  # 2.4 s off without the drift
    (mapped_ns,) = sync.host_times([board.ticks(long_ago_ns)], now_ns)
    assert abs(mapped_ns - long_ago_ns) < 100 * MS
    assert (sync.uncertainty_ns(long_ago_ns) or S) < 500 * MS


def test_a_step_of_the_clock_is_noticed_and_followed() -> None:
    board, sync = Board(0.0, 0, 2), ClockSync()
    now_ns = 1000 * S
    for _ in range(20):
        now_ns = max(now_ns + S, board.exchange(sync, now_ns))
    board.stopped_ns += 3 * S
    for _ in range(3):
        now_ns = max(now_ns + S, board.exchange(sync, now_ns))
    assert sync.steps == 1
    (mapped_ns,) = sync.host_times([board.ticks(now_ns)], now_ns)
    assert abs(mapped_ns - now_ns) < 50 * MS


def test_a_press_of_days_ago_is_unwrapped() -> None:
    board, sync = Board(0.0, MODULUS - 5_000, 3), ClockSync()
    now_ns = 400_000 * S
    board.exchange(sync, now_ns)
    four_days_ago_ns = now_ns - 4 * 86_400 * S
    (mapped_ns,) = sync.host_times([board.ticks(four_days_ago_ns)], now_ns)
    assert abs(mapped_ns - four_days_ago_ns) < S


def test_no_press_is_later_than_now() -> None:
    sync = ClockSync()
    sync.add(1000 * S, 500, 500, 1000 * S + 20 * MS)
    assert sync.host_times([5_000], 1000 * S + 30 * MS) == [1000 * S + 30 * MS]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000))
def test_a_clock_that_warms_and_cools_stays_within_the_stated_uncertainty(seed: int) -> None:
    chance = random.Random(seed)
    # 200 ppm to either side over 7 minutes and more: nearly 3 ppm a second at the worst.
    clock = Crystal(chance.uniform(-5e-3, 5e-3), 200e-6, chance.uniform(430, 900), seed)
    sync = ClockSync()
    now_ns = 1000 * S
    for number in range(1500):
        sent_ns = now_ns
        there_ns, back_ns = chance.randrange(40 * MS), chance.randrange(40 * MS)
        ticks = clock.reads_ns(sent_ns + there_ns) // TICK_NS % MODULUS
        now_ns = sent_ns + there_ns + back_ns
        sync.add(sent_ns, ticks, ticks, now_ns)
        if number % 50 == 49:
            for ago_ns in (0, S, 20 * S):
                at_ns = now_ns - ago_ns
                ticks_then = clock.reads_ns(at_ns) // TICK_NS % MODULUS
                (mapped_ns,), (half_ns,) = sync.located([ticks_then], now_ns)
                assert half_ns is not None
                assert abs(mapped_ns - at_ns) <= half_ns
        now_ns += chance.randrange(400 * MS)
    assert sync.steps == 0


def test_of_a_guess_no_uncertainty_is_stated_and_the_first_exchange_replaces_it() -> None:
    sync = ClockSync()
    sync.guess(1000 * S, 5_000, 1000 * S + 30 * MS)
    assert sync.uncertainty_ns(1000 * S) is None
    assert sync.located([5_000], 1001 * S)[1] == [None]
    sync.add(1002 * S, 9_000, 9_000, 1002 * S + 2 * MS)  # the guess was wrong by seconds
    assert sync.steps == 0
    (time_ns,), (half_ns,) = sync.located([9_000], 1003 * S)
    assert half_ns is not None
    assert abs(time_ns - 1002 * S - MS) <= half_ns <= 2 * MS


def test_an_exchange_that_no_clock_can_have_had_is_left_out() -> None:
    board, sync = Board(0.0, 0, 4), ClockSync()
    board.exchange(sync, 1000 * S)
    known = sync.located([board.ticks(1000 * S)], 1001 * S)
    sync.add(1002 * S, 100, 100 + 10_000, 1002 * S + MS)  # a second there, in a millisecond
    assert sync.located([board.ticks(1000 * S)], 1001 * S) == known


def test_after_days_the_uncertainty_is_as_small_as_after_a_minute() -> None:
    board, sync = Board(0.000_05, MODULUS - 100, 5), ClockSync()
    now_ns = 1000 * S
    for _ in range(2000):
        now_ns = board.exchange(sync, now_ns) + 300 * S
    for _ in range(200):
        now_ns = board.exchange(sync, now_ns) + S
    assert sync.steps == 0
    (mapped_ns,), (half_ns,) = sync.located([board.ticks(now_ns)], now_ns)
    assert half_ns is not None
    assert abs(mapped_ns - now_ns) <= half_ns < 3 * MS
