"""Where answers from students' phones wait for the `phone` driver, and for what became of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from drivers.capabilities import Outcome
from drivers.readings import KeyPress, Token

MAX_WAITING = 512
CONFIRM_S = 5.0
ON_ITS_WAY_NS = 200_000_000
"""From a thumb to the board, over a busy network; a phone that tries again takes longer."""


class PhonesBusy(RuntimeError):
    """Too many answers wait, or none became durable in time: nothing is ticked; try again."""


class PhoneDesk:
    """The `Phones` port: one side is the students' page, the other the driver."""

    def __init__(self, *, now_ns: Callable[[], int]) -> None:
        """Take everything, start nothing. `now_ns`: CLOCK_BOOTTIME."""
        self._now_ns = now_ns
        self._presses: list[KeyPress] = []
        self._arrived = asyncio.Event()
        self._waiting: dict[Token, list[asyncio.Future[Outcome]]] = {}
        self._counters = {"late": 0, "no_room": 0, "too_many": 0}

    async def answer(self, seat: str, question: int, key: str, attempt: Token) -> Outcome:
        """Hand in one answer; what became of it, once that is durable.

        Raises:
            PhonesBusy: nothing was ticked.
        """
        if len(self._presses) >= MAX_WAITING:
            self._counters["no_room"] += 1
            raise PhonesBusy
        told: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        token = f"{seat}:{attempt}"
        self._waiting.setdefault(token, []).append(told)
        self._presses.append(
            KeyPress(
                device="",
                mono_ns=self._now_ns(),
                keypad=seat,
                item=question,
                key=key,
                token=token,
                uncertainty_ns=ON_ITS_WAY_NS,
            )
        )
        self._arrived.set()
        try:
            return await asyncio.wait_for(told, CONFIRM_S)
        except TimeoutError as error:
            self._counters["late"] += 1
            raise PhonesBusy from error
        finally:
            others = self._waiting.get(token)
            if others is not None:
                others.remove(told)
                if not others:
                    del self._waiting[token]

    def too_many(self) -> None:
        """Count an answer of a phone that presses faster than any thumb."""
        self._counters["too_many"] += 1

    def counters(self) -> dict[str, int]:
        """Answers that were not taken, and whose phones were told to try again.

        `late`: not durable in time. `no_room`: too many waited. `too_many`: from one phone.
        """
        return dict(self._counters)

    async def take(self) -> Sequence[KeyPress]:
        """Wait for presses; all that wait."""
        while not self._presses:
            self._arrived.clear()
            await self._arrived.wait()
        taken, self._presses = self._presses, []
        return taken

    def confirm(self, outcomes: Sequence[tuple[Token, Outcome]]) -> None:
        """Tell the phones what became of their presses."""
        for token, outcome in outcomes:
            for told in self._waiting.get(token, ()):
                if not told.done():
                    told.set_result(outcome)
