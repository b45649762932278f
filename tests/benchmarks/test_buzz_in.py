from benchmarks.buzz_in import STATED_MS, run
from benchmarks.rig.buzz import MS


def test_presses_5_ms_apart_are_ordered_right_over_lines_that_jitter_by_40_ms() -> None:
    figures = run(300, 20, 40 * MS, 5 * MS, first_seed=7_000)
    assert (figures.right, figures.ties, figures.swapped, figures.outside) == (300, 0, 0, 0)
    assert max(figures.after_60_s_ns) <= STATED_MS * MS


def test_presses_nearer_than_can_be_told_apart_are_ties_and_none_is_swapped() -> None:
    figures = run(60, 20, 40 * MS, MS // 2, first_seed=8_000)
    assert figures.ties > 50
    assert (figures.swapped, figures.outside) == (0, 0)
