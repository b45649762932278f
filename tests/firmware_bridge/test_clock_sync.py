import random

from hypothesis import given, settings
from hypothesis import strategies as st

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
        assert abs(mapped_ns - at_ns) <= sync.uncertainty_ns(at_ns) + 2 * TICK_NS


def test_drift_is_learnt() -> None:
    board, sync = Board(0.004, 0, 1), ClockSync()
    now_ns = 1000 * S
    for _ in range(60):
        now_ns = max(now_ns + S, board.exchange(sync, now_ns))
    long_ago_ns = now_ns - 600 * S  # 2.4 s off without the drift
    (mapped_ns,) = sync.host_times([board.ticks(long_ago_ns)], now_ns)
    assert abs(mapped_ns - long_ago_ns) < 100 * MS
    assert sync.uncertainty_ns(long_ago_ns) < 200 * MS


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
