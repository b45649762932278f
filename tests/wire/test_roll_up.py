from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.wire.payloads import RollUp
from agent.wire.roll_up import SMALLEST_SHOWN, roll_up, shown_parts


def of(options: dict[str, int], *, exclusive: bool = True, key: tuple[str, ...] = ()) -> RollUp:
    return roll_up(
        lesson="l-1",
        question=1,
        kind="single",
        present=45,
        answered=sum(options.values()),
        options=options,
        right=sum(options[name] for name in key) if key else None,
        key=key,
        exclusive=exclusive,
    )


def test_large_cells_are_shown() -> None:
    counts = of({"A": 20, "B": 10, "C": 9}, key=("A",))
    assert counts.options == {"A": 20, "B": 10, "C": 9}
    assert (counts.present, counts.answered, counts.right) == (45, 39, 20)


def test_small_cells_are_null() -> None:
    assert of({"A": 30, "B": 4, "C": 0}).options == {"A": 30, "B": None, "C": None}


def test_one_small_cell_takes_the_next_with_it() -> None:
    """Else the total would tell it."""
    assert of({"A": 30, "B": 7, "C": 2}).options == {"A": 30, "B": None, "C": None}


def test_who_was_right_does_not_tell_a_hidden_option() -> None:
    assert of({"A": 30, "B": 7, "C": 2}, key=("B",)).right is None
    assert of({"A": 30, "B": 7, "C": 2}, key=("A",)).right == 30


def test_options_that_overlap_hide_only_themselves() -> None:
    assert of({"A": 30, "B": 7, "C": 2}, exclusive=False).options == {"A": 30, "B": 7, "C": None}


def test_without_a_key_nobody_is_right() -> None:
    assert of({"A": 30, "B": 8}).right is None


@given(st.dictionaries(st.sampled_from("ABCDEFGH"), st.integers(0, 60)))
def test_no_small_cell_follows_from_the_rest(parts: dict[str, int]) -> None:
    cells = shown_parts(parts)
    hidden = [name for name, cell in cells.items() if cell is None]
    assert all(cell is None or cell >= SMALLEST_SHOWN for cell in cells.values())
    assert len(hidden) != 1 or len(parts) == 1
    assert all(cells[name] == parts[name] for name in parts if name not in hidden)
