"""An event that the school cannot take: the others go on, and people see that it is there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from agent.app import Board
from agent.commands.outbox import inspect
from agent.demo.broker import LocalBroker, free_port
from agent.lesson import commands as cmd
from agent.settings import Settings
from fleet.store import Store
from tests.lesson.builder import LESSON, PLACE

OLDER_SCHOOL = """\
import sys
from agent.lesson.events import KINDS
del KINDS["QuestionOpened"]  # a program from before there were questions
from fleet.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
ASK = cmd.AskQuestion(lesson=LESSON, kind="single", options=["", ""])


@pytest.fixture
def database(broker: LocalBroker, tmp_path: Path) -> Iterator[Path]:
    """Of a school whose program is older than the board's."""
    database = tmp_path / "school.db"
    options = ["ingest", "--broker", broker.url, "--database", str(database)]
    school = subprocess.Popen([sys.executable, "-c", OLDER_SCHOOL, *options])
    yield database
    school.terminate()
    school.wait(10)


async def test_what_the_school_rejects_is_seen_on_the_board_and_at_the_school(
    broker: LocalBroker, database: Path, tmp_path: Path
) -> None:
    port, data_dir = free_port(), tmp_path / "board"
    settings = Settings.model_validate(
        {
            "agent": {"device_id": "board-1", "data_dir": data_dir},
            "place": {"city": "3304", "county": "330402", "school": "s012", "room": "r301"},
            "web": {"host": "127.0.0.1", "port": port},
            "cloud": {"url": broker.url},
        }
    )
    async with Board(settings) as board:
        await board.intake.submit(cmd.OpenLesson(lesson=LESSON, title="", place=PLACE))
        await board.intake.submit(ASK)
        await board.intake.submit(cmd.EndLesson(lesson=LESSON))
        url = f"http://127.0.0.1:{port}/api/v1/health"
        async with httpx.AsyncClient(trust_env=False) as client:
            while True:
                cloud = (await client.get(url)).json()["cloud"]
                if cloud["waiting"] == 0:
                    break
        assert cloud["aside"] == 1
        poison = next(
            row.seq
            for row in board.journal.read(board.intake.committed.epoch, 0, 100)
            if row.kind == "QuestionOpened"
        )
        epoch, newest = board.journal.newest()
    assert inspect(data_dir / "journal.db").aside == {f"{epoch}:{poison}": "rejected"}
    school = Store(database)
    school.open()
    try:
        held = [event.seq for event in school.events("board-1")]
        assert held == [seq for seq in range(1, newest + 1) if seq != poison]
        assert school.quarantined("board-1") == [(epoch, poison, "kind_unknown")]
    finally:
        school.close()
