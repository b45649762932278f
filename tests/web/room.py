"""A running board: real journal, intake, phone driver and web server; and its visitors."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Self

import httpx

from agent.clock import now_ns
from agent.flashing import Flashing
from agent.identity import Identity
from agent.intake import Intake
from agent.journal.roster import RosterStore
from agent.journal.sets import SetStore
from agent.journal.store import Journal
from agent.lesson import events as ev
from agent.lesson.model import State
from agent.pictures import PictureStore, of_lessons
from agent.plugged import Look, PluggedDevices
from agent.ports import BoardPorts
from agent.supervisor import DevicePlan, Supervisor
from agent.web.auth import Access
from agent.web.phones import PhoneDesk
from agent.web.server import WebServer
from agent.web.views import CloudView, StorageHealth
from drivers.readings import CardTap, KeyPress
from tests.lesson.builder import PLACE
from tests.web.contract import check

API = "/api/v1"
Json = dict[str, Any]


class Visitor:
    """One browser at one board, with its cookies, on a page of the board's own."""

    def __init__(self, url: str, **headers: str) -> None:
        self.http = httpx.AsyncClient(
            base_url=url, headers={"Origin": url} | headers, timeout=20.0, trust_env=False
        )

    async def send(
        self, method: str, path: str, body: object = None, **more: Any
    ) -> httpx.Response:
        if body is not None:
            more["json"] = body
        answer = await self.http.request(method, API + path, **more)
        check(method, path, answer)
        return answer

    async def ok(self, method: str, path: str, body: object = None, **more: Any) -> Any:
        answer = await self.send(method, path, body, **more)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def refused(self, method: str, path: str, body: object = None, **more: Any) -> str:
        """Status and code of a refusal, which has the one shape of all errors."""
        answer = await self.send(method, path, body, **more)
        assert answer.status_code >= 400, f"{method} {path}: {answer.status_code} {answer.text}"
        problem = answer.json()
        assert {"code", "where", "hint"} <= problem.keys()
        assert all(isinstance(problem[name], str) for name in ("code", "where", "hint"))
        return f"{answer.status_code} {problem['code']}"

    @contextlib.asynccontextmanager
    async def live(self, view: str) -> AsyncIterator[LivePage]:
        async with self.stream(f"/live?view={view}") as page:
            yield page

    @contextlib.asynccontextmanager
    async def stream(self, path: str) -> AsyncIterator[LivePage]:
        async with self.http.stream("GET", API + path) as answer:
            if answer.status_code != 200:
                await answer.aread()
            assert answer.status_code == 200, answer.text
            yield LivePage(answer)


class LivePage:
    """An open stream of views; keeps every byte that came."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.aiter_lines()
        self.seen = ""

    async def next(self) -> Json:
        """The next view. StopAsyncIteration: the stream has ended."""
        while True:
            line = await anext(self._lines)
            self.seen += line + "\n"
            if line.startswith("data:"):
                view: Json = json.loads(line[5:])
                return view

    async def until(self, fits: Any) -> Json:
        while True:
            view = await self.next()
            if fits(view):
                return view


class Board:
    """Everything of an agent but its settings and its uplink."""

    def __init__(
        self,
        folder: Path,
        static: Path | None = None,
        devices: Sequence[DevicePlan] = (),
        settings_file: Path | None = None,
        look: Look | None = None,
    ) -> None:
        """`devices`: beside the phones. `look`: what is plugged in, if not into this machine."""
        self.folder, self.settings_file, self._look = folder, settings_file, look
        self._devices = [DevicePlan("phones", "phone", {}), *devices]
        self.cloud = CloudView(state="off", waiting=0)
        self.storage = StorageHealth()
        self._static = folder / "no-pages" if static is None else static
        self._exits = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        folder, exits = self.folder, self._exits
        self.journal = Journal(folder / "journal.db", boot_id="boot-a")
        self.journal.open()
        exits.callback(self.journal.close)
        self.identity = Identity.load(folder)
        self.access = Access(folder, wall_s=lambda boot, mono_s: None)
        self.phones = PhoneDesk(now_ns=now_ns)
        self.intake = Intake(
            self.journal,
            state=State(),
            window_s=0.002,
            now_ns=now_ns,
            name_card=self.identity.card,
            confirm=lambda *told: self.supervisor.confirm(*told),  # noqa: PLW0108 (made below)
        )
        exits.callback(self.intake.stop)
        await self.intake.begin_epoch(ev.EpochStarted(reason="first_start"), 5)
        self.supervisor = Supervisor(
            self._devices,
            ports=BoardPorts(self.phones),
            emit=self.intake.emit,
        )
        await exits.enter_async_context(self.supervisor)
        self.flashing = Flashing(
            self.supervisor, lesson_open=lambda: self.intake.committed.lesson is not None
        )
        await exits.enter_async_context(self.flashing)
        self.pictures = PictureStore(
            folder / "pictures",
            bound_bytes=20_000_000,
            named=lambda: of_lessons(self.intake.committed),
            has_room=lambda: self.storage.reason != "disk",
        )
        self.web = WebServer(
            host="127.0.0.1",
            port=0,
            device="board-1",
            place=PLACE,
            intake=self.intake,
            journal=self.journal,
            rosters=RosterStore(folder / "roster.db"),
            sets=SetStore(folder / "sets.db"),
            identity=self.identity,
            supervisor=self.supervisor,
            flashing=self.flashing,
            plugged=PluggedDevices(self.supervisor, self.settings_file, look=self._look),
            phones=self.phones,
            pictures=self.pictures,
            access=self.access,
            now_ns=now_ns,
            cloud=lambda: self.cloud,
            storage=lambda: self.storage,
            clock_synced=lambda: True,
            wall=lambda boot, mono_ns: (None, "estimated"),
            today=lambda: date(2026, 3, 2),
            allowed_hosts=("classroom.example",),
            static=self._static,
        )
        await exits.enter_async_context(self.web)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exits.aclose()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web.port}"

    @property
    def pin(self) -> str:
        return (self.folder / "teacher-pin").read_text(encoding="ascii").strip()

    def visitor(self, **headers: str) -> Visitor:
        visitor = Visitor(self.url, **headers)
        self._exits.push_async_callback(visitor.http.aclose)
        return visitor

    async def teacher(self) -> Visitor:
        visitor = self.visitor()
        await visitor.ok("POST", "/session", {"pin": self.pin})
        return visitor

    async def guest(self, teacher: Visitor) -> Visitor:
        visitor = self.visitor()
        code = (await teacher.ok("POST", "/pairing"))["code"]
        await visitor.ok("POST", "/session", {"code": code})
        return visitor

    async def projector(self, teacher: Visitor) -> Visitor:
        visitor = self.visitor()
        screen = (await visitor.ok("POST", "/screens"))["id"]
        await teacher.ok("POST", f"/screens/{screen}/approve")
        await visitor.ok("POST", "/session", {"screen": screen})
        return visitor

    async def phone(self, lesson: Json) -> Visitor:
        visitor = self.visitor()
        await visitor.ok("POST", "/s/join", {"room_code": lesson["room_code"]})
        return visitor

    async def press(self, keypad: str, key: str, item: int | None = None) -> None:
        """A press of a clicker, durable on return."""
        reading = KeyPress(device="receiver-1", mono_ns=now_ns(), keypad=keypad, item=item, key=key)
        await self.intake.emit(reading)
        await self.settled()

    async def tap(self, uid: str) -> None:
        """A tap of a card, durable on return."""
        await self.intake.emit(CardTap(device="reader-1", mono_ns=now_ns(), uid=uid))
        await self.settled()

    async def settled(self) -> None:
        while self.intake.waiting:
            await asyncio.sleep(0.001)
