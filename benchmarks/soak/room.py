"""A room that never rests: clickers on several receivers, and a teacher who asks and asks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx

from agent.clock import now_ns
from agent.demo.browser import Browser, Refused
from drivers.sim.receiver import PtyLine, Shown, VirtualReceiver

TICKED = (0, 1)
"""Outcomes by which a clicker shows that its answer counts: accepted, changed."""
STEP_S = 0.01
RETRY_S = 0.1
QUESTIONS_A_LESSON = 12
ASKED_S = 3.0
PAUSE_S = 0.15
"""Between two questions nothing is open, and presses are refused."""


class Receivers:
    """Virtual receivers on pseudo-terminals; what was pressed, and what its clicker showed."""

    def __init__(self, count: int, keypads: int, rng: random.Random) -> None:
        """Take everything, open nothing. `keypads`: of each receiver."""
        self.ticks: dict[str, int] = {}
        self.pressed = 0
        self.refused = 0
        self.resets = 0
        self.shown_refusal = 0
        self._rng = rng
        self._receivers = [
            VirtualReceiver(f"{number:016X}", now_ns=now_ns, on_shown=self._shown)
            for number in range(1, count + 1)
        ]
        self._keypads = [f"{number:08X}" for number in range(1, count * keypads + 1)]
        self._exits = AsyncExitStack()
        self._next = 0

    async def __aenter__(self) -> Receivers:
        """Plug them in."""
        lines = [
            await self._exits.enter_async_context(PtyLine(receiver, now_ns))
            for receiver in self._receivers
        ]
        self.ports = [line.path for line in lines]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Unplug them."""
        await self._exits.aclose()

    @property
    def waiting(self) -> int:
        """Presses that no outcome was shown for."""
        return self.pressed - len(self.ticks)

    def press(self) -> None:
        """The next student presses a key; a receiver without room refuses, and shows no tick."""
        number = self._next
        self._next = (number + 1) % len(self._keypads)
        receiver = self._receivers[number % len(self._receivers)]
        token = receiver.press(self._keypads[number], self._rng.choice("ABCD"))
        if token is None:
            self.refused += 1
        else:
            self.pressed += 1

    async def reset_often(self, mean_s: float) -> None:
        """Now and then a receiver's watchdog bites: it starts anew, its ring survives."""
        while True:
            await asyncio.sleep(self._rng.expovariate(1 / mean_s))
            self._rng.choice(self._receivers).warm_reset()
            self.resets += 1

    async def press_at(self, rate: int) -> None:
        """Press so often a second until cancelled."""
        loop = asyncio.get_running_loop()
        due, last_s = 0.0, loop.time()
        while True:
            await asyncio.sleep(STEP_S)
            now_s = loop.time()
            due += min(now_s - last_s, 0.2) * rate  # what was missed is not made up for at once
            last_s = now_s
            while due >= 1:
                self.press()
                due -= 1

    def _shown(self, shown: Shown) -> None:
        if shown.token in self.ticks:
            raise AssertionError(f"{shown.token}: shown twice")
        self.ticks[shown.token] = shown.code
        self.shown_refusal += shown.code not in TICKED


class Teacher:
    """Opens lessons, asks, closes, ends; says it again when the agent is away."""

    def __init__(
        self,
        url: str,
        pin_path: Path,
        on_asked: Callable[[str, str, int], None] = lambda _lesson, _room_code, _number: None,
    ) -> None:
        """Take everything, open nothing. `on_asked`: told lesson, room code and question."""
        self.asked = 0
        self.lessons = 0
        self.retries = 0
        self._browser = Browser(url)
        self._pin_path = pin_path
        self._on_asked = on_asked

    async def close(self) -> None:
        """Close the browser."""
        await self._browser.close()

    async def teach(self) -> None:
        """Teach until cancelled."""
        await self._say("POST", "/session", lambda: {"pin": self._pin_path.read_text().strip()})
        while True:
            lesson = await self._open_lesson()
            room_code = str((await self._say("GET", f"/lessons/{lesson}"))["room_code"])
            self.lessons += 1
            for _ in range(QUESTIONS_A_LESSON):
                number = await self._ask(lesson)
                self.asked += 1
                self._on_asked(lesson, room_code, number)
                await asyncio.sleep(ASKED_S)
                await self._say("POST", f"/lessons/{lesson}/questions/{number}/close")
                await asyncio.sleep(PAUSE_S)
            await self._say("POST", f"/lessons/{lesson}/end")

    async def _open_lesson(self) -> str:
        """A new lesson, or the one whose answer was lost on its way to us."""
        while True:
            known = (await self._say("GET", "/lessons"))["lessons"]
            for one in known:
                if one["status"] == "open":
                    return str(one["id"])
            opened = await self._once("POST", "/lessons", {"title": "soak"})
            if opened is not None:
                return str(opened["id"])

    async def _ask(self, lesson: str) -> int:
        body = {"kind": "single", "options": ["", "", "", ""], "key": None}
        said = await self._say("POST", f"/lessons/{lesson}/questions", lambda: body)
        return int(said["number"])

    async def _say(self, method: str, path: str, body: Any = lambda: None) -> Any:
        """One request until it is answered."""
        while True:
            said = await self._once(method, path, body())
            if said is not None:
                return said
            self.retries += 1
            await asyncio.sleep(RETRY_S)

    async def _once(self, method: str, path: str, body: object = None) -> Any:
        """One request; None if nobody answered or the agent had just started."""
        try:
            return await self._browser.call(method, path, body) or {}
        except (httpx.TransportError, Refused, OSError):
            return None


async def settle(receivers: Receivers, within_s: float) -> None:
    """Wait until every clicker has been shown an outcome.

    Raises:
        TimeoutError: some have not.
    """
    async with asyncio.timeout(within_s):
        while receivers.waiting:  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.05)
