"""The beats are the same for everybody, and never far."""

from hypothesis import given
from hypothesis import strategies as st

from drivers.beats import BEAT_S, next_beat_s

MOMENTS = st.floats(0, 1e7)


@given(MOMENTS)
def test_the_next_beat_is_not_past_and_at_most_one_beat_away(now_s: float) -> None:
    assert now_s <= next_beat_s(now_s) <= now_s + BEAT_S + 1e-6


@given(MOMENTS, st.floats(0, 0.999))
def test_all_that_ask_between_two_beats_meet_at_the_next(now_s: float, part: float) -> None:
    beat_s = next_beat_s(now_s)
    later_s = now_s + (beat_s - now_s) * part
    assert abs(next_beat_s(later_s) - beat_s) < 1e-6
