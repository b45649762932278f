"""Whether the agent still gets on: what systemd's watchdog is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from agent.intake import Intake
from agent.journal.store import Journal
from agent.notify import notify

log = logging.getLogger(__name__)


class Pulse:
    """Sends `WATCHDOG=1` only while loop, intake and journal each made progress."""

    def __init__(
        self,
        intake: Intake,
        journal: Journal,
        *,
        tell: Callable[[str], bool] = notify,
    ) -> None:
        """Take everything, start nothing."""
        self._intake = intake
        self._journal = journal
        self._tell = tell
        self._drained = -1
        self._attempts = -1

    def beat(self) -> bool:
        """Whether all got on since the last beat; tells systemd if so.

        A commit that fails is progress: a full disk is not mended by a restart.
        """
        intake = self._intake.waiting == 0 or self._intake.drained != self._drained
        journal = self._journal.idle or self._journal.attempts != self._attempts
        self._drained, self._attempts = self._intake.drained, self._journal.attempts
        if intake and journal:
            self._tell("WATCHDOG=1")
            return True
        log.error("no progress: intake %s, journal %s", intake, journal)
        return False

    async def run(self, every_s: float) -> None:
        """Beat until cancelled."""
        while True:
            self.beat()
            await asyncio.sleep(every_s)
