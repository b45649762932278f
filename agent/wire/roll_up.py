"""Counts that may leave the school: no student can be told from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agent.wire.payloads import RollUp

SMALLEST_SHOWN = 5


def shown(count: int) -> int | None:
    """The count, or None if it is about so few that they could be told apart."""
    return count if count >= SMALLEST_SHOWN else None


def shown_parts(parts: Mapping[str, int]) -> dict[str, int | None]:
    """Parts of a known total.

    Where one alone would be hidden the difference would tell it, so the next smallest goes too.
    """
    cells = {name: shown(count) for name, count in parts.items()}
    if sum(cell is None for cell in cells.values()) == 1 and len(cells) > 1:
        smallest = min((count, name) for name, count in parts.items() if cells[name] is not None)
        cells[smallest[1]] = None
    return cells


def roll_up(
    *,
    lesson: str,
    question: int,
    kind: str,
    present: int,
    answered: int,
    options: Mapping[str, int],
    right: int | None = None,
    key: Iterable[str] = (),
    exclusive: bool = True,
    round_: int = 1,
    revision: int = 1,
    void: bool = False,
) -> RollUp:
    """The roll-up of a closed question.

    Args:
        lesson: its id.
        question: the number of its first round in the lesson.
        kind: of the question.
        present: students known to be in the room.
        answered: students with an answer.
        options: students by option; empty for a number.
        right: students who were right, None without a key.
        key: the right options: where one of them is hidden, `right` is too.
        exclusive: a student counts for one option only, so the options add up to `answered`.
        round_: how often it was asked, from 1.
        revision: grows when the same round is counted anew.
        void: the question counts nowhere.
    """
    if exclusive:
        cells = shown_parts(options)
    else:
        cells = {name: shown(count) for name, count in options.items()}
    hidden_key = any(name in cells and cells[name] is None for name in key)
    if right is not None and 0 < answered - right < SMALLEST_SHOWN:
        hidden_key = True  # the difference would tell how few were wrong
    return RollUp(
        lesson=lesson,
        question=question,
        round=round_,
        revision=revision,
        kind=kind,
        present=shown(present),
        answered=shown(answered),
        right=None if right is None or hidden_key else shown(right),
        options=cells,
        void=void,
    )
