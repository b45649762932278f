"""Every benchmark is on the page about performance, and what is on it exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def benchmarks() -> set[str]:
    folder = ROOT / "benchmarks"
    single = {path.stem for path in folder.glob("*.py")}
    whole = {path.parent.name for path in folder.glob("*/__main__.py")}
    return (single | whole) - {"__init__"}


def test_the_page_about_performance_names_every_benchmark_and_no_other() -> None:
    page = (ROOT / "docs/performance.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| `\./dev bench (\w+)` \|", page, re.MULTILINE)
    assert set(table) == benchmarks()
