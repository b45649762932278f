"""What is written about the settings agrees with what the program takes."""

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest
from pydantic import BaseModel

from agent.settings import DeviceSection, Settings
from agent.settings_file import load
from agent.settings_reference import FILES, sections
from drivers import registry

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = sorted((ROOT / "config/examples").glob("*.toml"))
SCHEMA = json.loads((ROOT / "config/schema.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", FILES)
def test_the_file_is_what_the_program_would_write(file: str) -> None:
    written = (ROOT / file).read_text(encoding="utf-8")
    assert written == FILES[file](), "run: python -m agent.settings_reference"


@pytest.mark.parametrize(
    "model",
    [
        *dict(sections()).values(),
        DeviceSection,
        *(registry.load(n).Options for n in registry.names()),
    ],
)
def test_every_key_is_described(model: type[BaseModel]) -> None:
    assert not [key for key, field in model.model_fields.items() if not field.description]


def test_there_are_examples() -> None:
    assert {path.stem for path in EXAMPLES} >= {"minimal", "classroom", "school-mosquitto", "demo"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_taken_by_program_and_schema(path: Path) -> None:
    assert isinstance(load(path), Settings)
    jsonschema.validate(tomllib.loads(path.read_text(encoding="utf-8")), SCHEMA)


def test_all_drivers_are_in_an_example() -> None:
    named = {device.driver for path in EXAMPLES for device in load(path).devices}
    assert named == set(registry.names())


def test_the_schema_refuses_what_the_program_refuses() -> None:
    settings = tomllib.loads((ROOT / "config/examples/minimal.toml").read_text(encoding="utf-8"))
    jsonschema.validate(settings, SCHEMA)
    for wrong in (
        settings | {"clod": {}},
        settings | {"web": {"prot": 1}},
        settings | {"devices": [{"id": "a", "driver": "card.em4100"}]},
        settings | {"devices": [{"id": "a", "driver": "phone", "port": "/dev/x"}]},
        settings | {"place": {"city": "c"}},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, SCHEMA)


def test_the_defaults_are_the_defaults(tmp_path: Path) -> None:
    """Taking the comments off the keys without a default gives a file that changes nothing."""
    needed = {
        "device_id": "b", "city": "c", "county": "c", "school": "c", "room": "c",
    }  # fmt: skip
    lines = (ROOT / "config/defaults.toml").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        key = line.removeprefix("# ").removesuffix(" = ...")
        if key in needed:
            lines[number] = f'{key} = "{needed[key]}"'
    path = tmp_path / "defaults.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    place = {key: value for key, value in needed.items() if key != "device_id"}
    least = Settings.model_validate({"agent": {"device_id": "b"}, "place": place})
    assert load(path) == least
