"""Writes the API's document: `python -m agent.web.openapi FILE`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from agent.web.context import Context
from agent.web.description import document
from agent.web.server import make_app


def main(argv: list[str]) -> int:
    """Write it to the file named by the one argument."""
    paper = cast(Context, SimpleNamespace(access=None))  # routes are listed here, never called
    app = make_app(paper, Path(), health=lambda: (200, {}))
    text = json.dumps(document(app), indent=2, ensure_ascii=False) + "\n"
    Path(argv[0]).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
