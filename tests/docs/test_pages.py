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


def test_the_ingests_options_are_on_its_page() -> None:
    page = (ROOT / "docs/fleet.md").read_text(encoding="utf-8")
    options = set()
    for command in ("ingest", "events"):
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
        assert text.count("\n## ") == 6
        keys.append(len(re.findall(r"^\| [A-Z] ", text, re.MULTILINE)))
    assert keys[0] == keys[1] > 0
