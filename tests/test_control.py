"""The socket through which commands reach a running agent."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent import control
from agent.control import Control, Reply
from agent.errors import AgentError


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


class Held:
    """What the agent holds for somebody."""

    def __init__(self) -> None:
        self.now: list[str] = []

    @asynccontextmanager
    async def hold(self, device: str) -> AsyncIterator[None]:
        if device == "door":
            raise AgentError("not_flashable", device, "it bears no firmware of ours")
        self.now.append(device)
        try:
            yield
        finally:
            self.now.remove(device)


async def test_a_hold_lasts_until_the_last_program_that_has_it_is_gone(tmp_path: Path) -> None:
    held = Held()
    script = "import sys; print('here', flush=True); sys.stdin.read()"
    async with Control(tmp_path, {}, hold=held.hold):
        manager = control.hold(tmp_path, "receiver-1")
        descriptor = await asyncio.to_thread(manager.__enter__)
        assert descriptor is not None
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, stdin=PIPE, stdout=PIPE, pass_fds=[descriptor]
        )
        assert child.stdout is not None
        await child.stdout.readline()
        manager.__exit__(None, None, None)
        assert held.now == ["receiver-1"]
        child.kill()
        await child.wait()
        async with asyncio.timeout(10):
            while held.now:
                await asyncio.sleep(0.01)


async def test_a_hold_that_is_refused_says_why(tmp_path: Path) -> None:
    def ask() -> None:
        with control.hold(tmp_path, "door"):
            pass

    async with Control(tmp_path, {}, hold=Held().hold):
        with pytest.raises(AgentError, match="it bears no firmware of ours"):
            await asyncio.to_thread(ask)


async def test_an_agent_that_stops_ends_its_holds(tmp_path: Path) -> None:
    held = Held()
    async with Control(tmp_path, {}, hold=held.hold):
        manager = control.hold(tmp_path, "receiver-1")
        await asyncio.to_thread(manager.__enter__)
        assert held.now == ["receiver-1"]
    assert held.now == []
    manager.__exit__(None, None, None)


async def test_where_no_agent_runs_a_hold_is_nothing(tmp_path: Path) -> None:
    def ask() -> int | None:
        with control.hold(tmp_path, "receiver-1") as descriptor:
            return descriptor

    assert await asyncio.to_thread(ask) is None
