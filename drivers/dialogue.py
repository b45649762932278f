"""A dialogue with a device that acknowledges each command before it wants the next."""

from __future__ import annotations

import asyncio

from drivers.errors import DeviceLost
from drivers.ports import ByteLine

MOST_MISSES = 3
"""So many commands in a row without an answer, and nothing else heard: it is dead."""


class Dialogue:
    """Commands one by one, each with a pause after it; answers are matched by their first bytes.

    `unanswered` counts the times that a command was sent and no answer came in time.
    """

    def __init__(self, line: ByteLine, where: str, *, report_bytes: int, timeout_s: float) -> None:
        """`where`: the device, for people; a command is filled up to `report_bytes`."""
        self.unanswered = 0
        self._line = line
        self._where = where
        self._report_bytes = report_bytes
        self._timeout_s = timeout_s
        self._misses = 0
        self._answer = b""
        self._answered = asyncio.Event()

    def hear(self, report: bytes) -> None:
        """Anything that the device sent: it is alive, and this may be the answer waited for."""
        self._misses = 0
        if self._answer and report.startswith(self._answer):
            self._answered.set()

    async def ask(
        self, command: bytes, answer: bytes, *, tries: int = 1, pause_s: float = 0.0
    ) -> bool:
        """Send a command, again if there is no answer. Whether it came.

        Raises:
            DeviceLost: the device has stopped answering ("base_silent"), or is gone.
        """
        for _ in range(tries):
            self._answer = answer
            self._answered.clear()
            self._line.write(command.ljust(self._report_bytes, b"\0"))
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._answered.wait()
            except TimeoutError:
                self._missed()
            finally:
                self._answer = b""
            await asyncio.sleep(pause_s)
            if self._answered.is_set():
                return True
        return False

    async def insist(self, command: bytes, answer: bytes, *, pause_s: float = 0.0) -> None:
        """Send a command that nothing can go on without. Raises DeviceLost without an answer."""
        if not await self.ask(command, answer, tries=MOST_MISSES, pause_s=pause_s):
            raise self._silent()

    def _missed(self) -> None:
        self.unanswered += 1
        self._misses += 1
        if self._misses >= MOST_MISSES:
            raise self._silent()

    def _silent(self) -> DeviceLost:
        hint = "it stopped answering; started anew, else pull it out and plug it in again"
        return DeviceLost("base_silent", self._where, hint)
