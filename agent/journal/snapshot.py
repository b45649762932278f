"""A state kept beside the events, so that a start replays only what came after it."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata

import msgspec

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
    schema = msgspec.json.encode(msgspec.json.schema(State))
    version = importlib.metadata.version("classroom-agent")
    return f"{version}-{hashlib.sha256(schema).hexdigest()[:16]}"


def keep(journal: Journal, state: State) -> None:
    """Hand the state to the writer; it lands with the next commit."""
    journal.put_snapshot(state.epoch, state.seq, fingerprint(), _encode(state))


def recover(journal: Journal) -> State:
    """The state that the journal says: the newest fitting snapshot and the events behind it."""
    kept = journal.snapshot()
    state = _decode(kept[1]) if kept is not None and kept[0] == fingerprint() else State()
    for stamped in journal.after(state.epoch, state.seq):
        apply(state, stamped)
    return state
