"""What the benchmarks measure with is right itself: a short run through the real agent."""

from pathlib import Path

from benchmarks.flood import flood


def test_a_flood_arrives_at_the_school_whole_and_in_order(tmp_path: Path) -> None:
    one = flood(tmp_path, receivers=2, seconds=0.3)
    assert one.answers > 0
    assert (one.lost, one.doubled, one.reordered, one.not_responses) == (0, 0, 0, 0)
