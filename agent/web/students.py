"""The students' phones: join with the room code, answer, see the own answer again. No names."""

from __future__ import annotations

import hmac
import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from agent.lesson import commands as cmd
from agent.lesson.writing import MAX_RAW_CHARS
from agent.web.auth import SESSION_S
from agent.web.context import SEAT_COOKIE, SEAT_PREFIX, Context, client_of
from agent.web.problems import Refusal

MAX_SEATS = 200
SEAT_BYTES = 4


class Join(BaseModel):
    """The room code, as the projector shows it."""

    model_config = ConfigDict(extra="forbid")

    room_code: str = Field(max_length=16)


class PhoneAnswer(BaseModel):
    """One answer. The same `attempt_id` is the same attempt, however often it is sent.

    `seat`: the one that it was given in. A phone may have joined the next lesson meanwhile.
    """

    model_config = ConfigDict(extra="forbid")

    question: int = Field(ge=1, le=10_000)
    key: Annotated[str, Field(max_length=MAX_RAW_CHARS)]
    attempt_id: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:-]+$")]
    seat: Annotated[str | None, Field(max_length=64)] = None


def routes(ctx: Context) -> APIRouter:
    """The routes of this file."""
    router = APIRouter(prefix="/s")

    @router.get("/info")
    async def info() -> dict[str, bool]:
        """Whether there is a lesson to join."""
        return {"lesson_open": ctx.open_lesson is not None}

    @router.post("/join")
    async def join(body: Join, request: Request, response: Response) -> dict[str, Any]:
        """Take a seat; a phone that has one in this lesson keeps it."""
        brake = f"room/{client_of(request)}"
        lesson = ctx.open_lesson
        if lesson is None:
            raise Refusal(409, "no_lesson", "lesson", "wait until the lesson begins")
        if ctx.access.brake.wait_s(brake):
            hint = "wait a moment, then read the code again"
            raise Refusal(429, "too_many_tries", "room_code", hint, {"Retry-After": "5"})
        right = ctx.access.room_code(lesson.id)
        if not hmac.compare_digest(body.room_code.strip().encode(), right.encode()):
            ctx.access.brake.failed(brake)
            raise Refusal(401, "room_code_wrong", "room_code", "read the code on the projector")
        ctx.access.brake.passed(brake)
        held = ctx.access.cookies.open(request.cookies.get(SEAT_COOKIE))
        if held is not None and held.lesson == lesson.id and held.seat in lesson.seats:
            seat = held.seat
        else:
            if len(lesson.seats) >= MAX_SEATS:
                hint = "no more phones can join this lesson"
                raise Refusal(409, "seats_full", "seat", hint)
            seat = f"{SEAT_PREFIX}{secrets.token_hex(SEAT_BYTES)}"
            await ctx.intake.submit(cmd.JoinPhone(lesson=lesson.id, seat=seat))
        token = ctx.access.cookies.seal(ctx.access.cookies.seat(lesson.id, seat))
        response.set_cookie(
            SEAT_COOKIE,
            token,
            max_age=SESSION_S,
            httponly=True,
            samesite="strict",
            secure=ctx.secure,
        )
        return {"seat": seat, "number": lesson.seats[seat], "token": token}

    @router.post("/answer")
    async def answer(body: PhoneAnswer, request: Request) -> dict[str, str]:
        """Answer; replies only when it is durable. 503: nothing was ticked, send it again."""
        seat = ctx.seat(request)
        if body.seat not in (None, seat.seat):
            raise Refusal(409, "lesson_over", "seat", "this answer is of another lesson")
        if not ctx.access.flood.allows(seat.seat):
            ctx.phones.too_many()
            hint = "press less often; this press was not taken"
            raise Refusal(429, "too_many_presses", "seat", hint, {"Retry-After": "2"})
        outcome = await ctx.phones.answer(seat.seat, body.question, body.key, body.attempt_id)
        return {"outcome": outcome.verdict, "code": outcome.code}

    @router.get("/me")
    async def me(request: Request) -> dict[str, Any]:
        """What is on record of this phone for the current question."""
        seat = ctx.seat(request)
        lesson = ctx.open_lesson
        question = None if lesson is None else lesson.current
        mine = None if question is None else question.answers.get(seat.seat)
        return {
            "seat": seat.seat,
            "number": 0 if lesson is None else lesson.seats[seat.seat],
            "question": None if question is None else question.number,
            "key": mine.key if mine is not None and mine.key else None,
        }

    return router
