"""The agent's own Unix socket: commands that change something go through the running agent.

One line of JSON each way: `{"do": "restore"}`, `{"ok": true, "hint": ""}`. Who may write the data
folder may connect. A hold (`{"do": "hold", "device": "receiver-1"}`) lasts until whoever asked for
it, and every program that it left the connection to, has closed it or is gone, however it went.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path

import msgspec

from agent.errors import AgentError, InputInvalid

log = logging.getLogger(__name__)

SOCKET = "control.sock"
MAX_LINE_BYTES = 4096
MAX_BODY_BYTES = 4 * 1024 * 1024
ANSWER_S = 10.0
ATTEND_S = 120.0


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a command asks for. `body_bytes` follow its line."""

    do: str
    device: str = ""
    given: dict[str, str] = {}
    body_bytes: int = 0


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """Whether it is or will be done; `code` and `hint` say why not."""

    ok: bool
    hint: str = ""
    code: str = ""
    told: msgspec.Raw = msgspec.Raw(b"null")


Attend = Callable[[dict[str, str], bytes], Awaitable[Reply]]
"""Does what takes a while with what was given and the bytes that came along."""
Carry = Callable[[], Reply]
Hold = Callable[[str], AbstractAsyncContextManager[object]]
"""Keeps a device free for whoever asked. Raises AgentError where it cannot be."""


class Control:
    """Answers commands. An async context manager."""

    def __init__(
        self,
        data_dir: Path,
        carry_out: dict[str, Carry],
        *,
        hold: Hold | None = None,
        attend: dict[str, Attend] | None = None,
    ) -> None:
        """`carry_out`, `attend`: by the word of a command."""
        self._path = data_dir / SOCKET
        self._carry_out = carry_out
        self._hold = hold
        self._attend = attend or {}
        self._holding: set[asyncio.Task[None]] = set()
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
        for task in self._holding:
            task.cancel()
        await asyncio.gather(*self._holding, return_exceptions=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(ANSWER_S):
                wish = msgspec.json.decode(await reader.readline(), type=Wish)
            if wish.do == "hold" and self._hold is not None:
                holding = asyncio.create_task(self._held(self._hold, wish.device, reader, writer))
                self._holding.add(holding)
                holding.add_done_callback(self._holding.discard)
                await asyncio.wait([holding])
            elif wish.do in self._attend:
                await _tell(writer, await self._attended(wish, reader))
            else:
                await _tell(writer, self._carried_out(wish.do))
        except (msgspec.DecodeError, ValueError, OSError, TimeoutError) as error:
            log.warning("a command could not be read: %s", error)
        finally:
            writer.close()

    async def _held(
        self,
        hold: Hold,
        device: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        try:
            async with hold(device):
                await _tell(writer, Reply(ok=True))
                while await reader.read(MAX_LINE_BYTES):
                    pass
        except AgentError as error:
            await _tell(writer, Reply(ok=False, code=error.code, hint=error.hint))
        except OSError as error:
            log.warning("the hold of %s ends: %s", device, error)

    async def _attended(self, wish: Wish, reader: asyncio.StreamReader) -> Reply:
        if not 0 <= wish.body_bytes <= MAX_BODY_BYTES:
            return Reply(ok=False, code="too_large", hint=f"at most {MAX_BODY_BYTES} bytes")
        try:
            async with asyncio.timeout(ANSWER_S):
                body = await reader.readexactly(wish.body_bytes)
            return await self._attend[wish.do](wish.given, body)
        except asyncio.IncompleteReadError as error:
            return Reply(ok=False, hint=f"only {len(error.partial)} bytes came")
        except AgentError as error:
            return Reply(ok=False, code=error.code, hint=error.hint)

    def _carried_out(self, word: str) -> Reply:
        try:
            return self._carry_out.get(word, _unknown)()
        except OSError as error:
            log.error("%s could not be done: %s", word, error)
            return Reply(ok=False, hint=f"the agent could not do it ({error})")


def _unknown() -> Reply:
    return Reply(ok=False, hint="this agent does not know that command; is it older?")


async def _tell(writer: asyncio.StreamWriter, reply: Reply) -> None:
    writer.write(msgspec.json.encode(reply) + b"\n")
    await writer.drain()


def ask(data_dir: Path, word: str) -> Reply | None:
    """Ask the agent that runs on this folder; None if none does. Blocks.

    An agent that says nothing has not said yes.
    """
    with socket.socket(socket.AF_UNIX) as line:
        return _asked(line, data_dir, Wish(do=word))


def send(data_dir: Path, word: str, given: dict[str, str], body: bytes = b"") -> Reply | None:
    """Have the running agent do something with a file; None if none runs. Blocks."""
    wish = Wish(do=word, given=given, body_bytes=len(body))
    with socket.socket(socket.AF_UNIX) as line:
        return _asked(line, data_dir, wish, body, ATTEND_S)


@contextmanager
def hold(data_dir: Path, device: str) -> Iterator[int | None]:
    """Have the running agent leave a device alone meanwhile; None if no agent runs. Blocks.

    The descriptor given is the hold: a program that inherits it holds too, until it is gone.

    Raises:
        AgentError: the agent refuses, or does not answer.
        InputInvalid: it may not be asked by this user.
    """
    with socket.socket(socket.AF_UNIX) as line:
        try:
            reply = _asked(line, data_dir, Wish(do="hold", device=device))
        except PermissionError as error:
            hint = "run this as root or as the agent's user"
            raise InputInvalid("data_dir_forbidden", str(data_dir), hint) from error
        if reply is not None and not reply.ok:
            raise AgentError(reply.code or "hold_refused", device, reply.hint)
        yield None if reply is None else line.fileno()


def _asked(
    line: socket.socket,
    data_dir: Path,
    wish: Wish,
    body: bytes = b"",
    answer_s: float = ANSWER_S,
) -> Reply | None:
    line.settimeout(answer_s)
    try:
        line.connect(str(data_dir / SOCKET))
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    try:
        line.sendall(msgspec.json.encode(wish) + b"\n" + body)
        return msgspec.json.decode(line.makefile("rb").readline(), type=Reply)
    except (OSError, msgspec.DecodeError):
        return Reply(ok=False, hint="the agent did not answer; its log says why")
