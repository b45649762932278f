"""The web server in the agent's own loop: routes, live pages, static files, TLS."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
from fastapi import FastAPI

from agent.errors import AgentError, InputInvalid
from agent.flashing import Flashing
from agent.identity import Identity
from agent.intake import CAPACITY, Intake
from agent.journal.roster import RosterStore
from agent.journal.sets import SetStore
from agent.journal.store import Journal
from agent.lesson.events import Place
from agent.lesson.model import Moment
from agent.pictures import PictureStore
from agent.plugged import PluggedDevices
from agent.rosters.desk import RosterDesk
from agent.supervisor import Supervisor
from agent.web import (
    board,
    corners,
    ink,
    lessons,
    pictures,
    problems,
    rosters,
    sessions,
    steering,
    students,
    texts,
)
from agent.web import flashing as flash_routes
from agent.web import plugged as plug_routes
from agent.web import sets as set_routes
from agent.web.address import own_address
from agent.web.asgi import Config, Server
from agent.web.assets import add_pages, static_folder
from agent.web.auth import Access
from agent.web.connections import BoundedProtocol
from agent.web.context import Context, Wall
from agent.web.guard import Guard
from agent.web.live import Live, PageView
from agent.web.monitor import Monitor
from agent.web.pages import Pages
from agent.web.phones import PhoneDesk
from agent.web.view import View
from agent.web.views import (
    ClassView,
    CloudView,
    PairingView,
    ProjectorView,
    ScreenView,
    StorageHealth,
    StorageView,
    StudentView,
    TeacherView,
)

API = "/api/v1"
REFRESH_S = 2.0
"""What changes without an event (counters, the line to the school) is looked at so often."""
STOP_S = 3.0
BACKLOG = 256
SEND_BUFFER_BYTES = 64 * 1024
"""The kernel holds about twice this for a page that reads slowly; left to itself, 4 MB."""


class PortTaken(AgentError, OSError):
    """The pages cannot listen where they should."""


class _Server(Server):
    """Leaves signals to the agent, says when it answers requests, and wakes up for them only."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self._end = asyncio.Event()

    async def main_loop(self) -> None:
        """Wait for the stop, not ten times a second for what a board has no use for."""
        await self._end.wait()

    def end(self) -> None:
        """Stop listening."""
        self.should_exit = True
        self._end.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class WebServer:
    """The pages and their API. An async context manager: listens on enter, stops on exit."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        device: str,
        place: Place,
        intake: Intake,
        journal: Journal,
        rosters: RosterStore,
        sets: SetStore,
        identity: Identity,
        supervisor: Supervisor,
        flashing: Flashing,
        plugged: PluggedDevices,
        phones: PhoneDesk,
        pictures: PictureStore,
        access: Access,
        now_ns: Callable[[], int],
        cloud: Callable[[], CloudView],
        storage: Callable[[], StorageHealth],
        clock_synced: Callable[[], bool],
        wall: Wall,
        today: Callable[[], date],
        allowed_hosts: tuple[str, ...] = (),
        tls_cert_file: Path | None = None,
        tls_key_file: Path | None = None,
        static: Path | None = None,
    ) -> None:
        """Take everything, open nothing. Port 0: any free one."""
        self._host, self.port = host, port
        self._tls = (tls_cert_file, tls_key_file)
        self._static = static_folder() if static is None else static
        self._began_s = time.monotonic()
        self._phone_count = 0
        build: dict[PageView, Callable[[int], View]] = {
            "teacher": lambda number: self._teacher(number, "teacher"),
            "guest": lambda number: self._teacher(number, "guest"),
            "projector": self._projector,
            "student": self._student,
        }
        self.live = Live(build)
        pages = Pages(
            state=lambda: intake.committed,
            names=rosters.names,
            now=lambda: Moment(journal.boot, now_ns()),
            room_code=access.room_code,
            join_url=self._join_url,
        )
        self.roster_desk = RosterDesk(
            intake=intake, rosters=rosters, identity=identity, today=today
        )
        self.context = Context(
            device=device,
            place=place,
            intake=intake,
            journal=journal,
            rosters=rosters,
            sets=sets,
            roster_desk=self.roster_desk,
            identity=identity,
            supervisor=supervisor,
            flashing=flashing,
            plugged=plugged,
            phones=phones,
            pictures=pictures,
            access=access,
            pages=pages,
            live=self.live,
            monitor=Monitor(supervisor, now_ns),
            cloud=cloud,
            storage=storage,
            clock_synced=clock_synced,
            wall=wall,
            today=today,
            now_ns=now_ns,
            secure=tls_cert_file is not None,
        )
        own = {"localhost", "127.0.0.1", "::1", socket.gethostname(), *allowed_hosts}
        own.add(f"{socket.gethostname()}.local")
        self.app = make_app(self.context, self._static, health=self._health)
        self._asgi = Guard(self.app, hosts=own)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> WebServer:
        """Listen; return when requests are answered.

        Raises:
            PortTaken: something else listens there, or the address is not this machine's.
            InputInvalid: the certificate or its key cannot be used.
        """
        ctx = self.context
        ctx.intake.on_commit(self.live.changed)
        ctx.supervisor.on_change(self.live.changed)
        await ctx.access.pins.ensure()
        listener = self._listen()
        self.port = listener.getsockname()[1]
        cert, key = self._tls
        config = Config(
            self._asgi,
            log_config=None,
            access_log=False,
            lifespan="off",
            http=BoundedProtocol,
            ws="none",
            timeout_graceful_shutdown=1,
            ssl_certfile=cert,
            ssl_keyfile=key,
            server_header=False,
            date_header=False,
            proxy_headers=False,
        )
        try:
            config.load()
        except OSError as error:  # ssl.SSLError too
            listener.close()
            hint = f"the certificate or its key cannot be used: {error.strerror or error}"
            raise InputInvalid("tls_unusable", f"{cert}, {key}", hint) from error
        self._server = _Server(config)
        serving = asyncio.create_task(self._server.serve(sockets=[listener]), name="web")
        self._tasks = [serving, asyncio.create_task(self._refresh(), name="web refresh")]
        ready = asyncio.create_task(self._server.ready.wait())
        await asyncio.wait([ready, serving], return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        return self

    async def __aexit__(self, *_: object) -> None:
        """End every stream and stop listening."""
        self.live.stop()
        self.context.monitor.stop()
        self._server.end()
        self._tasks[1].cancel()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._tasks[0], STOP_S)

    async def watch(self) -> None:
        """Wait for ever; end only by raising what crashed the server."""
        await asyncio.wait(self._tasks[:1])
        if not self._server.should_exit:
            self._tasks[0].result()

    def _listen(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        try:
            listener.bind((self._host, self.port))
        except OSError as error:
            listener.close()
            hint = f"choose another [web] host or port, or stop what listens there ({error})"
            raise PortTaken("port_taken", f"{self._host}:{self.port}", hint) from error
        listener.listen(BACKLOG)
        return listener

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_S)
            if self.live.readers:
                self.live.changed()

    def _join_url(self, code: str) -> str:
        scheme = "https" if self.context.secure else "http"
        everywhere = self._host in ("0.0.0.0", "::")  # noqa: S104 (asked, not listened at)
        host = own_address() if everywhere else self._host
        shown = f"[{host}]" if ":" in host else host
        return f"{scheme}://{shown}:{self.port}/s?c={code}"

    # -- views --------------------------------------------------------------------------------

    def _teacher(self, number: int, role: Any) -> TeacherView:
        ctx, line = self.context, self.context.cloud()
        state, lesson, pairing = ctx.intake.committed, ctx.open_lesson, ctx.access.pairing.shown
        return TeacherView(
            role=role,
            version=number,
            device=ctx.device,
            room=ctx.place.room,
            clock_synced=ctx.clock_synced(),
            journal_ok=ctx.journal.ok,
            storage=_storage_view(ctx.storage()),
            cloud=CloudView(state=line.state, waiting=line.waiting, aside=line.aside),
            devices=board.device_views(ctx),
            classes=[
                ClassView(id=key, students=len(roll.students))
                for key, roll in state.classes.items()
                if roll.students
            ],
            lesson=None if lesson is None else ctx.pages.lesson(lesson),
            pairing=(
                PairingView(code=pairing[0], expires_s=pairing[1])
                if pairing is not None and role == "teacher"
                else None
            ),
            screens=[
                ScreenView(id=screen, number=shown)
                for screen, shown in ctx.access.screens.waiting()
                if role == "teacher"
            ],
            ink=ink.ink_view(state, lesson),
            calibration=corners.calibration_view(ctx) if role == "teacher" else None,
        )

    def _projector(self, number: int) -> ProjectorView:
        ctx = self.context
        lesson, pairing = ctx.open_lesson, ctx.access.pairing.shown
        code = None if lesson is None else ctx.access.room_code(lesson.id)
        return ProjectorView(
            version=number,
            title=None if lesson is None else lesson.title,
            room_code=code,
            join_url=None if code is None else self._join_url(code),
            joined_phones=0 if lesson is None else len(lesson.seats),
            question=ctx.pages.room_question(),
            pairing_code=None if pairing is None else pairing[0],
            lesson=None if lesson is None else lesson.id,
            ink=ink.ink_view(ctx.intake.committed, lesson),
        )

    def _student(self, number: int) -> StudentView:
        return self.context.pages.student(number)

    def _health(self) -> tuple[int, dict[str, Any]]:
        ctx = self.context
        failure = ctx.journal.failure
        storage = ctx.storage()
        well = failure is None and storage.room != "full"
        body = {
            "status": "ok" if well else "degraded",
            "version": version("classroom-agent"),
            "clock": "synced" if ctx.clock_synced() else "estimated",
            "uptime_s": int(time.monotonic() - self._began_s),
            "intake": {"waiting": ctx.intake.waiting, "capacity": CAPACITY},
            "journal": {"ok": failure is None, "code": "" if failure is None else failure.code},
            "storage": msgspec.to_builtins(storage),
            "devices": [
                {"id": one.id, "state": one.state, "code": one.code, "refused": one.refused}
                for one in ctx.supervisor.devices()
            ],
            "cloud": msgspec.to_builtins(ctx.cloud()),
        }
        return 200 if well else 503, body


def _storage_view(health: StorageHealth) -> StorageView:
    """What the pages show of it."""
    return StorageView(**{name: getattr(health, name) for name in StorageView.__struct_fields__})


def make_app(ctx: Context, static: Path, *, health: board.Health) -> FastAPI:
    """The routes of the API and the pages."""
    app = FastAPI(
        title="classroom-agent",
        version=version("classroom-agent"),
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    problems.install(app)
    routed = (sessions, lessons, rosters, steering, texts, ink, pictures, corners)
    for module in (*routed, flash_routes, plug_routes, set_routes, students):
        app.include_router(module.routes(ctx), prefix=API)
    app.include_router(board.routes(ctx, health), prefix=API)
    add_pages(app, static)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]  # as FastAPI wants it
    return app


def _document(app: FastAPI) -> dict[str, Any]:
    from agent.web.description import document  # noqa: PLC0415 (rarely asked for)

    return document(app)
