"""What is said on each topic.

A field may be added with a default, never renamed; fields that are not known are skipped.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from agent.wire.errors import PayloadInvalid
from agent.wire.topics import CODE_PATTERN

Epoch = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Seq = Annotated[int, Meta(ge=1, le=2**32 - 1)]
Count = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Number = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Nanoseconds = Annotated[int, Meta(ge=-(2**62), le=2**62)]
Code = Annotated[str, Meta(pattern=f"^{CODE_PATTERN}$")]
Text = Annotated[str, Meta(max_length=200)]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
ClockQuality = Literal["synced", "estimated"]

MAX_PART_BYTES = 32 * 1024
MAX_ITEMS = 800
COLLECT_DAMAGED = "collect-damaged"
"""Kind of a job: send the damaged files that were set aside."""
SET_ASIDE = "SetAside"
"""Kind of an item that stands in for an event that cannot be published: no seq is missing."""


class Item(Struct, frozen=True, kw_only=True):
    """One event of a board.

    Attributes:
        v: version of this kind of event.
        boot: names the power-on in which `mono_ns` counts.
        mono_ns: when it happened, by a clock that never jumps.
        at: the same as wall time; null if the board did not know the time.
        body: the event itself; its schema follows from `kind`.
    """

    seq: Seq
    kind: Annotated[str, Meta(min_length=1, max_length=40)]
    v: Number
    boot: Annotated[str, Meta(min_length=1, max_length=80)]
    mono_ns: Nanoseconds
    at: Annotated[datetime, Meta(tz=True)] | None
    clock: ClockQuality
    body: Raw


class Batch(Struct, frozen=True, kw_only=True):
    """up/b: events of one epoch in order of seq."""

    v: Literal[1] = 1
    epoch: Epoch
    items: Annotated[list[Item], Meta(min_length=1, max_length=MAX_ITEMS)]


class Receipt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """dn/ack: the school holds every event of this epoch up to and including `upto`.

    Attributes:
        rejected: of these, the ones it could not file and has quarantined; they count as received.
        taken: it holds other events under names of these: somebody else writes under the board's
            name, and what it writes next should bear names of a new epoch.
    """

    epoch: Epoch
    upto: Count
    rejected: Annotated[list[Seq], Meta(max_length=MAX_ITEMS)] = []
    taken: bool = False


class BadBatch(Struct, frozen=True, kw_only=True):
    """dn/ack: the school could not read the payload with this SHA-256.

    Attributes:
        epoch: 0, since what could not be read does not tell it.
    """

    epoch: Count = 0
    bad_batch: Sha256


class DeviceReport(Struct, frozen=True, kw_only=True):
    """One piece of hardware at the board and how it is.

    Attributes:
        refused: presses that it had no room for, and showed no tick, since its power came on.
    """

    id: Text
    driver: Text
    state: Text
    code: Text = ""
    refused: Count = 0


class StorageReport(Struct, frozen=True, kw_only=True):
    """The room for answers on the board, and what became of damaged files.

    Attributes:
        room: "ok"; "low": somebody should act; "full": new answers are refused, without a tick.
        reason: what is short: "journal", its own bound, or "disk".
        used_percent: of the journal's bound.
        salvage: "running" while a damaged journal is taken over, and no events are sent; "ended"
            after that, until the next start.
        missing: events that could not be read, as far as they can be counted.
        damaged_files: damaged files kept on the board.
    """

    room: Text = "ok"
    reason: Text = ""
    used_percent: Count = 0
    salvage: Text = ""
    missing: Count = 0
    damaged_files: Count = 0


class BoardState(Struct, frozen=True, kw_only=True):
    """up/state: a board's birth (online) and death (not online). Retained.

    Attributes:
        epoch: the one its journal writes now.
        versions: of the agent and of what else carries one.
        backlog: events without a receipt.
    """

    v: Literal[1] = 1
    online: bool
    boot: Text
    epoch: Count = 0
    versions: dict[Text, Text] = {}
    backlog: Count = 0
    clock: ClockQuality = "estimated"
    storage: StorageReport = StorageReport()
    devices: Annotated[list[DeviceReport], Meta(max_length=100)] = []


class RollUp(Struct, frozen=True, kw_only=True):
    """up/sum: counts of a closed question, no student; what is under 5 is null. Not retained.

    Attributes:
        question: the number of its first round in the lesson; null for the lesson as a whole.
        round: how often it was asked, from 1.
        revision: grows when the same round is counted anew; the highest one holds.
        present: students known to be in the room.
        right: null also where there is no key.
        options: students by option.
        void: the question counts nowhere any more; what was counted before is withdrawn.
    """

    v: Literal[1] = 1
    lesson: Text
    question: Number | None
    round: Number = 1
    revision: Number = 1
    kind: Text
    present: Count | None
    answered: Count | None
    right: Count | None
    options: dict[Text, Count | None]
    void: bool = False


class Job(Struct, frozen=True, kw_only=True):
    """dn/job: something to do, once for each `id`; the same again may be asked for again.

    Attributes:
        kind: "collect-damaged": send the damaged files that were set aside, on up/log.
    """

    v: Literal[1] = 1
    id: Code
    kind: Text


class JobReport(Struct, frozen=True, kw_only=True):
    """up/job: how far a job is. A kind that the board does not know is REJECTED."""

    v: Literal[1] = 1
    id: Code
    state: Literal["IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED"]
    detail: Text = ""


class LogPart(Struct, frozen=True, kw_only=True):
    """up/log: a part of a file that a job asked for. Whoever misses one asks again.

    Attributes:
        offset: where in the file `data` (base64) belongs.
        size_bytes: of the whole file.
    """

    v: Literal[1] = 1
    job: Code
    file: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]
    offset: Annotated[int, Meta(ge=0, le=2**53)]
    size_bytes: Annotated[int, Meta(ge=0, le=2**53)]
    data: Annotated[bytes, Meta(max_length=MAX_PART_BYTES)]


Payload = Job | JobReport | LogPart | Batch | Receipt | BadBatch | BoardState | RollUp

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode
_batch = msgspec.json.Decoder(Batch)
_board_state = msgspec.json.Decoder(BoardState)
_roll_up = msgspec.json.Decoder(RollUp)
_job = msgspec.json.Decoder(Job)
_job_report = msgspec.json.Decoder(JobReport)
_log_part = msgspec.json.Decoder(LogPart)


def encode(payload: Payload) -> bytes:
    """The payload as JSON."""
    return _encode(payload)


def decode_batch(json: bytes) -> Batch:
    """A batch; bodies stay as they are.

    Raises:
        PayloadInvalid: not a batch, or its seqs do not rise one by one.
    """
    batch = _decode(_batch, json)
    first = batch.items[0].seq
    for index, item in enumerate(batch.items):
        if item.seq != first + index:
            raise PayloadInvalid(f"seq {item.seq} where {first + index} was due")
    return batch


def decode_ack(json: bytes) -> Receipt | BadBatch:
    """What the school says about events.

    Raises:
        PayloadInvalid: neither a receipt nor a refusal.
    """
    try:
        fields: Any = msgspec.json.decode(json)
        if isinstance(fields, dict) and "bad_batch" in fields:
            return msgspec.convert(fields, BadBatch)
        return msgspec.convert(fields, Receipt)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise PayloadInvalid(str(error)) from error


def decode_board_state(json: bytes) -> BoardState:
    """A birth or a death.

    Raises:
        PayloadInvalid: it is not one.
    """
    return _decode(_board_state, json)


def decode_roll_up(json: bytes) -> RollUp:
    """Counts of a question.

    Raises:
        PayloadInvalid: they are not.
    """
    return _decode(_roll_up, json)


def decode_job(json: bytes) -> Job:
    """Something to do.

    Raises:
        PayloadInvalid: it is not.
    """
    return _decode(_job, json)


def decode_job_report(json: bytes) -> JobReport:
    """How far a job is.

    Raises:
        PayloadInvalid: it does not say.
    """
    return _decode(_job_report, json)


def decode_log_part(json: bytes) -> LogPart:
    """A part of a file.

    Raises:
        PayloadInvalid: it is none.
    """
    return _decode(_log_part, json)


def _decode(decoder: msgspec.json.Decoder[T], json: bytes) -> T:
    try:
        return decoder.decode(json)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise PayloadInvalid(str(error)) from error
