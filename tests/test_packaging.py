"""The wheel that a board or a school installs."""

import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("agent", "drivers", "firmware_bridge", "fleet")


def build_wheel(root: Path, into: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)],
        cwd=root, check=False, capture_output=True, text=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    if not (ROOT / "frontend/dist").is_dir():
        pytest.skip("the pages are not built: run ./dev setup")
    folder = tmp_path_factory.mktemp("wheel")
    built = build_wheel(ROOT, folder)
    assert built.returncode == 0, built.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


@pytest.mark.parametrize("name", PACKAGES)
def test_no_other_package_brings_our_import_names(name: str) -> None:
    assert set(packages_distributions().get(name, [])) <= {"classroom-agent"}


def test_the_project_cannot_be_published_by_accident() -> None:
    classifiers = distribution("classroom-agent").metadata.get_all("Classifier") or []
    assert "Private :: Do Not Upload" in classifiers


def test_the_wheel_holds_every_tracked_part(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    for source, target in [("config", "agent/_data/config"), ("systemd", "agent/_data/systemd")]:
        files = [path for path in (ROOT / source).rglob("*") if path.is_file()]
        assert files
        missing = {f"{target}/{path.relative_to(ROOT / source)}" for path in files} - names
        assert not missing
    pages = [path for path in (ROOT / "frontend/dist").rglob("*") if path.is_file()]
    assert any(path.suffix == ".html" for path in pages)
    built = {f"agent/web/static/{path.relative_to(ROOT / 'frontend/dist')}" for path in pages}
    assert not built - names
    for package in PACKAGES:
        modules = {str(path.relative_to(ROOT)) for path in (ROOT / package).rglob("*.py")}
        assert not modules - names


def test_the_wheel_holds_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == {*PACKAGES, "classroom_agent-0.1.0.dist-info"}
    assert not [
        name for name in wheel.namelist() if "__pycache__" in name or "node_modules" in name
    ]


def test_the_command_runs_from_the_wheel(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    for package in ("agent", "fleet"):
        told = subprocess.run(
            [sys.executable, "-m", package, "--help"],
            cwd=tmp_path, check=False, capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
        )  # fmt: skip
        assert told.returncode == 0, told.stderr
        assert told.stdout.startswith("usage: ")


def test_a_wheel_without_its_pages_is_refused(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "hatch_build.py"):
        shutil.copy(ROOT / name, tmp_path)
    for name in (*PACKAGES, "config", "systemd"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    refused = build_wheel(tmp_path, tmp_path / "out")
    assert refused.returncode != 0
    assert "run ./dev setup" in refused.stderr
