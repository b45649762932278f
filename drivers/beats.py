"""Common moments at which lines that keep talking are read: a wake-up costs more than a message.

Every line keeps to the same beats of the loop's clock, so that one wake-up serves them all.
"""

BEAT_S = 0.024


def next_beat_s(now_s: float) -> float:
    """The first beat after `now_s`, a time of the loop's clock."""
    return (now_s // BEAT_S + 1) * BEAT_S
