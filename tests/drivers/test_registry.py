"""Drivers are found by their files' names."""

import subprocess
import sys

import pytest

from drivers import registry
from drivers.api import Driver
from drivers.errors import UnknownDriver


def test_the_files_are_the_names() -> None:
    names = registry.names()
    assert {"card.em4100", "clicker.reference", "phone"} <= set(names)
    assert not [name for name in names if name in registry.NOT_DRIVERS]
    assert not [name for name in names if name.split(".")[0] in registry.NOT_FAMILIES]


@pytest.mark.parametrize("name", registry.names())
def test_each_is_loaded(name: str) -> None:
    driver = registry.load(name)
    assert issubclass(driver, Driver)
    assert driver.__module__ == f"drivers.{name}"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("card.em410", "did you mean 'card.em4100'?"),
        ("xyzzy", "there are: "),
        ("serial", "there are: "),
        ("sim.card_reader", "there are: "),
        ("protocols.zkxl", "there are: "),
        ("card.em4100.Em4100", "card.em4100"),
        ("../phone", "phone"),
        ("", "there are: "),
    ],
)
def test_others_are_refused_with_what_there_is(name: str, hint: str) -> None:
    with pytest.raises(UnknownDriver, match="driver_unknown") as refused:
        registry.load(name)
    assert hint in refused.value.hint


def test_a_room_loads_only_the_drivers_it_has() -> None:
    code = (
        "import sys; from drivers import registry; registry.names(); registry.load('phone');"
        "print(sorted(m for m in sys.modules if m.startswith(('drivers.c', 'serial'))))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    assert told.strip() == "['drivers.capabilities']"
