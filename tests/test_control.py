"""The socket through which commands reach a running agent."""

from __future__ import annotations

import asyncio
from pathlib import Path

from agent import control
from agent.control import Control, Reply


async def test_what_the_agent_cannot_do_is_said_to_the_command(tmp_path: Path) -> None:
    def fail() -> Reply:
        raise FileNotFoundError(2, "No such file or directory", "restore.staging")

    async with Control(tmp_path, {"restore": fail}):
        reply = await asyncio.to_thread(control.ask, tmp_path, "restore")
    assert reply is not None
    assert not reply.ok
    assert "restore.staging" in reply.hint


async def test_an_agent_that_hangs_up_has_not_said_yes(tmp_path: Path) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_unix_server(hang_up, tmp_path / control.SOCKET):
        reply = await asyncio.to_thread(control.ask, tmp_path, "restore")
    assert reply is not None
    assert not reply.ok


async def test_where_no_agent_runs_nobody_answers(tmp_path: Path) -> None:
    assert await asyncio.to_thread(control.ask, tmp_path, "restore") is None
