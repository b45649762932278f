"""Recorded bytes of a device to its readings, as JSON lines."""

from __future__ import annotations

import codecs
import io
import string
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import msgspec

from agent.errors import InputInvalid
from drivers.api import Decoder
from drivers.readings import Attached, CardTap, Reading
from drivers.registry import load

CHUNK_BYTES = 65_536
NO_FRAME = bytes(4096)
WITHOUT = ("mono_ns", "token", "uncertainty_ns")
"""What a reading has that a recording does not say."""


def decoder_of(driver: str, device_id: str) -> Decoder:
    """A fresh decoder of a driver's bytes.

    Raises:
        UnknownDriver: there is no such driver.
        InputInvalid: it is no device that sends bytes.
    """
    decoder = load(driver).decoder(device_id)
    if decoder is None:
        raise InputInvalid("nothing_to_decode", driver, "this device sends no bytes of its own")
    return decoder


def cut_off_bytes(decoder: Decoder, fresh: Decoder) -> int:
    """How many bytes of an unfinished frame a recording ends with. Both decoders are used up.

    A decoder does not say what it holds, but it skips it as junk when no frame follows.
    """
    before = decoder.junk_bytes
    for one in (decoder, fresh):
        one.feed(NO_FRAME, 0)
    return max(decoder.junk_bytes - before - fresh.junk_bytes, 0)


def readings(decoder: Decoder, chunks: Iterable[bytes]) -> Iterator[Reading]:
    """What people said, in order. A card that is read over and over is one tap."""
    card = None
    for chunk in chunks:
        for reading in decoder.feed(chunk, 0):
            if isinstance(reading, CardTap):
                repeated, card = reading.uid == card, reading.uid
                if repeated:
                    continue
            else:
                card = None
            if not isinstance(reading, Attached):
                yield reading


def line(reading: Reading) -> str:
    """A reading as one line of JSON: its kind, its device, and what it says."""
    fields = msgspec.structs.asdict(reading)
    said = {key: value for key, value in fields.items() if key not in WITHOUT}
    if not said.get("pressures", True):  # most boards know none
        del said["pressures"]
    return msgspec.json.encode({"kind": type(reading).__name__, **said}).decode()


def raw_chunks(file: BinaryIO) -> Iterator[bytes]:
    """The bytes of a file as they are."""
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


class Beginning:
    """Remembers how a recording begins, while its pieces pass."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self._kept = b""

    def __iter__(self) -> Iterator[bytes]:
        """The pieces."""
        for chunk in self._chunks:
            self._kept = self._kept or chunk
            yield chunk

    def is_hex_text(self) -> bool:
        """Whether it can be read as lines of hex, and so has hardly been sent by a device."""
        whole_lines = self._kept.rpartition(b"\n")[0] or self._kept
        try:
            return any(hex_chunks(io.BytesIO(whole_lines), ""))
        except InputInvalid:
            return False


def hex_chunks(file: BinaryIO, name: str) -> Iterator[bytes]:
    """The bytes of a file of hex: one piece a line, blanks or colons between, comments from # on.

    Raises:
        InputInvalid: a line is not hex; names it.
    """
    good = False
    for number, text in enumerate(file, 1):
        said = text.removeprefix(codecs.BOM_UTF8).partition(b"#")[0].replace(b":", b" ")
        pairs = (one.removeprefix(b"0x") for one in said.split())
        digits = b"".join(pairs).decode("utf-8", "replace")
        where = f"{name}:{number}"
        odd = next((one for one in digits if one not in string.hexdigits), None)
        raw = "" if good else "; if the file holds raw bytes, leave out --hex"
        if odd is not None:
            raise InputInvalid("hex_invalid", where, f"{odd!r} is no hex digit{raw}")
        if len(digits) % 2:
            raise InputInvalid("hex_invalid", where, f"a hex digit too few or too many{raw}")
        if digits:
            good = True
            yield bytes.fromhex(digits)
