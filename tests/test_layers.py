"""The contracts of import-linter see what they are for: one forbidden import breaks each."""

import ast
import copy
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest
from importlinter.api import read_configuration
from importlinter.contracts.acyclic_siblings import AcyclicSiblingsContract
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.layers import LayersContract
from importlinter.contracts.protected import ProtectedContract

ROOT = Path(__file__).parent.parent
TYPES = {
    one.type_name: one
    for one in (AcyclicSiblingsContract, ForbiddenContract, LayersContract, ProtectedContract)
}
UPWARDS = "Nothing imports upwards"
PURE = "Rules and codecs are pure: no loop, no clock, no I/O"
LEAF = "Drivers and the receiver's protocol know neither agent nor school"
CONCRETE = "The agent knows no concrete driver"
VIRTUAL = "Virtual devices are for the demo and the tests"
SCHOOL = "The school takes the board's topics, events and analysis, nothing else"
SERVER = "The school's server needs none of the board's packages"


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    roots = ("agent", "drivers", "firmware_bridge", "fleet")
    return grimp.build_graph(*roots, include_external_packages=True, cache_dir=None)


def broken(graph: grimp.ImportGraph) -> set[str]:
    configuration = read_configuration(str(ROOT / "pyproject.toml"))
    found = set()
    for options in configuration["contracts_options"]:
        contract = TYPES[options["type"]](
            name=options["name"],
            session_options=configuration["session_options"],
            contract_options=options,
        )
        if not contract.check(copy.deepcopy(graph), verbose=False).kept:
            found.add(options["name"])
    return found


def modules_imported(source: str) -> Iterator[str]:
    """Every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def of_tests(source: str) -> set[str]:
    return {one for one in modules_imported(source) if one.partition(".")[0] == "tests"}


def test_every_contract_is_kept(graph: grimp.ImportGraph) -> None:
    assert broken(graph) == set()


@pytest.mark.parametrize(
    ("importer", "imported", "contract"),
    [
        ("agent.app", "agent.__main__", UPWARDS),
        ("agent.journal", "agent.app", UPWARDS),
        ("agent.lesson", "agent.wire", UPWARDS),
        ("agent.intake", "agent.cloud", UPWARDS),
        ("agent.cloud", "fleet", UPWARDS),
        ("agent.settings", "drivers.api", UPWARDS),
        ("drivers.readings", "drivers.registry", "Nothing imports in a circle"),
        ("agent.lesson", "asyncio", PURE),
        ("agent.wire", "paho", PURE),
        ("agent.analysis.items", "sqlite3", PURE),
        ("firmware_bridge.clock_sync", "time", PURE),
        ("firmware_bridge.connection", "serial", PURE),
        ("firmware_bridge.frame", "time", PURE),
        ("firmware_bridge.messages", "asyncio", PURE),
        ("drivers.api", "agent.settings", LEAF),
        ("firmware_bridge.frame", "agent.settings", LEAF),
        ("agent.app", "drivers.clicker.reference", CONCRETE),
        ("agent.demo.classroom", "drivers.clicker.reference", CONCRETE),
        ("agent.app", "drivers.sim", VIRTUAL),
        ("drivers.api", "drivers.sim", VIRTUAL),
        ("fleet.ingest", "agent.journal", SCHOOL),
        ("fleet.ingest", "agent.lesson", SCHOOL),
        ("fleet.ingest", "serial", SERVER),
        ("fleet.ingest", "drivers.api", SERVER),
    ],
)
def test_a_forbidden_import_breaks_its_contract(
    graph: grimp.ImportGraph, importer: str, imported: str, contract: str
) -> None:
    changed = copy.deepcopy(graph)
    changed.add_import(importer=importer, imported=imported)
    assert contract in broken(changed)


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("agent.supervisor", "drivers.api"),
        ("agent.demo.classroom", "drivers.sim"),
        ("fleet.ingest", "agent.lesson.events"),
        ("fleet.ingest", "agent.wire"),
        ("fleet.ingest", "agent.analysis.items"),
    ],
)
def test_an_allowed_import_breaks_none(
    graph: grimp.ImportGraph, importer: str, imported: str
) -> None:
    changed = copy.deepcopy(graph)
    changed.add_import(importer=importer, imported=imported)
    assert broken(changed) == set()


def test_benchmarks_take_nothing_from_the_tests() -> None:
    """Tests may use the benchmarks' rigs; what both need belongs there."""
    files = sorted((ROOT / "benchmarks").rglob("*.py"))
    assert len(files) > 40
    taken = {str(one.relative_to(ROOT)): of_tests(one.read_text("utf-8")) for one in files}
    assert {name for name, modules in taken.items() if modules} == set()


@pytest.mark.parametrize("line", ["import tests.x", "from tests import x", "from tests.x import y"])
def test_a_benchmark_that_takes_from_the_tests_is_found(line: str) -> None:
    assert of_tests(f"def late():\n    {line}\n    from testsuite import z\n")
