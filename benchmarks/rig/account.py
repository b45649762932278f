"""What came to the school, held against what was pressed: lost, doubled, reordered, how late."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from agent.lesson.events import ResponseRecorded
from agent.wire.codec import unpack
from agent.wire.payloads import Batch, decode_batch
from benchmarks.rig.line import Times
from benchmarks.rig.meter import percentile
from benchmarks.rig.school import RECORD


class Came(NamedTuple):
    """One batch, and when it came."""

    at_ns: int
    batch: Batch


class Account(msgspec.Struct):
    """Of presses that were ticked. `p50_ms` from the frame to the school, `tick_` from the press.

    `repeats`: events that came again, by (epoch, seq).

    `doubled`: presses that are more than one event.
    """

    events: int = 0
    responses: int = 0
    lost: int = 0
    repeats: int = 0
    doubled: int = 0
    reordered: int = 0
    p50_ms: float = float("nan")
    p99_ms: float = float("nan")
    max_ms: float = float("nan")
    tick_p50_ms: float = float("nan")
    tick_p99_ms: float = float("nan")


def kept(path: Path) -> Iterator[Came]:
    """What a `School` kept."""
    with path.open("rb") as file:
        while head := file.read(RECORD.size):
            at_ns, type_bytes, payload_bytes = RECORD.unpack(head)
            content_type = file.read(type_bytes).decode()
            yield Came(at_ns, decode_batch(unpack(content_type, file.read(payload_bytes))))


def account(came: Iterable[Came], times: Mapping[str, Times], *, since_ns: int = 0) -> Account:
    """Hold them against each other. Only presses made from `since_ns` on count for latencies."""
    decode = msgspec.json.Decoder(ResponseRecorded).decode
    found: dict[tuple[int, int], None] = {}
    arrived = {prefix: array("q", bytes(8 * len(one[0]))) for prefix, one in times.items()}
    result, latest = Account(), (0, 0)
    for at_ns, batch in came:
        for item in batch.items:
            name = (batch.epoch, item.seq)
            if name in found:
                result.repeats += 1
                continue
            found[name] = None
            result.reordered += name < latest
            latest = max(latest, name)
            if item.kind != "ResponseRecorded":
                continue
            result.responses += 1
            token = decode(item.body).token
            assert token is not None
            prefix, _, number = token.rpartition(":")
            at = arrived.get(f"{prefix}:")
            if at is None:
                continue
            if at[int(number) - 1]:
                result.doubled += 1
            else:
                at[int(number) - 1] = at_ns
    result.events = len(found)
    late_ms: list[float] = []
    tick_ms: list[float] = []
    for prefix, (pressed_ns, framed_ns, ticked_ns) in times.items():
        for index, ticked in enumerate(ticked_ns):
            if not ticked:
                continue
            came_ns = arrived[prefix][index]
            result.lost += not came_ns
            if pressed_ns[index] >= since_ns:
                tick_ms.append((ticked - pressed_ns[index]) / 1e6)
                if came_ns:
                    late_ms.append((came_ns - framed_ns[index]) / 1e6)
    result.p50_ms, result.p99_ms = percentile(late_ms, 50), percentile(late_ms, 99)
    result.max_ms = max(late_ms, default=float("nan"))
    result.tick_p50_ms, result.tick_p99_ms = percentile(tick_ms, 50), percentile(tick_ms, 99)
    return result
