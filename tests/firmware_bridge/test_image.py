"""What may be written to a receiver, and what a file that may not is told."""

import hashlib
import random
import struct
from contextlib import suppress

import pytest

from firmware_bridge.boards import ATMEGA328P
from firmware_bridge.flash_errors import ImageInvalid
from firmware_bridge.image import (
    MAX_FILE_BYTES,
    Chunk,
    FirmwareImage,
    hex_text,
    read_image,
    split_first_page,
)

IMPRINT = b"\x89CAFW\r\n\x1a" + bytes([2, 1, 2, 3, 4, 1, 0]) + b"\x1e\x95\x0f\1" + b"\x1aWFAC"
CODE = bytes(range(200)) + IMPRINT + bytes(range(100))


def read(content: bytes | str, name: str = "receiver.hex") -> FirmwareImage:
    if isinstance(content, str):
        content = content.encode()
    return read_image(content, name, hashlib.sha256(content).hexdigest())


def refused(content: bytes | str, name: str = "receiver.hex") -> ImageInvalid:
    with pytest.raises(ImageInvalid) as caught:
        read(content, name)
    return caught.value


def record(address: int, kind: int, data: bytes) -> str:
    body = bytes([len(data)]) + address.to_bytes(2, "big") + bytes([kind]) + data
    return f":{body.hex().upper()}{-sum(body) & 0xFF:02X}"


GOOD = hex_text((Chunk(0, CODE),))
END = ":00000001FF"


def elf(parts: list[tuple[int, bytes]], machine: int = 83) -> bytes:
    at = 52 + 32 * len(parts)
    headers, bodies = b"", b""
    for address, data in parts:
        headers += struct.pack("<8I", 1, at + len(bodies), 0, address, len(data), len(data), 5, 1)
        bodies += data
    head = struct.pack(
        "<4sBBB9xHHIIIIIHHHHHH",
        b"\x7fELF", 1, 1, 1, 2, machine, 1, 0, 52, 0, 0, 52, 32, len(parts), 0, 0, 0,
    )  # fmt: skip
    return head + headers + bodies


def test_an_image_says_its_board_and_its_version_whatever_its_form() -> None:
    in_ram = (0x80_0100, b"not for flash")
    for content, name in [
        (GOOD.encode(), "a.hex"),
        (GOOD.replace("\n", "\r\n").encode(), "a.hex"),
        (elf([(0, CODE[:120]), (120, CODE[120:]), in_ram]), "a.elf"),
        (CODE, "a.bin"),
    ]:
        image = read(content, name)
        assert (image.board, image.version, image.protocol) == (ATMEGA328P, "2.3.4", (1, 0))
        assert image.keypads == "bus"
        assert image.chunks == (Chunk(0, CODE),)
        assert image.sha256 == hashlib.sha256(content).hexdigest()


def test_records_may_come_in_any_order_and_leave_gaps() -> None:
    lines = GOOD.split()[:-1]
    random.Random(1).shuffle(lines)
    far = record(0x3000, 0, b"\1\2")
    image = read("\n".join([record(0, 4, b"\0\0"), far, *lines, END]))
    assert image.chunks == (Chunk(0, CODE), Chunk(0x3000, b"\1\2"))


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (":0300300002337A1F", "image_checksum"),
        (":0300300002337A1", "image_line"),
        (":0400300002337A1E", "image_line"),
        ("0300300002337A1E", "image_line"),
        (":0300300002337Ag0", "image_line"),
        (":", "image_line"),
        (record(0, 9, b""), "image_line"),
        (record(0, 4, b"\0"), "image_line"),
        (record(0xFFFF, 0, b"\1\2"), "image_address"),
        (record(0x7E00, 0, b"\1"), "image_over_bootloader"),
        (record(0x8000, 0, b"\1"), "image_beyond_flash"),
        (record(0x20, 0, b"\1"), "image_overlap"),
    ],
)
def test_a_wrong_line_is_named_by_its_number(line: str, code: str) -> None:
    lines = GOOD.split()
    error = refused("\n".join([*lines[:-1], line, END]))
    assert error.code == code
    assert error.where == f"receiver.hex:{len(lines)}"
    assert error.hint


def test_an_image_that_is_cut_off_at_any_byte_is_refused() -> None:
    whole = GOOD.rstrip()
    for size in range(len(whole)):
        refused(whole[:size])
    in_elf = elf([(0, CODE)])
    for size in range(1, len(in_elf)):
        refused(in_elf[:size], "a.elf")


def test_any_changed_digit_of_intel_hex_is_noticed() -> None:
    chance = random.Random(2)
    digits = [at for at, sign in enumerate(GOOD) if sign in "0123456789ABCDEF"]
    for at in chance.sample(digits, 300):
        other = chance.choice([one for one in "0123456789ABCDEF" if one != GOOD[at]])
        refused(GOOD[:at] + other + GOOD[at + 1 :])


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        ("", "a.hex", "image_empty"),
        (END, "a.hex", "image_empty"),
        (GOOD + record(0, 0, b"x"), "a.hex", "image_goes_on"),
        (hex_text((Chunk(0, b"code"),)), "a.hex", "image_no_receiver"),
        (hex_text((Chunk(0, IMPRINT + IMPRINT),)), "a.hex", "image_no_receiver"),
        (hex_text((Chunk(0, IMPRINT[:-1] + b"x"),)), "a.hex", "image_no_receiver"),
        (hex_text((Chunk(0, IMPRINT[:10]),)), "a.hex", "image_no_receiver"),
        (CODE.replace(b"\x1e\x95\x0f", b"\x1e\x94\x06"), "a.bin", "image_board_unknown"),
        (CODE.replace(b"\x1a\x02\x01", b"\x1a\x02\x02"), "a.bin", "image_board_unknown"),
        (CODE.replace(b"\x1a\x02\x01", b"\x1a\x02\x63"), "a.bin", "image_board_unknown"),
        (CODE.replace(b"\x1a\x02\x01", b"\x1a\x01\x01"), "a.bin", "image_old"),
        (CODE.replace(b"\x95\x0f\1", b"\x95\x0f\3"), "a.bin", "image_no_receiver"),
        (CODE, "a.jpg", "image_unknown"),
        (elf([(0, CODE)], machine=40), "a.elf", "image_foreign"),
        (elf([(0x100, CODE)]), "a.elf", "image_address"),
        (CODE + bytes(MAX_FILE_BYTES), "a.bin", "image_too_large"),
        (CODE + bytes(0x7E00), "a.bin", "image_over_bootloader"),
    ],
)
def test_what_is_no_image_for_a_receiver_is_refused(
    content: bytes | str, name: str, code: str
) -> None:
    assert refused(content, name).code == code


def test_the_hash_must_be_that_of_the_file() -> None:
    content = GOOD.encode()
    digest = hashlib.sha256(content).hexdigest()
    for given in (digest, digest.upper(), f"{digest}  receiver.hex\n", f"{digest} *x"):
        assert read_image(content, "a.hex", given).sha256 == digest
    for given, code in [
        ("", "hash_unreadable"),
        ("abc", "hash_unreadable"),
        (digest[:-1], "hash_unreadable"),
        ("0" * 64, "hash_differs"),
    ]:
        with pytest.raises(ImageInvalid) as caught:
            read_image(content, "a.hex", given)
        assert caught.value.code == code


def test_no_bytes_make_it_fail_in_another_way() -> None:
    chance = random.Random(3)
    for _ in range(2_000):
        begin = chance.choice([b"", b":", b"\x7fELF\1\1\1", IMPRINT, GOOD.encode()[:100]])
        content = begin + chance.randbytes(chance.randint(0, 200))
        name = chance.choice(["a.hex", "a.bin", "a.elf"])
        with suppress(ImageInvalid):
            read(content, name)


def test_the_first_page_and_the_rest_make_the_image_again() -> None:
    image = read(hex_text((Chunk(0, CODE), Chunk(0x1000, b"far"))))
    first, rest = split_first_page(image)
    assert len(first) == ATMEGA328P.page_bytes
    assert first == CODE[:128]
    assert rest == (Chunk(128, CODE[128:]), Chunk(0x1000, b"far"))
    short = read(hex_text((Chunk(0, IMPRINT), Chunk(0x200, b"x"))))
    assert split_first_page(short) == (IMPRINT.ljust(128, b"\xff"), (Chunk(0x200, b"x"),))
