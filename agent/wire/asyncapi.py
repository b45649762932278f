"""What goes over MQTT as JSON Schemas and an AsyncAPI document.

Written by `python -m agent.wire.asyncapi docs/mqtt`.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from agent.lesson.events import KINDS
from agent.wire import topics
from agent.wire.codec import JSON, JSON_ZLIB, MAX_INFLATED_BYTES
from agent.wire.payloads import (
    SET_ASIDE,
    BadBatch,
    Batch,
    BoardState,
    Job,
    JobReport,
    LogPart,
    Receipt,
    RollUp,
)

BOARD = topics.Address("{city}", "{county}", "{school}", "{room}", "{device}")
DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Channel(NamedTuple):
    """One topic and what is said on it."""

    direction: topics.Direction
    kind: str
    payloads: tuple[type[msgspec.Struct], ...]
    retain: bool
    qos: int


CHANNELS = (
    Channel("up", topics.BATCH, (Batch,), False, 1),
    Channel("dn", topics.ACK, (Receipt, BadBatch), False, 1),
    Channel("up", topics.STATE, (BoardState,), True, 1),
    Channel("up", topics.SUM, (RollUp,), False, 1),
    Channel("dn", topics.JOB, (Job,), False, 1),
    Channel("up", topics.JOB, (JobReport,), False, 1),
    Channel("up", topics.LOG, (LogPart,), False, 1),
)


def schemas() -> dict[str, dict[str, Any]]:
    """A JSON Schema for each payload and each kind of event, by name."""
    made: dict[str, dict[str, Any]] = {}
    for channel in CHANNELS:
        for payload in channel.payloads:
            made[payload.__name__] = _schema(payload)
    _tie_bodies(made[Batch.__name__])
    for name, kind in KINDS.items():
        made[f"events/{name}"] = schema = _schema(kind)
        for field in kind.stays_on_board:
            del schema["properties"][field]
    return made


def document() -> dict[str, Any]:
    """The AsyncAPI document, as seen by the board: it sends what goes up."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    for channel in CHANNELS:
        name = f"{channel.direction}-{channel.kind}"
        channels[name] = {
            "address": BOARD.up(channel.kind)
            if channel.direction == "up"
            else BOARD.dn(channel.kind),
            "parameters": {
                part: {"$ref": f"#/components/parameters/{part}"} for part in topics.Address._fields
            },
            "messages": {
                payload.__name__: {"$ref": f"#/components/messages/{payload.__name__}"}
                for payload in channel.payloads
            },
        }
        operations[name] = {
            "action": "send" if channel.direction == "up" else "receive",
            "channel": {"$ref": f"#/channels/{name}"},
            "bindings": {"mqtt": {"qos": channel.qos, "retain": channel.retain}},
        }
        for payload in channel.payloads:
            messages[payload.__name__] = {
                "contentType": JSON,
                "summary": (payload.__doc__ or "").split("\n", 1)[0],
                "payload": {
                    "schemaFormat": "application/schema+json;version=2020-12",
                    "schema": {"$ref": f"{payload.__name__}.schema.json"},
                },
            }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Classroom boards and their school",
            "version": "1",
            "description": (
                f"MQTT 5. Content type {JSON} or {JSON_ZLIB}, whichever is smaller; "
                f"at most {MAX_INFLATED_BYTES} bytes inflated."
            ),
        },
        "defaultContentType": JSON,
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages,
            "parameters": {
                part: {"description": f"A code, not a name: {topics.CODE_PATTERN}"}
                for part in topics.Address._fields
            },
        },
    }


def files() -> Iterator[tuple[str, str]]:
    """Every file of the folder: its name and its text."""
    for name, schema in schemas().items():
        yield f"{name}.schema.json", _text(schema)
    yield "asyncapi.json", _text(document())


def write(folder: Path) -> None:
    """Write the folder anew; files of payloads that are no more go."""
    wanted = dict(files())
    for path in folder.rglob("*.json"):
        if path.relative_to(folder).as_posix() not in wanted:
            path.unlink()
    for name, text in wanted.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _schema(payload: type[msgspec.Struct]) -> dict[str, Any]:
    schema = msgspec.json.schema(payload)
    name = payload.__name__
    for one in schema["$defs"].values():
        if "description" in one:
            one["description"] = inspect.cleandoc(one["description"])
    # The payload itself stands at the top, what it refers to below.
    top = schema["$defs"].pop(name)
    definitions = {"$defs": schema["$defs"]} if schema["$defs"] else {}
    return {"$schema": DIALECT, **top, **definitions}


def _tie_bodies(batch: dict[str, Any]) -> None:
    """The schema of an item's body follows from its kind and version."""
    item = batch["$defs"]["Item"]
    item["allOf"] = [
        {
            "if": {
                "properties": {"kind": {"const": name}, "v": {"const": kind.version}},
                "required": ["kind", "v"],
            },
            "then": {"properties": {"body": {"$ref": f"events/{name}.schema.json"}}},
        }
        for name, kind in KINDS.items()
    ]
    item["properties"]["kind"]["examples"] = [*KINDS, SET_ASIDE]


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    write(Path(sys.argv[1]))
