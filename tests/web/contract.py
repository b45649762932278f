"""The API's document, and whether an answer is what it says."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from jsonschema import Draft202012Validator

DOCUMENT = Path(__file__).parents[2] / "docs" / "api" / "openapi.json"
API = "/api/v1"


@cache
def written() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    return document


@cache
def _templates() -> list[tuple[re.Pattern[str], str]]:
    paths = sorted(written()["paths"], key=lambda path: path.count("{"))
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), path) for path in paths]


@cache
def _validator(schema: str) -> Draft202012Validator:
    document = {"components": written()["components"]}
    return Draft202012Validator(json.loads(schema) | document)


def check(method: str, path: str, answer: httpx.Response) -> None:
    """Fail if the document does not know such an answer."""
    plain = API + path.partition("?")[0]
    template = next((name for pattern, name in _templates() if pattern.fullmatch(plain)), None)
    operations = {} if template is None else written()["paths"][template]
    responses = operations.get(method.lower(), {}).get("responses")
    if responses is None:
        assert answer.status_code in (404, 405, 413), f"{method} {plain} is not in the document"
        return
    status = str(answer.status_code)
    assert status in responses or answer.status_code >= 400, f"{method} {plain}: {status}"
    said = responses.get(status, responses["default"]).get("content", {})
    media = answer.headers.get("content-type", "").partition(";")[0]
    if not answer.content:
        assert not said
        return
    assert media in said, f"{method} {plain}: {status} with {media}"
    if media == "application/json":
        _validator(json.dumps(said[media]["schema"])).validate(answer.json())
