"""Students' phones that answer whatever is asked, and say it again until they hear what became."""

from __future__ import annotations

import asyncio
import random
import uuid

import httpx

from agent.demo.browser import Browser, Refused

AGAIN_S = 0.2
THINK_S = 1.2
AGAIN_CODES = ("429", "500", "502", "503")
"""Statuses after which a phone tries the same answer again; others are final."""
VERDICTS = {"accepted": 0, "changed": 1}
REJECTED = 16


class _Phone:
    """One phone in one lesson: it has one seat, however many of its answers are on their way."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.seat = ""
        self.joining = asyncio.Lock()


class Phones:
    """Phones of one room. `ticks`: what each answer's phone was told; `made`: all that were sent.

    `gave_up`: answers that the agent refused without recording them (the lesson was over).
    """

    def __init__(self, url: str, count: int, rng: random.Random) -> None:
        """Take everything, open nothing."""
        self.ticks: dict[str, int] = {}
        self.made: set[str] = set()
        self.gave_up = 0
        self._url = url
        self._count = count
        self._phones: list[_Phone] = []
        self._all: list[_Phone] = []
        self._lesson = ""
        self._rng = rng
        self._answers: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Nobody answers any more."""
        for task in self._answers:
            task.cancel()
        await asyncio.gather(*self._answers, return_exceptions=True)
        for phone in self._all:
            await phone.browser.close()

    async def settle(self) -> None:
        """Wait until every phone has heard what became of its answers."""
        await asyncio.gather(*self._answers)

    def asked(self, lesson: str, room_code: str, number: int) -> None:
        """Something was asked: every phone joins if it must, and answers twice."""
        if lesson != self._lesson:
            self._lesson = lesson
            self._phones = [_Phone(Browser(self._url)) for _ in range(self._count)]
            self._all += self._phones
        for phone in self._phones:
            task = asyncio.create_task(self._answer_twice(phone, room_code, number))
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)

    async def _answer_twice(self, phone: _Phone, room_code: str, number: int) -> None:
        async with phone.joining:
            if not phone.seat:
                joined = await self._say(phone, "/s/join", {"room_code": room_code})
                if joined is None:
                    return
                phone.seat = str(joined["seat"])
        for key in self._rng.sample("ABCD", 2):
            await asyncio.sleep(self._rng.uniform(0, THINK_S))
            attempt = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
            token = f"{phone.seat}:{attempt}"
            self.made.add(token)
            body = {"question": number, "key": key, "attempt_id": attempt}
            said = await self._say(phone, "/s/answer", body)
            if said is None:
                self.gave_up += 1
            else:
                self.ticks[token] = VERDICTS.get(said["outcome"], REJECTED)

    async def _say(
        self, phone: _Phone, path: str, body: dict[str, object]
    ) -> dict[str, str] | None:
        """The answer, however often it must be asked for; None when it was refused for good."""
        while True:
            try:
                said: dict[str, str] = await phone.browser.call("POST", path, body)
            except (httpx.TransportError, OSError):
                pass  # the agent is away: the same once more
            except Refused as refusal:
                if not any(f": {code} " in str(refusal) for code in AGAIN_CODES):
                    return None
            else:
                return said
            await asyncio.sleep(AGAIN_S)
