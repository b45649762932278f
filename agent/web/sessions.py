"""Signing in, pairing a browser, and letting a screen be the projector."""

from __future__ import annotations

import math
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from agent.web.auth import SESSION_S, Role
from agent.web.context import SESSION_COOKIE, Context, client_of
from agent.web.problems import Refusal

HINTS = {
    "pin_wrong": "ask the school's IT for the room's PIN",
    "code_wrong": "read the code on the projector again",
    "code_used": "ask the teacher for a fresh code",
    "code_expired": "ask the teacher for a fresh code",
    "screen_waiting": "the teacher's page must allow this screen",
    "screen_unknown": "reload the projector's page",
}


class SignIn(BaseModel):
    """One of: the PIN, a pairing code, the id of an approved screen."""

    model_config = ConfigDict(extra="forbid")

    pin: str | None = Field(default=None, max_length=64)
    code: str | None = Field(default=None, max_length=16)
    screen: str | None = Field(default=None, max_length=64)


def routes(ctx: Context) -> APIRouter:  # noqa: PLR0915 (one short function a route)
    """The routes of this file."""
    router = APIRouter()
    access = ctx.access

    def begin(response: Response, role: Role, lesson: str = "") -> dict[str, str]:
        response.set_cookie(
            SESSION_COOKIE,
            access.cookies.seal(access.cookies.begin(role, lesson=lesson, pin=access.pins.mark)),
            max_age=SESSION_S,
            httponly=True,
            samesite="strict",
            secure=ctx.secure,
        )
        return {"role": role}

    def count_try(brake: str) -> None:
        """Counted before its outcome is known, or tries side by side would not hold each other."""
        wait_s = math.ceil(access.brake.wait_s(brake))
        if wait_s:
            hint = f"try again in {wait_s} s"
            headers = {"Retry-After": str(wait_s)}
            raise Refusal(429, "too_many_tries", "session", hint, headers)
        access.brake.failed(brake)

    async def by_pin(client: str, pin: str, response: Response) -> dict[str, str]:
        brake = f"pin/{client}"
        count_try(brake)
        if not await access.pins.fits(pin):
            raise Refusal(401, "pin_wrong", "pin", HINTS["pin_wrong"])
        access.brake.passed(brake)
        return begin(response, "teacher")

    def by_code(client: str, code: str, response: Response) -> dict[str, str]:
        brake = f"code/{client}"
        count_try(brake)
        found = access.pairing.use(code)
        if found != "good":
            raise Refusal(401, found, "code", HINTS[found])
        access.brake.passed(brake)
        ctx.live.changed()
        lesson = ctx.open_lesson
        return begin(response, "guest", "" if lesson is None else lesson.id)

    def by_screen(client: str, screen: str, response: Response) -> dict[str, str]:
        found = access.screens.redeem(screen)
        if found == "waiting":
            raise Refusal(409, "screen_waiting", "screen", HINTS["screen_waiting"])
        if found == "unknown":
            raise Refusal(404, "screen_unknown", "screen", HINTS["screen_unknown"])
        access.brake.passed(f"screen/{client}")
        return begin(response, "projector")

    @router.post("/session")
    async def sign_in(body: SignIn, request: Request, response: Response) -> dict[str, str]:
        """Sign in with `pin`; pair this browser with `code`; be the projector with `screen`."""
        client = client_of(request)
        match body:
            case SignIn(pin=str(pin), code=None, screen=None):
                return await by_pin(client, pin, response)
            case SignIn(pin=None, code=str(code), screen=None):
                return by_code(client, code, response)
            case SignIn(pin=None, code=None, screen=str(screen)):
                return by_screen(client, screen, response)
        raise Refusal(422, "request_invalid", "body", "give one of pin, code, screen")

    @router.get("/session")
    async def who(request: Request) -> dict[str, str | None]:
        """The role of this browser, null if it has none."""
        session = ctx.session(request)
        return {"role": None if session is None else session.role}

    @router.delete("/session", status_code=204)
    async def sign_out(response: Response) -> None:
        """Forget this browser."""
        response.delete_cookie(SESSION_COOKIE)

    @router.post("/pairing")
    async def pair(request: Request) -> dict[str, Any]:
        """A fresh code that pairs one browser; the projector shows it."""
        ctx.demand(request, "teacher")
        code, expires_s = access.pairing.make()
        ctx.live.changed()
        return {"code": code, "expires_s": expires_s}

    @router.post("/screens", status_code=201)
    async def ask_to_be_screen(request: Request) -> dict[str, str]:
        """Ask to be the projector; the teacher's page shows `number` and allows or refuses."""
        brake = f"screen/{client_of(request)}"
        count_try(brake)
        asked = access.screens.ask()
        if asked is None:
            hint = "other screens wait for the teacher; try again in a few minutes"
            raise Refusal(429, "too_many_screens", "screens", hint, {"Retry-After": "60"})
        ctx.live.changed()
        return {"id": asked[0], "number": asked[1]}

    @router.post("/screens/{screen}/approve", status_code=204)
    async def approve(screen: str, request: Request) -> None:
        """Let a screen be the projector."""
        ctx.demand(request, "teacher")
        if not access.screens.approve(screen):
            raise Refusal(404, "screen_unknown", "screen", HINTS["screen_unknown"])
        ctx.live.changed()

    @router.post("/screens/{screen}/refuse", status_code=204)
    async def turn_away(screen: str, request: Request) -> None:
        """Do not let a screen be the projector."""
        ctx.demand(request, "teacher")
        if not access.screens.refuse(screen):
            raise Refusal(404, "screen_unknown", "screen", HINTS["screen_unknown"])
        ctx.live.changed()

    return router
