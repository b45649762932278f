"""The committed documents say what the code does."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from referencing import Registry, Resource

from agent.lesson.events import KINDS, QuestionOpened, encode_body, public_body
from agent.wire.asyncapi import CHANNELS, document, files, schemas, write
from agent.wire.payloads import (
    BadBatch,
    Batch,
    BoardState,
    Item,
    Payload,
    Receipt,
    RollUp,
    encode,
)

FOLDER = Path(__file__).parent.parent.parent / "docs" / "mqtt"
REGISTRY: Registry[Any] = Registry().with_resources(
    (f"{name}.schema.json", Resource.from_contents(schema)) for name, schema in schemas().items()
)
OPENED = QuestionOpened(lesson="l-1", question=1, kind="single", options=["", ""], key=["A"])
ITEM = Item(
    seq=1,
    kind="QuestionOpened",
    v=1,
    boot="b-1",
    mono_ns=5,
    at=datetime(2026, 3, 2, 8, tzinfo=UTC),
    clock="synced",
    body=msgspec.Raw(public_body("QuestionOpened", encode_body(OPENED))),
)
EXAMPLES: list[Payload] = [
    Batch(epoch=1, items=[ITEM]),
    Receipt(epoch=1, upto=3, rejected=[2]),
    BadBatch(bad_batch="0f" * 32),
    BoardState(online=True, boot="b-1"),
    RollUp(
        lesson="l-1",
        question=1,
        kind="single",
        present=40,
        answered=5,
        right=None,
        options={"A": 5},
    ),
]


def test_the_committed_files_are_in_step() -> None:
    committed = {
        path.relative_to(FOLDER).as_posix(): path.read_text(encoding="utf-8")
        for path in FOLDER.rglob("*.json")
    }
    assert committed == dict(files()), "run: python -m agent.wire.asyncapi docs/mqtt"


def test_writing_drops_what_is_no_more(tmp_path: Path) -> None:
    (tmp_path / "Old.schema.json").write_text("{}")
    write(tmp_path)
    assert {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.json")} == dict(
        files()
    ).keys()


def check(name: str, value: Any) -> None:
    jsonschema.Draft202012Validator(schemas()[name], registry=REGISTRY).validate(value)


@pytest.mark.parametrize("payload", EXAMPLES, ids=lambda payload: type(payload).__name__)
def test_what_the_code_sends_fits_its_schema(payload: Any) -> None:
    check(type(payload).__name__, json.loads(encode(payload)))


def test_a_body_must_fit_the_schema_of_its_kind() -> None:
    broken = json.loads(encode(EXAMPLES[0]))
    broken["items"][0]["body"] = {"lesson": "l-1"}
    with pytest.raises(jsonschema.ValidationError):
        check("Batch", broken)


def test_every_kind_of_event_has_a_schema_without_what_stays_on_the_board() -> None:
    made = schemas()
    for name, kind in KINDS.items():
        assert not set(kind.stays_on_board) & set(made[f"events/{name}"]["properties"])
    assert "key" not in made["events/QuestionOpened"]["properties"]


def test_every_reference_of_the_document_leads_somewhere() -> None:
    whole = document()
    for reference in re.findall(r'"\$ref": "([^"]+)"', json.dumps(whole)):
        if not reference.startswith("#/"):
            assert reference.removesuffix(".schema.json") in schemas()
            continue
        place: Any = whole
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_the_page_names_every_topic_and_payload() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    for channel in CHANNELS:
        for payload in channel.payloads:
            line = f"| `{channel.direction}/{channel.kind}` | [{payload.__name__}]"
            assert line in page
    for name in re.findall(r"\]\(([^)]+)\)", page):
        assert (FOLDER / name).exists()
