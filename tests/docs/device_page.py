"""The page of what each driver rests on, made from drivers/quality.toml.

`python -m tests.docs.device_page` writes it anew.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "devices.md"
HEAD = """# Devices: what each driver rests on

Made from [drivers/quality.toml](../drivers/quality.toml) by `python -m tests.docs.device_page`.
"Not tried" means that no real device has been on it yet.
"""


class Quality(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One driver's table."""

    recordings: str
    protocol: str
    hardware: str
    tested_on: str
    limits: list[str]


def qualities() -> dict[str, Quality]:
    """Each driver's table, checked."""
    tables = tomllib.loads((ROOT / "drivers" / "quality.toml").read_text(encoding="utf-8"))
    return msgspec.convert(tables, dict[str, Quality])


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for name, row in sorted(qualities().items()):
        limits = "".join(f"- {limit}\n" for limit in row.limits) or "None written down.\n"
        parts.append(
            f"## {name}\n\n"
            "| | |\n|---|---|\n"
            f"| Real hardware | {row.hardware} |\n"
            f"| Tested on | {row.tested_on} |\n"
            f"| Recordings | {row.recordings} |\n"
            f"| Protocol | {row.protocol} |\n\n"
            f"Limits:\n\n{limits}"
        )
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
