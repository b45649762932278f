"""What a picture is by its own bytes: its kind and its size, read as the bytes pass.

Nothing is decoded, and nothing is kept but a header: PNG (W3C), JPEG (ITU-T T.81, with the
orientation that Exif tells), WebP (RFC 9649).
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Generator
from typing import Literal, NamedTuple

from agent.lesson.errors import LessonRefused

MediaType = Literal["image/png", "image/jpeg", "image/webp"]
MAX_PIXELS = 25_000_000
"""A browser holds four bytes of each."""
MAX_SIDE_PX = 10_000
MAX_PARTS = 20_000
"""Segments or chunks of one picture; whoever writes more means to keep the board busy."""
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""What ends a JPEG's coded data: no stuffed byte, no restart."""
_ALONE = frozenset((0x01, *range(0xD0, 0xD9)))
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_END, _SCAN, _EXIF = 0xD9, 0xDA, 0xE1
_ORIENTATION = 0x0112
_ON_ITS_SIDE = 5
FOREIGN_HINT = "a PNG, JPEG or WebP picture"


class PictureInvalid(LessonRefused):
    """What was given is no picture that the board takes."""


class PictureHead(NamedTuple):
    """A picture as it is shown: turned, if its camera says so."""

    media_type: MediaType
    width_px: int
    height_px: int


_Steps = Generator[int | None, bytes, None]
"""Asks for so many bytes, to pass over so many (negative), or (None) up to a JPEG's marker."""


class PictureReader:
    """Takes a picture's bytes in pieces.

    Attributes:
        head: None until it is known.
        whole: its end has been seen; what follows it is not looked at.
    """

    def __init__(self) -> None:
        self.head: PictureHead | None = None
        self.whole = False
        self._known = False
        self._held = b""
        self._steps = self._read()
        self._want = next(self._steps)

    def feed(self, data: bytes) -> None:
        """Take some bytes.

        Raises:
            PictureInvalid: it is none, or too large to be shown.
        """
        held, at = self._held + data, 0
        while not self.whole:
            want, piece = self._want, b""
            if want is None:
                found = _MARKER.search(held, at)
                if found is None:
                    at = len(held) - held.endswith(b"\xff", at)
                    break
                at = found.start()
            elif want < 0:
                passed = min(-want, len(held) - at)
                at += passed
                if passed < -want:
                    self._want = want + passed
                    break
            elif len(held) - at < want:
                break
            else:
                piece = held[at : at + want]
                at += want
            try:
                self._want = self._steps.send(piece)
            except StopIteration:
                self.whole = True
        self._held = b"" if self.whole else held[at:]

    def finish(self) -> PictureHead:
        """What it was.

        Raises:
            PictureInvalid: it is none, or its end is missing.
        """
        if not self._known:
            raise _foreign()
        if self.head is None or not self.whole:
            hint = "its end is missing; save it once more and send it again"
            raise PictureInvalid("picture_cut_off", "picture", hint)
        return self.head

    def _read(self) -> _Steps:
        start = yield 2
        if start == b"\xff\xd8":
            self._known = True
            yield from self._jpeg()
            return
        start += yield 6
        if start == b"\x89PNG\r\n\x1a\n":
            self._known = True
            yield from self._png()
            return
        start += yield 4
        if not (start.startswith(b"RIFF") and start.endswith(b"WEBP")):
            raise _foreign()
        self._known = True
        yield from self._webp(int.from_bytes(start[4:8], "little") - 4)

    def _found(self, media_type: MediaType, width_px: int, height_px: int) -> None:
        if min(width_px, height_px) < 1:
            raise _foreign()
        if width_px * height_px > MAX_PIXELS or max(width_px, height_px) > MAX_SIDE_PX:
            hint = f"at most {MAX_PIXELS} pixels, {MAX_SIDE_PX} on a side; scale it down"
            where = f"{width_px} x {height_px}"
            raise PictureInvalid("picture_too_many_pixels", where, hint)
        self.head = PictureHead(media_type, width_px, height_px)

    def _png(self) -> _Steps:
        begun = False
        for _ in range(MAX_PARTS):
            start = yield 8
            length, kind = int.from_bytes(start[:4], "big"), start[4:]
            if self.head is None:
                if kind != b"IHDR" or length != 13:  # noqa: PLR2004 (all that a header is)
                    raise _foreign()
                header = yield length
                checksum = yield 4
                if zlib.crc32(kind + header) != int.from_bytes(checksum, "big"):
                    raise _foreign()
                self._found("image/png", *struct.unpack_from(">II", header))
                continue
            begun |= kind == b"IDAT"
            yield -(length + 4)
            if kind == b"IEND":
                if not begun:
                    raise _foreign()
                return
        raise _foreign()

    def _jpeg(self) -> _Steps:
        turned = False
        for _ in range(MAX_PARTS):
            marker = yield 2
            while marker == b"\xff\xff":
                marker = marker[1:] + (yield 1)
            if marker[0] != 0xFF:  # noqa: PLR2004
                raise _foreign()
            code = marker[1]
            if code == _END and self.head is not None:
                return
            if code in (_SCAN, _END) and self.head is None:
                raise _foreign()
            if code in _ALONE:
                continue
            left = int.from_bytes((yield 2), "big") - 2
            if code == _EXIF and left > 0 and not turned:
                turned = _on_its_side((yield left))
                continue
            if code in _FRAMES and left >= 6:  # noqa: PLR2004 (precision, sides, components)
                height, width = struct.unpack_from(">HH", (yield 6), 1)
                self._found("image/jpeg", *((height, width) if turned else (width, height)))
                left -= 6
            if left < 0:
                raise _foreign()
            yield -left
            if code == _SCAN:
                yield None
        raise _foreign()

    def _webp(self, left: int) -> _Steps:
        start = yield 8
        kind = start[:4]
        if kind == b"VP8X":
            body = yield 10
            sides = (body[4:7], body[7:10])
            width, height = (1 + int.from_bytes(side, "little") for side in sides)
        elif kind == b"VP8L":
            body = yield 5
            bits = int.from_bytes(body[1:], "little")
            width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
            if body[0] != 0x2F:  # noqa: PLR2004 (its signature)
                raise _foreign()
        elif kind == b"VP8 ":
            body = yield 10
            if body[3:6] != b"\x9d\x01\x2a":
                raise _foreign()
            width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", body, 6))
        else:
            raise _foreign()
        self._found("image/webp", width, height)
        rest = left - len(start) - len(body)
        if rest < 0:
            raise _foreign()
        yield -rest


def _foreign() -> PictureInvalid:
    return PictureInvalid("picture_unknown", "picture", FOREIGN_HINT)


def _on_its_side(segment: bytes) -> bool:
    """Whether Exif (a TIFF's first directory) says that width and height change places."""
    tiff = segment[6:]
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if not segment.startswith(b"Exif\0\0") or order is None:
        return False
    try:
        (at,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, at)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, entry)
            if tag == _ORIENTATION:
                return bool(_ON_ITS_SIDE <= value <= 8)  # noqa: PLR2004
    except struct.error:  # cut off, or it leads nowhere
        pass
    return False
