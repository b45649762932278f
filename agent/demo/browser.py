"""What a browser does, without one: signs in, asks, watches the live page, answers on a phone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import httpx
import msgspec

from agent.web.views import StudentView, TeacherView

T = TypeVar("T")
RECONNECT_S = 0.2
TRIES = 3


class Refused(RuntimeError):
    """The agent said no."""


class Browser:
    """One browser with its cookies."""

    def __init__(self, url: str) -> None:
        """`url`: of the agent's pages. Opens nothing."""
        self.url = url
        self._client = httpx.AsyncClient(
            base_url=f"{url}/api/v1", timeout=10.0, headers={"Origin": url}, trust_env=False
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def call(self, method: str, path: str, body: object = None, **more: Any) -> Any:
        """One request; its JSON.

        Raises:
            Refused: with the agent's code and hint.
        """
        if body is not None:
            more["json"] = body
        answer = await self._client.request(method, path, **more)
        if answer.status_code >= httpx.codes.BAD_REQUEST:
            raise Refused(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None

    async def watch(self, view: str, kind: type[T], seen: Callable[[T], None]) -> None:
        """Watch a live page until cancelled; each new version goes to `seen`."""
        decode = msgspec.json.Decoder(kind).decode
        while True:
            try:
                async with self._client.stream(
                    "GET", "/live", params={"view": view}, timeout=30.0
                ) as answer:
                    async for line in answer.aiter_lines():
                        if line.startswith("data:"):
                            seen(decode(line[5:]))
            except httpx.TransportError:
                pass  # the agent starts again: so does the page
            await asyncio.sleep(RECONNECT_S)


class TeacherPage(Browser):
    """The teacher's page: the newest view, and the watch on it."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.view: TeacherView | None = None
        self.watchers: list[Callable[[TeacherView], None]] = []
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Keep the view up to date until cancelled."""
        await self.watch("teacher", TeacherView, self._seen)

    def _seen(self, view: TeacherView) -> None:
        self.view = view
        for watcher in self.watchers:
            watcher(view)
        self._changed.set()

    async def until(self, fits: Callable[[TeacherView], bool]) -> TeacherView:
        """Wait for a view that fits."""
        while self.view is None or not fits(self.view):
            self._changed.clear()
            await self._changed.wait()
        return self.view


class Phone(Browser):
    """A student's phone."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.view: StudentView | None = None
        self.seat = ""

    async def join(self, room_code: str) -> None:
        """Take a seat in the lesson."""
        self.seat = (await self.call("POST", "/s/join", {"room_code": room_code}))["seat"]

    async def run(self) -> None:
        """Keep the view up to date until cancelled."""

        def seen(view: StudentView) -> None:
            self.view = view

        await self.watch("student", StudentView, seen)

    async def answer(self, question: int, key: str, attempt_id: str) -> str:
        """Answer; the outcome. The same attempt is sent again where no word came back."""
        body = {"question": question, "key": key, "attempt_id": attempt_id}
        for attempt in range(TRIES):
            try:
                return str((await self.call("POST", "/s/answer", body))["outcome"])
            except httpx.TransportError:
                if attempt == TRIES - 1:
                    raise
        raise AssertionError
