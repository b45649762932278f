"""The school's receipt as the journal notes it: up to which event the school has everything."""

from __future__ import annotations

from agent.lesson.model import Position

NOTE = "receipt"


def written(epoch: int, upto: int) -> str:
    """The note's text."""
    return f"{epoch}:{upto}"


def read(note: str | None) -> Position | None:
    """What a note says; None if there is none, or one that makes no sense."""
    epoch, _, upto = (note or "").partition(":")
    if not (epoch.isascii() and epoch.isdigit() and upto.isascii() and upto.isdigit()):
        return None
    return Position(int(epoch), int(upto))
