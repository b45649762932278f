"""The board itself over HTTP: health, devices, live pages, the joining code."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from agent.web.context import Context
from agent.web.device_views import DeviceView, KeypadView
from agent.web.live import PageView
from agent.web.monitor import last_reading
from agent.web.problems import Refusal

Health = Callable[[], tuple[int, dict[str, Any]]]
"""The status of `GET /health`, and its body."""

ALARM_COUNTERS = ("whitelist_full",)
"""Counters of drivers that a person should know of."""


def device_views(ctx: Context) -> list[DeviceView]:
    """Each device as the pages show it; its counters hold also what the intake and rules count."""
    shown = []
    for status in ctx.supervisor.devices():
        fields = msgspec.structs.asdict(status)
        counters = status.counters | ctx.intake.keypads.counters(status.id)
        unheeded = ctx.intake.unheeded[status.id]
        if unheeded:
            counters["unheeded"] = unheeded
        fields["counters"] = counters
        alarms: list[str] = [*ctx.intake.keypads.alarms(status.id)]
        alarms += [name for name in ALARM_COUNTERS if counters.get(name)]
        fields["last"] = last_reading(status.last, ctx.monitor.now_ns())
        measured = ctx.pages.measured(status.id)
        shown.append(DeviceView(**fields, measured=measured, alarms=alarms))
    return shown


def routes(ctx: Context, health: Health) -> APIRouter:
    """The routes of this file."""
    router = APIRouter()

    @router.get("/health")
    async def get_health() -> Response:
        """How the board is; no names. 503 while answers cannot be made durable."""
        status, body = health()
        return Response(
            msgspec.json.encode(body), status_code=status, media_type="application/json"
        )

    @router.get("/devices")
    async def get_devices(request: Request) -> dict[str, Any]:
        """Each device: its state in words, facts and counters."""
        ctx.demand(request, "teacher")
        return {"devices": msgspec.to_builtins(device_views(ctx))}

    @router.post("/devices/{device}/locate", status_code=204)
    async def locate(device: str, request: Request) -> None:
        """Let a device make itself seen."""
        ctx.demand(request, "teacher", "guest")
        if not ctx.supervisor.locate(device):
            hint = "it is unknown, away, or has no light"
            raise Refusal(404, "cannot_locate", device, hint)

    @router.get("/devices/{device}/keypads")
    async def keypads(device: str, request: Request) -> dict[str, Any]:
        """Signal and battery of each keypad that a device has heard of, where it is known."""
        ctx.demand(request, "teacher")
        states = ctx.supervisor.keypads(device)
        if states is None:
            raise _unknown(device)
        known = [
            KeypadView(keypad=keypad, rssi_dbm=state.rssi_dbm, power=state.power)
            for keypad, state in states.items()
        ]
        return {"keypads": msgspec.to_builtins(known)}

    @router.get("/devices/{device}/monitor")
    async def monitor(device: str, request: Request) -> Response:
        """Server-sent events: what passes between a device and the board, as it passes.

        No card's number is sent. At most 4 monitors run at a time on a board.
        """
        session = ctx.demand(request, "teacher")
        if ctx.supervisor.keypads(device) is None:
            raise _unknown(device)
        if ctx.monitor.full:
            raise Refusal(409, "too_many_monitors", device, "close another monitor first")
        return StreamingResponse(
            ctx.monitor.stream(device, lambda: ctx.lasts(session)),
            media_type="text/event-stream",
            headers={"X-Accel-Buffering": "no"},
        )

    @router.get("/live")
    async def live(request: Request, view: str | None = None) -> Response:
        """Server-sent events: `data:` is the whole view, newest wins.

        `view`: teacher, projector or student; without it, that of the browser's role.
        """
        channel, allowed = _channel(ctx, request, view or _usual_view(ctx, request))
        return StreamingResponse(
            ctx.live.stream(channel, allowed),
            media_type="text/event-stream",
            headers={"X-Accel-Buffering": "no"},
        )

    @router.get("/join.svg")
    async def join_code(request: Request) -> Response:
        """The QR code by which phones join."""
        ctx.demand(request, "teacher", "guest", "projector")
        lesson = ctx.open_lesson
        if lesson is None:
            raise Refusal(404, "no_lesson", "lesson", "open a lesson first")
        import segno  # noqa: PLC0415 (used a few times a lesson)

        url = ctx.pages.lesson(lesson).join_url
        picture = io.BytesIO()
        segno.make(url, error="m").save(picture, kind="svg", border=2, dark="#000", light="#fff")
        return Response(picture.getvalue(), media_type="image/svg+xml")

    return router


def _unknown(device: str) -> Refusal:
    return Refusal(404, "device_unknown", device, "it is not in the board's settings")


def _usual_view(ctx: Context, request: Request) -> str:
    """What a browser sees that names no view: that of its role."""
    session = ctx.session(request)
    if session is None:
        return "student"
    return "projector" if session.role == "projector" else "teacher"


def _channel(ctx: Context, request: Request, view: str) -> tuple[PageView, Callable[[], bool]]:
    """Which snapshot this browser may see, and whether it still may."""
    if view == "student":
        seat = ctx.any_seat(request)
        if not ctx.its_lesson(seat):
            hint = "join the new lesson with its room code"
            raise Refusal(409, "lesson_over", "lesson", hint)
        return "student", lambda: ctx.its_lesson(seat) and ctx.access.cookies.lasts(seat)
    if view == "projector":
        screen = ctx.demand(request, "teacher", "guest", "projector")
        return "projector", lambda: ctx.its_lesson(screen) and ctx.lasts(screen)
    if view == "teacher":
        session = ctx.demand(request, "teacher", "guest")
        if session.role == "teacher":
            return "teacher", lambda: ctx.lasts(session)
        return "guest", lambda: ctx.its_lesson(session) and ctx.lasts(session)
    raise Refusal(422, "request_invalid", "view", "teacher, projector or student")
