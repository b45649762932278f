"""The presenter: which key is which, what is no second press, and the kernel's own way."""

import subprocess
import sys
from pathlib import Path

import pytest

from drivers.evdev import EV_KEY, HELD, InputEvent
from drivers.presenter.keys import (
    KEY_B,
    KEY_DOT,
    KEY_ESC,
    KEY_F5,
    KEY_PAGEDOWN,
    KEY_PAGEUP,
    Keys,
    KeysDecoder,
    KeysOptions,
)
from tests.drivers.fake_ports import FakePorts
from tests.drivers.input_world import World, pressed, record

VOLUME_UP = 115


def actions(*codes: int) -> list[str]:
    data = b"".join(map(record, pressed(codes, 5_000_321)))
    return [press.action for press in KeysDecoder("presenter").feed(data, 0)]


def test_each_key_has_its_action() -> None:
    codes = (KEY_PAGEDOWN, KEY_PAGEUP, KEY_F5, KEY_ESC, KEY_DOT, KEY_B)
    assert actions(*codes) == ["next", "previous", "start", "start", "blank", "blank"]


def test_a_key_that_is_held_is_one_press() -> None:
    decoder = KeysDecoder("presenter")
    down, _, up, _ = pressed([KEY_PAGEDOWN], 5_000_321)
    held = InputEvent(down.time_us, EV_KEY, KEY_PAGEDOWN, HELD)
    presses = decoder.feed(b"".join(map(record, [down, held, held, up, down, up])), 0)
    assert [press.action for press in presses] == ["next", "next"]
    assert decoder.held_keys == 2


def test_other_keys_are_counted() -> None:
    decoder = KeysDecoder("presenter")
    assert not decoder.feed(b"".join(map(record, pressed([VOLUME_UP, 30], 5_000_321))), 0)
    assert decoder.other_keys == 2


def test_without_a_setting_it_is_the_usual_model() -> None:
    driver = Keys("presenter", KeysOptions(), ports=FakePorts())
    assert KeysOptions().port == "046d:c52d"
    assert driver.counters() == {"junk_bytes": 0, "other_keys": 0, "held_keys": 0}


@pytest.mark.needs("umockdev")
def test_from_an_input_device_to_its_presses(tmp_path: Path) -> None:
    world = World(tmp_path)
    keys = pressed([KEY_PAGEDOWN, KEY_DOT, KEY_PAGEUP])
    world.add("046d:c52d", "a presenter", [*range(1, 120)], keys)
    program = "tests.drivers.replayed_input", "presenter.keys", "046d:c52d", "3"
    done = subprocess.run(
        world.command(sys.executable, "-m", *program),
        capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip
    said = [f'{{"kind":"RemoteKey","device":"replayed","action":"{action}"}}' for action in
            ("next", "blank", "previous")]  # fmt: skip
    assert done.stdout.splitlines() == said, done.stderr
