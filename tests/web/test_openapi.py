"""The API's document: in step with the program, and true.

Beside these tests, `Visitor.send` holds every answer of the others against it.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from agent.web.description import OPERATIONS
from agent.web.server import API
from tests.web.contract import DOCUMENT, check, written
from tests.web.room import Board

EXAMPLES_EACH = 8


def test_the_document_is_in_step(tmp_path: Path) -> None:
    made = tmp_path / "openapi.json"
    subprocess.run([sys.executable, "-m", "agent.web.openapi", made], check=True)
    again = f"python -m agent.web.openapi {DOCUMENT.relative_to(DOCUMENT.parents[2])}"
    assert made.read_text() == DOCUMENT.read_text(), f"run {again}"


async def test_a_board_serves_its_document(board: Board) -> None:
    answer = await board.visitor().http.get(f"{API}/openapi.json")
    assert answer.json() == written()


def test_every_operation_is_described() -> None:
    operations = {
        (method, path.removeprefix(API)): entry
        for path, methods in written()["paths"].items()
        for method, entry in methods.items()
    }
    assert operations.keys() == OPERATIONS.keys()
    for entry in operations.values():
        assert entry["summary"]
        assert entry["description"]
    names = [entry["operationId"] for entry in operations.values()]
    assert len(set(names)) == len(names)


async def test_who_the_document_lets_in_is_whom_the_board_lets_in(board: Board) -> None:
    teacher = await board.teacher()
    lesson = await teacher.ok("POST", "/lessons", {})
    visitors = {
        "guest": await board.guest(teacher),
        "projector": await board.projector(teacher),
        "phone": await board.phone(lesson),
        "nobody": board.visitor(),
    }
    names = {"{lesson}": lesson["id"], "{question}": "1", "{screen}": "x", "{device}": "x"}
    for (method, path), operation in OPERATIONS.items():
        if not operation.who or path == "/live":
            continue
        for role, visitor in visitors.items():
            if role in operation.who:
                continue
            real = path.replace("{class_id}", "x")
            for name, value in names.items():
                real = real.replace(name, value)
            body = BODIES.get((method, path.rpartition("/")[2]))
            refusal = await visitor.refused(method.upper(), real, body)
            assert refusal.startswith(("401", "403")), f"{role}: {method} {path}: {refusal}"


BODIES: dict[tuple[str, str], object] = {
    ("post", "devices"): {"port": "/dev/x", "driver": "phone"},
    ("post", "bindings"): {"student": "1", "keypad": "A"},
    ("delete", "bindings"): {"keypad": "A"},
    ("post", "lessons"): {},
    ("patch", "{lesson}"): {"class_id": None},
    ("post", "questions"): {"kind": "number"},
    ("post", "prepared"): {"set_id": "x", "version": "x", "item": 1},
    ("post", "show"): {"show": "count"},
    ("post", "timer"): {"step": "pause"},
    ("put", "{who}"): {"key": "A"},
    ("put", "auto-close"): {"on": True},
    ("post", "texts"): {"group": "a", "shown": True},
    ("post", "ink"): {"width_mm": 4, "points": [[1, 2, 0]]},
    ("post", "take"): {"id": "x"},
    ("post", "undo"): {},
    ("post", "clear"): {},
    ("post", "attach"): {"question": 1},
    ("put", "corners"): {"width_mm": 2000, "height_mm": 1000},
    ("post", "answer"): {"question": 1, "key": "A", "attempt_id": "12345678"},
}


@pytest.mark.parametrize("role", ["teacher", "phone"])
async def test_requests_of_every_shape_find_no_fault(board: Board, role: str) -> None:
    """Requests made from the document, valid and not, the same on every run."""
    teacher = await board.teacher()
    lesson = await teacher.ok("POST", "/lessons", {})
    await teacher.ok("POST", f"/lessons/{lesson['id']}/questions", {"kind": "true_false"})
    visitor = teacher if role == "teacher" else await board.phone(lesson)
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.http.cookies.items())
    headers = {"Origin": board.url, "Cookie": cookies}
    await asyncio.to_thread(try_all, board.url, headers, lesson["id"])
    assert await visitor.ok("GET", "/session") == {"role": "teacher" if role == "teacher" else None}


def try_all(url: str, headers: dict[str, str], lesson: str) -> None:
    schema = schemathesis.openapi.from_dict(deepcopy(written()))
    with httpx.Client(base_url=url, headers=headers, trust_env=False) as client:
        for found in schema.get_all_operations():
            assert isinstance(found, Ok)
            operation = found.ok()
            if not operation.path.endswith(("/live", "/end", "/monitor")):
                try_one(client, operation, lesson)


def try_one(client: httpx.Client, operation: Any, lesson: str) -> None:
    @settings(
        max_examples=EXAMPLES_EACH,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    def attempt(case: Any) -> None:
        path = case.path.replace("{lesson}", lesson)
        for name, value in (case.path_parameters or {}).items():
            path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
        plain = isinstance(case.body, bytes | str)
        body = case.body if plain else json.dumps(case.body, default=lambda _: None)
        client.cookies.clear()  # what one request signs out of is no matter of the next
        answer = client.request(case.method, path, content=body)
        assert answer.status_code < 500, f"{case.method} {path} {case.body}: {answer.text}"
        check(case.method, answer.request.url.path.removeprefix(API), answer)

    attempt()
