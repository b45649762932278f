"""The agent's own Unix socket: commands that change something go through the running agent.

One line of JSON each way: `{"do": "restore"}`, `{"ok": true, "hint": ""}`. Who may write the data
folder may connect.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec

log = logging.getLogger(__name__)

SOCKET = "control.sock"
MAX_LINE_BYTES = 4096
ANSWER_S = 10.0


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a command asks for."""

    do: str


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """Whether it is or will be done; `hint` says why not."""

    ok: bool
    hint: str = ""


Carry = Callable[[], Reply]


class Control:
    """Answers commands. An async context manager."""

    def __init__(self, data_dir: Path, carry_out: dict[str, Carry]) -> None:
        """`carry_out`: by the word of a command."""
        self._path = data_dir / SOCKET
        self._carry_out = carry_out
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Control:
        """Listen. Where that cannot be, the agent works without."""
        try:
            self._path.unlink(missing_ok=True)
            before = os.umask(0o177)
            try:
                self._server = await asyncio.start_unix_server(
                    self._answer, self._path, limit=MAX_LINE_BYTES
                )
            finally:
                os.umask(before)
        except OSError as error:
            log.warning("%s: commands cannot reach the agent (%s)", self._path, error)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(ANSWER_S):
                wish = msgspec.json.decode(await reader.readline(), type=Wish)
            reply = self._carried_out(wish.do)
            writer.write(msgspec.json.encode(reply) + b"\n")
            await writer.drain()
        except (msgspec.DecodeError, ValueError, OSError, TimeoutError) as error:
            log.warning("a command could not be read: %s", error)
        finally:
            writer.close()

    def _carried_out(self, word: str) -> Reply:
        try:
            return self._carry_out.get(word, _unknown)()
        except OSError as error:
            log.error("%s could not be done: %s", word, error)
            return Reply(ok=False, hint=f"the agent could not do it ({error})")


def _unknown() -> Reply:
    return Reply(ok=False, hint="this agent does not know that command; is it older?")


def ask(data_dir: Path, word: str) -> Reply | None:
    """Ask the agent that runs on this folder; None if none does. Blocks.

    An agent that says nothing has not said yes.
    """
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(ANSWER_S)
        try:
            line.connect(str(data_dir / SOCKET))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        try:
            line.sendall(msgspec.json.encode(Wish(do=word)) + b"\n")
            return msgspec.json.decode(line.makefile("rb").readline(), type=Reply)
        except (OSError, msgspec.DecodeError):
            return Reply(ok=False, hint="the agent did not answer; its log says why")
