"""What the pages in docs/ name exists, and what exists is named."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def pages() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.split()]


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target]
    assert not [target for target in local if not (page.parent / target).exists()]


COMMAND = re.compile(r"\./dev (soak|bench) ([a-z]\w*)((?: +\[?--[^`\n]*)?)")


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_soak_and_benchmark_on_a_page_exists_with_its_options(page: Path) -> None:
    for folder, name, options in COMMAND.findall(page.read_text(encoding="utf-8")):
        below = ROOT / "benchmarks" / ("soak" if folder == "soak" else "")
        [file] = [
            one for one in (below / f"{name}.py", below / name / "__main__.py") if one.exists()
        ]
        source = file.read_text(encoding="utf-8")
        assert not [one for one in re.findall(r"--[a-z-]+", options) if f'"{one}"' not in source]


def test_the_files_that_the_page_on_durability_names_exist() -> None:
    page = (ROOT / "docs/durability.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:agent|tests)/[\w/]+\.\w+)`", page)
    assert len(named) > 5
    assert not [name for name in named if not (ROOT / name).exists()]


def test_the_ingests_options_are_on_its_page() -> None:
    page = (ROOT / "docs/fleet.md").read_text(encoding="utf-8")
    options = set()
    for command in ("ingest", "events", "collect"):
        usage = subprocess.run(
            [sys.executable, "-m", "fleet", command, "--help"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        options |= set(re.findall(r"--[a-z-]+", usage.stdout))
    assert {"--broker", "--json"} <= options
    assert not [option for option in options - {"--help"} if option not in page]


def test_the_teachers_guides_say_the_same_keys() -> None:
    keys = []
    for name in ("teaching.md", "teaching.zh.md"):
        text = (ROOT / "docs" / name).read_text(encoding="utf-8")
        assert text.count("\n## ") == 13
        keys.append(len(re.findall(r"^\| [A-Z] ", text, re.MULTILINE)))
    assert keys[0] == keys[1] > 0
