"""The work that must not end while the agent runs, and what its end means for the agent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Literal

from agent.errors import StartAgain
from agent.journal.damage import is_damage, mark_suspect
from agent.journal.errors import JournalDamaged

log = logging.getLogger(__name__)

Ending = Literal["stopped", "crashed", "again"]


class Watches:
    """Endless work, a task a part. Whatever ends among it ends the agent."""

    def __init__(self, exits: AsyncExitStack, data_dir: Path) -> None:
        """Take everything, start nothing.

        `exits`: each watch is stopped there, before what was entered earlier.
        """
        self._exits = exits
        self._data_dir = data_dir
        self._tasks: list[asyncio.Task[None]] = []

    def add(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Begin `work`, which must not end before the agent."""
        task = asyncio.create_task(work, name=name)
        self._tasks.append(task)
        self._exits.callback(task.cancel)

    def add_callbacks(self) -> None:
        """What fails in a callback of the loop ends the agent, as a part that crashes does."""
        loop = asyncio.get_running_loop()
        failed: asyncio.Future[None] = loop.create_future()

        def heard(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            loop.default_exception_handler(context)
            if "handle" in context and not failed.done():
                failed.set_exception(context["exception"])

        async def watch() -> None:
            await failed

        loop.set_exception_handler(heard)
        self._exits.callback(loop.set_exception_handler, None)
        self.add("a callback", watch())

    async def until(self, stopped: asyncio.Event) -> Ending:
        """Wait until told to stop, until a part crashes, or must start again with everything.

        Who is told to stop stops, whatever else has happened. A damaged journal is looked at by
        the next start.
        """
        stop = asyncio.create_task(stopped.wait())
        await asyncio.wait([stop, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        ending: Ending = "stopped"
        for task in self._tasks:
            if task.done() and not task.cancelled():
                error = task.exception()
                if isinstance(error, StartAgain):
                    log.info("starting again: %s", error)
                    ending = "again"
                elif is_damage(error) or isinstance(error, JournalDamaged):
                    log.error("%s: the journal is damaged: %s", task.get_name(), error)
                    mark_suspect(self._data_dir)
                    ending = "again"
                else:
                    log.error("%s crashed", task.get_name(), exc_info=error)
                    ending = "again" if ending == "again" else "crashed"
        return "stopped" if stopped.is_set() else ending
