"""What the benchmarks measure with is right itself: a short run through the real agent."""

from pathlib import Path

from benchmarks.backlog import drain
from benchmarks.flood import flood


def test_a_flood_arrives_at_the_school_whole_and_in_order(tmp_path: Path) -> None:
    one = flood(tmp_path, receivers=2, seconds=0.3)
    assert one.answers > 0
    assert (one.lost, one.doubled, one.reordered, one.not_responses) == (0, 0, 0, 0)


def test_a_backlog_arrives_whole_for_few_bytes_an_answer(tmp_path: Path) -> None:
    one = drain(tmp_path, answers=30_000, after_turns=1)
    assert (one.lost, one.wrong) == (0, 0)
    assert one.up_bytes <= 30
