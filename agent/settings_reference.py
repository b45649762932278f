"""What the settings are, for editors and people: made from the classes, never by hand.

`python -m agent.settings_reference`, in a checkout, writes config/schema.json,
config/defaults.toml and docs/settings.md anew. A test holds them in step.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from agent.settings import DeviceSection, Section, Settings
from drivers.registry import load, names

ROOT = Path(__file__).parent.parent
WIDTH = 96
INTRODUCTION = """\
# Settings

One TOML file says what an installation is. `classroom-agent check-config FILE` names everything
that is wrong in it, with its line. A key that is not listed here is refused. Files are named
relative to the settings file. Examples lie in `config/examples/`, every key with its default in
`config/defaults.toml`, and `config/schema.json` lets an editor complete and check as you type.

This page is made from the program by `python -m agent.settings_reference`.
"""


def sections() -> Iterator[tuple[str, type[Section]]]:
    """The single sections, by name: all but the devices."""
    for name, field in Settings.model_fields.items():
        for one in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(one, type) and issubclass(one, Section):
                yield name, one


def _first_line(documented: type) -> str:
    return (documented.__doc__ or "").splitlines()[0]


def _toml(value: Any) -> str:
    """A default as TOML: strings, numbers, paths and lists of them."""
    if isinstance(value, tuple):
        return json.dumps(list(value))
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)


def schema() -> str:
    """JSON Schema of a settings file, with the options of every driver."""
    document = Settings.model_json_schema()
    definitions = document["$defs"]
    device = definitions.pop("DeviceSection")
    kinds = []
    for name in names():
        options = load(name).Options.model_json_schema()
        definitions.update(options.pop("$defs", {}))
        properties = device["properties"] | {"driver": {"const": name}}
        kinds.append(
            {
                "title": name,
                "description": _first_line(load(name)),
                "type": "object",
                "properties": properties | options.get("properties", {}),
                "required": [*device["required"], *options.get("required", [])],
                "additionalProperties": False,
            }
        )
    document["properties"]["devices"]["items"] = {"oneOf": kinds}
    document["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def defaults() -> str:
    """A settings file that says every key; what is a comment there has no default."""
    lines = [
        "# Every key, with its default. A key in a comment has none: it must be given, or may."
    ]
    for name, section in sections():
        off = not Settings.model_fields[name].is_required() and any(
            field.is_required() for field in section.model_fields.values()
        )
        lines += ["", f"# {_first_line(section)}", f"{'# ' if off else ''}[{name}]"]
        for key, field in section.model_fields.items():
            lines += _default(key, field, off=off)
    lines += ["", f"# {_first_line(DeviceSection)} One such section a device."]
    for name in names():
        lines += ["# [[devices]]", '# id = "..."', f'# driver = "{name}"']
        for key, field in load(name).Options.model_fields.items():
            lines += _default(key, field, off=True)
    return "\n".join(lines) + "\n"


def _default(key: str, field: FieldInfo, *, off: bool) -> list[str]:
    value = field.get_default()
    without = field.is_required() or value is None
    need = "Required. " if field.is_required() else ""
    text = textwrap.wrap(f"{need}{field.description}", WIDTH)
    comment = "# " if without or off else ""
    return [
        *(f"# {line}" for line in text),
        f"{comment}{key} = {'...' if without else _toml(value)}",
    ]


def page() -> str:
    """The settings as a page of Markdown."""
    parts = [INTRODUCTION]
    for name, section in sections():
        parts.append(f"## [{name}]\n\n{(section.__doc__ or '').strip()}\n\n{_table(section)}")
    parts.append(
        f"## [[devices]]\n\n{(DeviceSection.__doc__ or '').strip()}\n\n{_table(DeviceSection)}"
    )
    for name in names():
        driver = load(name)
        beside = "Beside `id` and `driver`:" if driver.Options.model_fields else "No other keys."
        table = f"\n\n{_table(driver.Options)}" if driver.Options.model_fields else ""
        parts.append(f'### driver = "{name}"\n\n{_first_line(driver)} {beside}{table}')
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _table(model: type[BaseModel]) -> str:
    rows = ["| key | what | default |", "|---|---|---|"]
    for key, field in model.model_fields.items():
        value = field.get_default()
        default = (
            "required" if field.is_required() else "" if value is None else f"`{_toml(value)}`"
        )
        rows.append(f"| `{key}` | {field.description} | {default} |")
    return "\n".join(rows)


FILES = {"config/schema.json": schema, "config/defaults.toml": defaults, "docs/settings.md": page}

if __name__ == "__main__":
    for file, made in FILES.items():
        (ROOT / file).write_text(made(), encoding="utf-8")
