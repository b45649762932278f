"""The page's example is put into a copy of the product, and held to what every driver is."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs/adding-a-driver.md").read_text(encoding="utf-8")
FILES: dict[str, str] = dict(
    re.findall(r"^`([\w/.-]+)`:\n\n```\w*\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
)
DRIVER = "drivers/clicker/acme.py"


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """What drivers need of the product, with the example in it."""
    without = shutil.ignore_patterns("__pycache__", "build", "static", "frontend")
    for folder in (
        "agent",
        "benchmarks",
        "drivers",
        "firmware_bridge",
        "tests/recordings",
        "tests/drivers",
    ):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=without)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tests/__init__.py").touch()
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def python(product: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=product, env={**os.environ, "PYTHONPATH": str(product)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_page_has_a_driver_and_a_recording() -> None:
    assert [Path(name).suffix for name in FILES] == [".hex", ".jsonl", ".py"]
    assert DRIVER in FILES
    assert len(FILES[DRIVER].split("class AcmeDecoder")[0].splitlines()) < 80


def test_the_example_keeps_the_contract(product: Path) -> None:
    contract = ["tests/drivers/test_contract.py", "tests/drivers/test_registry.py"]
    told = python(product, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "acme", *contract)
    assert told.returncode == 0, told.stdout
    passed = re.search(r"(\d+) passed", told.stdout)
    assert passed is not None
    assert int(passed[1]) >= 25


def test_the_contract_would_complain(product: Path) -> None:
    path = product / DRIVER
    path.write_text(path.read_text().replace("self._held = held[at:]", "self._held = b''"))
    contract = "tests/drivers/test_contract.py"
    chosen = "acme and byte_by_byte"
    told = python(product, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, contract)
    assert "test_a_recording_is_decoded_byte_by_byte" in told.stdout
    assert told.returncode == 1


def test_the_example_decodes_its_recording(product: Path) -> None:
    recording = next(name for name in FILES if name.endswith(".hex"))
    expected = FILES[recording.replace(".hex", ".jsonl")]
    told = python(
        product, "-m", "agent", "decode", "clicker.acme", recording, "--hex", "--device", "recorded"
    )
    assert (told.returncode, told.stdout) == (0, expected)
    assert told.stderr == "2 readings, 2 junk bytes\n"


def test_the_example_is_well_written(product: Path) -> None:
    for check in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy", "--strict"]):
        told = python(product, "-m", *check, DRIVER)
        assert told.returncode == 0, told.stdout + told.stderr
