"""What a picture is by its bytes: real ones, cut off ones, and what only claims to be one."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest

from agent.lesson.picture_head import (
    MAX_PARTS,
    MAX_SIDE_PX,
    PictureHead,
    PictureInvalid,
    PictureReader,
)

SAMPLES = Path(__file__).parents[1] / "samples"
REAL = sorted(SAMPLES.iterdir())
ENDINGS = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


def head_of(pieces: Iterable[bytes]) -> PictureHead:
    reader = PictureReader()
    for piece in pieces:
        reader.feed(piece)
    return reader.finish()


def refusal(content: bytes) -> str:
    with pytest.raises(PictureInvalid) as refused:
        head_of([content])
    return refused.value.code


def png(width: int, height: int, *chunks: bytes) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    whole = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + whole + b"".join(chunks)


def turned(orientation: int, order: str = ">") -> bytes:
    """A JPEG whose camera was held so."""
    mark = b"MM" if order == ">" else b"II"
    tiff = mark + struct.pack(f"{order}HIHHHIHH", 42, 8, 1, 0x0112, 3, 1, orientation, 0)
    segment = b"Exif\0\0" + tiff
    plain = (SAMPLES / "baseline.jpg").read_bytes()
    return plain[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(segment)) + segment + plain[2:]


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_a_real_picture_is_known_whole_and_byte_by_byte_and_its_end_is_missed(path: Path) -> None:
    content = path.read_bytes()
    expected = PictureHead(ENDINGS[path.suffix], 40, 30)  # type: ignore[arg-type]
    assert head_of([content]) == expected
    assert head_of(content[at : at + 1] for at in range(len(content))) == expected
    assert head_of([content, b"a camera's own appendix"]) == expected
    for length in (len(content) - 1, len(content) // 2, 13):
        assert refusal(content[:length]) == "picture_cut_off"


def test_a_photo_of_a_camera_held_upright_is_upright() -> None:
    assert head_of([turned(6)])[1:] == head_of([turned(8, "<")])[1:] == (30, 40)
    assert head_of([turned(3)])[1:] == head_of([turned(77)])[1:] == (40, 30)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff", b"GIF89a" + bytes(40), b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7" + bytes(40), b"RIFF\x10\0\0\0WAVEfmt " + bytes(20),
        b"\xff\xd8\xff\xd9", b"\xff\xd8\xff\xda\0\x02", b"\xff\xd8hello",
        b"\xff\xd8\xff\xc0\0\x0b\x08\0\0\0\0\x01" + bytes(3),
        b"\xff\xd8" + b"\xff\xfe\0\x02" * (MAX_PARTS + 1),
        png(40, 30, b"\0\0\0\0IEND\xae\x42\x60\x82"), png(40, 0),
        png(40, 30)[:-1] + b"?", b"RIFF\x40\0\0\0WEBPVP8 " + bytes(52),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_said_to_be_none(content: bytes) -> None:
    assert refusal(content) == "picture_unknown"


def test_a_picture_that_no_browser_could_hold_is_refused_at_its_head() -> None:
    assert refusal(png(MAX_SIDE_PX + 1, 3)) == "picture_too_many_pixels"
    assert refusal(png(9_000, 9_000)) == "picture_too_many_pixels"
    huge = bytearray((SAMPLES / "extended.webp").read_bytes())
    huge[24:30] = b"\xff" * 6
    assert refusal(bytes(huge)) == "picture_too_many_pixels"


def test_bytes_that_are_off_give_a_picture_or_a_clear_refusal() -> None:
    chance = random.Random(4)
    for path in REAL:
        for _ in range(300):
            content = bytearray(path.read_bytes())
            for _ in range(chance.randint(1, 4)):
                content[chance.randrange(len(content))] = chance.randrange(256)
            with suppress(PictureInvalid):
                assert head_of([bytes(content)]).width_px > 0
