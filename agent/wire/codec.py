"""A payload as it goes over the wire: JSON, or JSON deflated where that is smaller; bounded."""

from __future__ import annotations

import zlib
from typing import NamedTuple

from agent.wire.errors import PayloadInvalid

JSON = "application/json"
JSON_ZLIB = "application/json+zlib"
MAX_INFLATED_BYTES = 256 * 1024
QUICK = 1
"""Deflate's fastest: batches are repetitive, so that it does most of what can be done."""
SMALL = 4
"""A twelfth smaller for two thirds more work; what lies above it gains next to nothing."""


class Packed(NamedTuple):
    """A payload ready to publish."""

    content_type: str
    payload: bytes


def pack(json: bytes, level: int = QUICK) -> Packed:
    """The smaller of the two forms.

    Raises:
        PayloadInvalid: larger than 256 KiB.
    """
    if len(json) > MAX_INFLATED_BYTES:
        raise PayloadInvalid(f"{len(json)} bytes are more than {MAX_INFLATED_BYTES}")
    deflated = zlib.compress(json, level)
    return Packed(JSON_ZLIB, deflated) if len(deflated) < len(json) else Packed(JSON, json)


def unpack(content_type: str, payload: bytes) -> bytes:
    """The JSON back. A message without a content type ("") is taken for plain JSON.

    Raises:
        PayloadInvalid: unknown content type, broken, cut, followed by more, or larger than
            256 KiB inflated.
    """
    if len(payload) > MAX_INFLATED_BYTES:
        raise PayloadInvalid(f"{len(payload)} bytes are more than {MAX_INFLATED_BYTES}")
    if content_type in (JSON, ""):
        return payload
    if content_type != JSON_ZLIB:
        raise PayloadInvalid(f"content type {content_type[:80]!r} is not known")
    inflater = zlib.decompressobj()
    try:
        json = inflater.decompress(payload, MAX_INFLATED_BYTES + 1)
    except zlib.error as error:
        raise PayloadInvalid(f"not zlib: {error}") from error
    if len(json) > MAX_INFLATED_BYTES:
        raise PayloadInvalid(f"more than {MAX_INFLATED_BYTES} bytes inflated")
    if not inflater.eof or inflater.unused_data:
        raise PayloadInvalid("zlib stream cut, or followed by something else")
    return json
