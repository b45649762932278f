"""The device page has words for every trouble, state, counter and kind of reading there is.

What drivers can say is found in the drivers themselves; that the other language says the same is
checked where the pages are built.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import get_args

import pytest

from agent.device_status import DeviceState
from benchmarks.decoders import recordings
from drivers import readings, registry
from drivers.errors import DeviceLost, DriverError
from drivers.readings import Reading
from tests.drivers.fake_ports import FakePorts, MemoryLine
from tests.drivers.test_contract import Heard, make

ROOT = Path(__file__).parents[2]
TEACHER = ROOT / "frontend/src/teacher"
SOURCES = [
    path
    for folder in ("drivers", "agent")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "sim" not in path.parts and "demo" not in path.parts
]
LANGUAGES = ("zh", "en")


def words(language: str, file: str, table: str) -> set[str]:
    """The names in a table of a page's words."""
    text = (TEACHER / file.format(language)).read_text(encoding="utf-8")
    found = re.search(rf"^(\s*){table}: {{\n(.*?)^\1}},$", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"{file} has no {table}"
    return set(re.findall(r"^\s*(\w+): ", found[2], re.MULTILINE))


def raised() -> Iterator[tuple[str, str]]:
    """Every code that a driver's error is made with, and where; "" if it is no plain text."""
    roots: list[type[DriverError]] = [DriverError, *_below(DriverError)]
    kinds = {one.__name__ for one in roots}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                if name in kinds:
                    first = node.args[0] if node.args else None
                    plain = isinstance(first, ast.Constant) and isinstance(first.value, str)
                    where = f"{path.relative_to(ROOT)}:{node.lineno}"
                    yield (str(first.value) if plain else ""), where  # type: ignore[union-attr]


def _below(kind: type[DriverError]) -> Iterator[type[DriverError]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_trouble_of_a_driver_has_its_sentence(language: str) -> None:
    known = words(language, "{}.ts", "codes")
    codes = list(raised())
    assert len({code for code, _ in codes}) > 10, "they are found at all"
    without = [(code, where) for code, where in codes if code not in known]
    assert without == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_has_its_words_and_its_advice(language: str) -> None:
    states = set(get_args(DeviceState))
    assert words(language, "devices.{}.ts", "advice") == states
    text = (TEACHER / f"{language}.ts").read_text(encoding="utf-8")
    line = next(one for one in text.splitlines() if one.strip().startswith("states: { starting"))
    assert set(re.findall(r"(\w+): \"", line)) == states


@pytest.mark.parametrize("state", ["lost", "misconfigured"])
def test_the_page_and_the_docs_give_one_advice(state: str) -> None:
    text = (TEACHER / "devices.en.ts").read_text(encoding="utf-8")
    advice = re.search(rf"^  advice: {{\n.*?^    {state}: \"(.*?)\",$", text, re.M | re.S)
    assert advice is not None
    docs = (ROOT / "docs/bad-input.md").read_text(encoding="utf-8")
    assert f'"{advice[1]}"' in " ".join(docs.split())


async def counted() -> dict[str, str]:
    """Every counter, and who has it: of drivers that ran, and of those who count for them."""
    found: dict[str, str] = {}
    for name in registry.names():
        found |= dict.fromkeys(make(name, FakePorts()).counters(), name)
        for tape in recordings.of_driver(name):
            line = MemoryLine()
            line.send(tape.data)
            line.unplug()
            driver = make(name, FakePorts(line))
            with suppress(DeviceLost):
                await driver.run(Heard().emit)
            found |= dict.fromkeys(driver.counters(), name)
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = isinstance(node, ast.FunctionDef) and node.name in ("counters", "counted")
            if named or (isinstance(node, ast.FunctionDef) and node.name == "skipped"):
                for one in ast.walk(node):
                    if isinstance(one, ast.Dict):
                        keys = [key.value for key in one.keys if isinstance(key, ast.Constant)]
                        found |= {str(key): str(path) for key in keys}
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("_count", "_set_aside")
                and isinstance(node.args[-1], ast.Constant)
            ):
                found[str(node.args[-1].value)] = str(path)
    return found | {"unheeded": "agent/web/board.py"}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_counter_has_its_name(language: str) -> None:
    known = words(language, "devices.{}.ts", "counters")
    found = await counted()
    assert {"junk_bytes", "receiver_refused", "keypads_set_aside", "late"} <= found.keys()
    assert {name: who for name, who in found.items() if name not in known} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_reading_has_its_name(language: str) -> None:
    kinds = {
        name
        for name, one in vars(readings).items()
        if isinstance(one, type) and issubclass(one, Reading) and one is not Reading
    }
    assert kinds - {"Attached"} <= words(language, "devices.{}.ts", "kinds")
