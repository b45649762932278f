"""A batch's JSON, written item by item: a backlog of months is sent at the speed of the line.

What `agent.wire.payloads.Batch` says, byte for byte as its encoder would write it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from agent.wire.payloads import ClockQuality

_encode = msgspec.json.Encoder().encode


def batch_json(epoch: int, items: Sequence[bytes]) -> bytes:
    """The batch of these items, each of `item_json`."""
    return b'{"v":1,"epoch":%d,"items":[' % epoch + b",".join(items) + b"]}"


@lru_cache(maxsize=64)
def item_template(kind: str, version: int, boot: str, clock: ClockQuality) -> bytes:
    """What many items of a batch share, for `item_json`."""
    named = b'"kind":%b,"v":%d,"boot":%b,' % (_encode(kind), version, _encode(boot))
    quality = b'"clock":%b,"body":' % _encode(clock)
    return b'{"seq":%d,' + named.replace(b"%", b"%%") + b'"mono_ns":%d,"at":%b,' + quality + b"%b}"


def item_json(template: bytes, seq: int, mono_ns: int, wall_ns: int | None, body: bytes) -> bytes:
    """One event. `wall_ns`: since 1970, told to the millisecond; `body`: JSON."""
    at = b"null" if wall_ns is None else _rfc3339(wall_ns // 1_000_000)
    return template % (seq, mono_ns, at, body)


def _rfc3339(wall_ms: int) -> bytes:
    second, ms = divmod(wall_ms, 1000)
    try:
        return b'"%b.%03dZ"' % (_second(second), ms)
    except (OverflowError, ValueError):  # no year that a calendar has
        return b"null"


@lru_cache(maxsize=4)
def _second(second: int) -> bytes:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
