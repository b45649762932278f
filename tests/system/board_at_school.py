"""A whole board in this process, on a real broker, with the school's ingest behind it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import msgspec

from agent.app import Board
from agent.clock import now_ns
from agent.demo.broker import LocalBroker, free_port
from agent.lesson import commands as cmd
from agent.lesson.events import Place
from agent.settings import Settings
from drivers.readings import KeyPress
from tests.cloud.board import ADDRESS
from tests.cloud.school import School, until

PLACE = Place(city=ADDRESS.city, county=ADDRESS.county, school=ADDRESS.school, room=ADDRESS.room)
RECEIVER = "receiver-1"


def settings_of(folder: Path, broker: LocalBroker | None, **journal: int) -> Settings:
    """Of a board without devices; presses are made as fast as it takes them."""
    given: dict[str, Any] = {
        "agent": {"device_id": ADDRESS.device, "data_dir": folder},
        "place": msgspec.to_builtins(PLACE),
        "web": {"host": "127.0.0.1", "port": free_port()},
        "journal": {"reserve_mb": 0, **journal},
        "keypads": {"presses_per_s": 1_000_000, "unknown_per_minute": 1_000_000},
    }
    if broker is not None:
        given["cloud"] = {"url": broker.url}
    return Settings.model_validate(given)


async def teach(board: Board, lesson: str, answers: int) -> None:
    """A lesson with one question; durable on return."""
    await ask(board, lesson)
    await press(board, lesson, answers)
    await board.intake.submit(cmd.EndLesson(lesson=lesson))


async def ask(board: Board, lesson: str) -> None:
    """Open a lesson and its first question."""
    await board.intake.submit(cmd.OpenLesson(lesson=lesson, title="", place=PLACE))
    await board.intake.submit(
        cmd.AskQuestion(lesson=lesson, kind="single", options=["", "", "", ""])
    )


async def press(board: Board, token: str, answers: int) -> None:
    """So many keypads press, each under a token of its own; durable on return."""
    await emit(board, token, answers)
    await until(lambda: board.intake.waiting == 0)


async def emit(board: Board, token: str, answers: int) -> None:
    """The same, not durable yet."""
    for number in range(answers):
        await board.intake.emit(
            KeyPress(
                device=RECEIVER,
                mono_ns=now_ns(),
                keypad=f"{number:02X}",
                key="B",
                token=f"{token}:{number}",
            )
        )


def tokens_held(school: School) -> list[str]:
    """The tokens of all answers that the school holds, in its order."""
    db = sqlite3.connect(school.database)
    rows = db.execute(
        "select body from event where kind = 'ResponseRecorded' order by epoch, seq"
    ).fetchall()
    db.close()
    return [json.loads(body)["token"] for (body,) in rows]
