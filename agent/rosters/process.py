"""A file is read in a process of its own: what it does to that, it does to nothing else.

The process has little memory and little time, and its memory goes when it does. It writes nothing;
what it read comes back over its pipe. The agent itself loads nothing that reads files.
"""

from __future__ import annotations

import asyncio
import sys

import msgspec

from agent.rosters.model import Known, Read, Unreadable

READ_S = 60.0


class Given(msgspec.Struct, kw_only=True):
    """A file as somebody gave it. `class_id`: of students that stand under no class."""

    name: str
    data: bytes
    class_id: str = ""
    known: Known = msgspec.field(default_factory=Known)


async def read_apart(given: Given) -> Read:
    """The same in a process of its own, bounded."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "agent.rosters.reading",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(READ_S):
            told, _ = await child.communicate(msgspec.msgpack.encode(given))
        if child.returncode == 0:
            return msgspec.msgpack.decode(told, type=Read)
    except (TimeoutError, msgspec.DecodeError):
        pass
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    error = Unreadable(given.name, "file_unfit", "it takes too long or too much memory to read")
    return Read(problems=[error.problem])
