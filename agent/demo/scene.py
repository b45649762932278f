"""Everything of a demo, set up: the parts run, the teacher is signed in, the class is known."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from agent.clock import now_ns
from agent.demo.browser import TeacherPage
from agent.demo.classroom import Classroom
from agent.demo.ledger import Ledger, Receipts
from agent.demo.pupils import CLICKERS, PHONES, make_class, roster_csv
from agent.demo.stage import ADDRESS, Stage
from drivers.sim.receiver import PtyLine

CLASS_ID = "7-3"


class Scene:
    """An async context manager: set up on enter, cleared on exit.

    `watching`: the task that keeps the teacher's page up to date; it ends only by a fault.
    """

    watching: asyncio.Task[None]

    def __init__(
        self,
        folder: Path,
        *,
        broker: str,
        port: int,
        rng: random.Random,
        host: str = "127.0.0.1",
        clickers: int = CLICKERS,
        phones: int = PHONES,
        agent_environment: Mapping[str, str] | None = None,
    ) -> None:
        """Take everything, start nothing. `agent_environment`: see `Stage`."""
        self.rng = rng
        self.broker = broker
        self.ledger = Ledger()
        self.pupils = make_class(rng, clickers, phones)
        self.classroom = Classroom(self.pupils, rng, self.ledger)
        self.stage = Stage(
            folder, broker=broker, host=host, port=port, agent_environment=agent_environment
        )
        self.teacher = TeacherPage(self.stage.url)
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Scene:
        """Start the parts, sign in, send the roster, open the teacher's page."""
        try:
            await self._enter()
        except BaseException:
            await self._exits.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop all, in the reverse order."""
        await self._exits.aclose()

    async def _enter(self) -> None:
        exits, stage, teacher = self._exits, self.stage, self.teacher
        self.line = await exits.enter_async_context(PtyLine(self.classroom.receiver, now_ns))
        exits.push_async_callback(stage.stop)
        await stage.start_school()
        await stage.start_agent([self.line.path], [])
        exits.push_async_callback(teacher.close)
        await teacher.call("POST", "/session", {"pin": stage.pin()})
        await teacher.call(
            "PUT",
            f"/classes/{CLASS_ID}/roster",
            content=roster_csv(self.pupils).encode(),
            headers={"Content-Type": "text/csv"},
        )
        exits.push_async_callback(self.classroom.close)
        teacher.watchers.append(self.ledger.page)
        self.watching = asyncio.create_task(teacher.run())
        exits.callback(self.watching.cancel)
        self.receipts = exits.enter_context(Receipts(stage.broker_url, ADDRESS))

    def let_answer(self) -> None:
        """From now on the students answer whatever is asked."""
        self.teacher.watchers.append(lambda view: self.classroom.page(self.teacher, view))
