"""A state kept beside the events, so that a start replays only what came after it."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
from typing import Any

import msgspec

from agent.journal.reading import row_id
from agent.journal.store import Journal
from agent.lesson.model import State
from agent.lesson.replay import apply

EVERY_EVENTS = 20_000
"""A start replays at most so many, in a tenth of a second; a snapshot is 30 KB a receiver."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(State).decode


@functools.cache
def fingerprint() -> str:
    """Names the shape of a state and the code that made it: any other is replayed afresh."""
    shape = msgspec.json.encode(_shape(msgspec.json.schema(State)))
    version = importlib.metadata.version("classroom-agent")
    return f"{version}-{hashlib.sha256(shape).hexdigest()[:16]}"


def _shape(schema: Any) -> Any:
    """A schema without its prose: that is absent where Python runs without docstrings."""
    if isinstance(schema, dict):
        prose = "description" if isinstance(schema.get("description"), str) else None
        return {key: _shape(value) for key, value in schema.items() if key != prose}
    return [_shape(one) for one in schema] if isinstance(schema, list) else schema


class Interval:
    """Counts events from one snapshot to the next, also where the numbers begin anew."""

    def __init__(self, epoch: int, seq: int) -> None:
        """Count from this event on."""
        self._epoch = epoch
        self._seq = seq
        self._passed = 0

    def due(self, epoch: int, seq: int) -> bool:
        """Whether a snapshot is to be kept of this event, and the count begins again."""
        self._passed += seq - self._seq if epoch == self._epoch else seq
        self._epoch, self._seq = epoch, seq
        if self._passed < EVERY_EVENTS:
            return False
        self._passed = 0
        return True


def keep(journal: Journal, state: State) -> None:
    """Hand the state to the writer; it lands within about 1 s, by itself or with an answer."""
    journal.put_snapshot(state.epoch, state.seq, fingerprint(), _encode(state))


def row(state: State) -> tuple[int, str, bytes]:
    """The row of the table that keeps this state."""
    return row_id(state.epoch, state.seq), fingerprint(), _encode(state)


def decoded(kept: tuple[str, bytes] | None) -> State | None:
    """The state of a snapshot (fingerprint, state); None if it is of other code, or damaged."""
    if kept is None or kept[0] != fingerprint():
        return None
    try:
        return _decode(kept[1])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def recover(journal: Journal, *, afresh: bool = False) -> State:
    """The state that the journal says: the newest fitting snapshot and the events behind it.

    `afresh`: all events, no snapshot.
    """
    state = None if afresh else decoded(journal.snapshot())
    state = State() if state is None else state
    for stamped in journal.after(state.epoch, state.seq):
        apply(state, stamped)
    state.epoch, state.seq = max((state.epoch, state.seq), journal.newest())  # if it is unreadable
    return state
