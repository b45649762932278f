"""A reader that types: four forms of one number, what is no number, and the kernel's own way."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.card.keyboard import (
    DIGITS,
    KEY_ENTER,
    KEY_PAD_ENTER,
    KEYS,
    LETTERS,
    PAD_DIGITS,
    SHIFTS,
    Form,
    Keyboard,
    KeyboardDecoder,
    KeyboardOptions,
    uid_of,
)
from drivers.errors import DeviceLost
from drivers.evdev import EV_KEY, EV_SYN, HELD, SYN_DROPPED, InputEvent
from drivers.readings import CardTap, Reading
from tests.drivers.fake_ports import FakePorts, MemoryLine
from tests.drivers.input_world import World, pressed, record

CODES = {char: code for keys in (PAD_DIGITS, DIGITS, LETTERS) for code, char in keys.items()}
SHIFT, DOT, MINUS = SHIFTS[0], 52, 12
FOUR_FORMS: list[tuple[Form, str]] = [
    ("decimal", "0077705923"),
    ("decimal_reversed", "3283263748"),
    ("hex", "04A1B2C3"),
    ("hex_reversed", "C3B2A104"),
]


def typed(text: str, enter: int | None = KEY_ENTER) -> list[int]:
    return [CODES[char] for char in text] + ([] if enter is None else [enter])


class Reader:
    """A decoder and the clock of its keys."""

    def __init__(self, form: Form = "decimal", digits: int | None = None) -> None:
        self.decoder = KeyboardDecoder("reader", form, digits)
        self.at_us = 7_000_000_321

    def types(self, text: str, enter: int | None = KEY_ENTER) -> list[str]:
        return self.press(*typed(text, enter))

    def press(self, *codes: int) -> list[str]:
        return self.say(pressed(codes, self.at_us))

    def say(self, events: Sequence[InputEvent]) -> list[str]:
        self.at_us = events[-1].time_us + 4_000
        return [tap.uid for tap in self.decoder.feed(b"".join(map(record, events)), 0)]


@pytest.mark.parametrize(("form", "text"), FOUR_FORMS)
def test_all_four_forms_of_a_card_are_one_uid(form: Form, text: str) -> None:
    assert Reader(form).types(text) == ["04A1B2C3"]


@given(st.binary(min_size=4, max_size=4))
def test_any_uid_comes_back_from_its_four_forms(uid: bytes) -> None:
    forward, back = int.from_bytes(uid, "big"), int.from_bytes(uid, "little")
    assert uid_of(f"{forward:010}", "decimal") == uid.hex().upper()
    assert uid_of(f"{back:010}", "decimal_reversed") == uid.hex().upper()
    assert uid_of(uid.hex().upper(), "hex") == uid.hex().upper()
    assert uid_of(uid[::-1].hex().upper(), "hex_reversed") == uid.hex().upper()


def test_the_number_pad_and_small_letters_say_the_same() -> None:
    pad = {char: code for code, char in PAD_DIGITS.items()}
    assert Reader().press(*(pad[char] for char in "0077705923"), KEY_PAD_ENTER) == ["04A1B2C3"]
    assert Reader("hex").types("04A1B2C3") == ["04A1B2C3"]


def test_a_letter_typed_with_shift_is_that_letter() -> None:
    reader = Reader("hex")
    shifted: list[InputEvent] = []
    at_us = reader.at_us
    for char in "04A1B2C3":
        code, shift = CODES[char], char.isalpha()
        keys = [(SHIFT, 1)] * shift + [(code, 1), (code, 0)] + [(SHIFT, 0)] * shift
        shifted += [InputEvent(at_us, EV_KEY, key, value) for key, value in keys]
        at_us += 4_000
    assert reader.say(shifted) == []
    assert reader.press(KEY_ENTER) == ["04A1B2C3"]


def test_a_digit_typed_with_shift_is_no_digit() -> None:
    reader = Reader()
    reader.say([InputEvent(reader.at_us, EV_KEY, SHIFT, 1)])
    assert reader.types("0077705923") == []
    assert reader.decoder.lines_skipped == 1
    assert reader.types("0077705923") == ["04A1B2C3"]


@pytest.mark.parametrize(
    "text", ["1", "007770592", "00777059233", "9" * 10, "4294967296", "0" * 500, "0A77705923"]
)
def test_what_is_no_number_of_the_form_is_counted_and_skipped(text: str) -> None:
    reader = Reader()
    assert reader.types(text) == []
    assert reader.decoder.lines_skipped == 1
    assert reader.types("0077705923") == ["04A1B2C3"]
    assert reader.decoder.lines_skipped == 1


@pytest.mark.parametrize("stray", [DOT, MINUS, 57])
def test_a_number_with_another_key_in_it_is_skipped(stray: int) -> None:
    reader = Reader()
    assert reader.press(*typed("00777", None), stray, *typed("05923")) == []
    assert reader.types("0077705923") == ["04A1B2C3"]
    assert reader.decoder.lines_skipped == 1


def test_what_was_typed_before_a_pause_is_no_part_of_a_number() -> None:
    reader = Reader()
    assert reader.types("12", enter=None) == []
    reader.at_us += 1_000_001
    assert reader.types("0077705923") == ["04A1B2C3"]
    assert reader.decoder.lines_skipped == 1
    reader.types("00777", enter=None)
    reader.at_us += 900_000
    assert reader.types("05923") == ["04A1B2C3"]


def test_a_setting_of_ten_digits_takes_no_eight() -> None:
    assert Reader(digits=None).types("77705923") == ["04A1B2C3"]
    assert Reader(digits=10).types("77705923") == []
    assert Reader("hex", digits=None).types("1204A1B2C3") == ["1204A1B2C3"]
    assert Reader("hex", digits=None).types("04A1B2C3D4E5F6") == ["04A1B2C3D4E5F6"]
    with pytest.raises(ValidationError):
        KeyboardOptions.model_validate({"port": "08ff:0009", "digits": 9})


def test_where_the_kernel_lost_keys_no_number_is_made_up() -> None:
    reader = Reader()
    reader.types("00", enter=None)
    reader.say([InputEvent(reader.at_us, EV_SYN, SYN_DROPPED, 0)])
    assert reader.types("77705923") == []
    assert reader.types("0077705923") == ["04A1B2C3"]


@pytest.mark.parametrize("missing", [2, 4])  # a press, a release
def test_a_press_or_a_release_that_is_missing_spoils_the_number(missing: int) -> None:
    events = pressed([*typed("0077"), *typed("77705923")], 5_000_321)
    number = pressed(typed("1277705923"), 6_000_321)
    assert [tap.uid for tap in Reader().decoder.feed(b"".join(map(record, events)), 0)]
    # without one record of the second digit
    del number[4 + missing]
    reader = Reader()
    assert reader.say(number) == []
    assert reader.decoder.lines_skipped == 1


def test_a_key_that_is_held_is_one_digit() -> None:
    reader = Reader()
    events = pressed(typed("0077705923"), 5_000_321)
    held = InputEvent(events[0].time_us, EV_KEY, events[0].code, HELD)
    assert reader.say([events[0], held, held, *events[1:]]) == ["04A1B2C3"]


@given(st.lists(st.sampled_from([*KEYS, KEY_ENTER, SHIFT, DOT]), max_size=60))
def test_after_anything_typed_the_second_number_is_read(codes: list[int]) -> None:
    reader = Reader()
    if codes:
        reader.press(*codes)
    reader.types("0012345678")
    assert reader.types("0077705923") == ["04A1B2C3"]


async def test_a_card_that_is_typed_again_while_it_lies_there_is_one_tap() -> None:
    line = MemoryLine()
    ports = FakePorts(line)
    driver = Keyboard("reader", KeyboardOptions(port="08ff:0009"), ports=ports)
    taps: list[str] = []

    async def emit(*readings: Reading) -> None:
        taps.extend(one.uid for one in readings if isinstance(one, CardTap))

    running = asyncio.create_task(driver.run(emit))
    for number, at_s in enumerate((0.0, 0.5, 1.4, 2.4)):
        ports.clock_ns = int(at_s * 1_000_000_000)
        events = pressed(typed("0077705923"), 5_000_321 + number * 2_000_000)
        line.send(b"".join(map(record, events)))
        for _ in range(5):
            await asyncio.sleep(0)
    line.unplug()
    with pytest.raises(DeviceLost):
        await running
    assert taps == ["04A1B2C3", "04A1B2C3"]
    assert driver.counters() == {"junk_bytes": 0, "lines_skipped": 0, "repeats": 2}
    assert ports.opened == [("08ff:0009", 1)]


@pytest.mark.needs("umockdev")
def test_from_an_input_device_to_a_tap_by_usb_id_and_by_path(tmp_path: Path) -> None:
    """The plug is a mouse as well: the device with an Enter key is the reader."""
    world = World(tmp_path)
    keys = pressed([*typed("007770592"), *typed("0077705923")])
    path = world.add("08ff:0009", "a reader", [*range(1, 120)], keys)
    world.add("08ff:0009", "its other half", [272, 273], [])
    for port in ("08ff:0009", path):
        program = (sys.executable, "-m", "tests.drivers.replayed_input", "card.keyboard", port, "1")
        done = subprocess.run(
            world.command(*program), capture_output=True, text=True, timeout=50, check=False
        )
        expected = '{"kind":"CardTap","device":"replayed","uid":"04A1B2C3"}\n'
        assert done.stdout == expected, done.stderr
