"""Every error of the API in one shape: a code, where, and what to do."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from agent.errors import NotDurable
from agent.journal.errors import CommitFailed
from agent.lesson.errors import LessonRefused, NotThere
from agent.lesson.roster import RosterInvalid
from agent.sets.items import SetInvalid
from agent.web.phones import PhonesBusy
from agent.web.views import Problem

CODES = {
    400: "request_invalid",
    401: "sign_in_first",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    429: "too_many_tries",
    503: "not_durable",
}
HTTP_HINTS = {
    404: "there is nothing at this address; /api/v1/openapi.json lists what there is",
    405: "this address takes another method; /api/v1/openapi.json says which",
}
UNPROCESSABLE = {
    "title_too_long",
    "options_count",
    "option_too_long",
    "key_invalid",
    "text_too_long",
    "points_too_many",
    "answer_invalid",
    "answer_unfit",
    "timer_out_of_range",
    "binding_unclear",
    "keypad_invalid",
    "roster_invalid",
    "roster_inconsistent",
    "class_invalid",
    "set_unreadable",
    "set_empty",
    "picture_unknown",
    "picture_cut_off",
    "picture_too_many_pixels",
}
NO_ROOM = {"pictures_no_room": 507, "picture_too_large": 413}


class Refusal(Exception):
    """An answer that is no. Raised by the routes, sent as a `Problem`."""

    def __init__(
        self,
        status: int,
        code: str,
        where: str,
        hint: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.problem = Problem(code=code, where=where, hint=hint)
        self.headers = dict(headers or {})


def problem_response(
    status: int, problem: Problem, headers: Mapping[str, str] | None = None, **more: object
) -> Response:
    """A `Problem` as an HTTP answer; `more` goes beside its fields."""
    body = msgspec.to_builtins(problem) | {
        name: msgspec.to_builtins(value) for name, value in more.items()
    }
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        media_type="application/json",
        headers=dict(headers or {}),
    )


def install(app: FastAPI) -> None:
    """Let every error of `app` take this shape."""

    @app.exception_handler(Refusal)
    async def refused(_: Request, error: Refusal) -> Response:
        return problem_response(error.status, error.problem, error.headers)

    @app.exception_handler(LessonRefused)
    async def lesson_refused(_: Request, error: LessonRefused) -> Response:
        status = 409
        if isinstance(error, NotThere):
            status = 404
        elif error.code in UNPROCESSABLE:
            status = 422
        status = NO_ROOM.get(error.code, status)
        problem = Problem(code=error.code, where=error.where, hint=error.hint)
        if isinstance(error, RosterInvalid | SetInvalid):
            return problem_response(status, problem, problems=error.problems)
        return problem_response(status, problem)

    @app.exception_handler(NotDurable)
    async def not_durable(_: Request, error: NotDurable) -> Response:
        return problem_response(503, Problem(code=error.code, where="journal", hint=error.hint))

    @app.exception_handler(CommitFailed)
    async def not_kept(_: Request, error: CommitFailed) -> Response:
        problem = Problem(code=error.code, where="class lists", hint=error.hint)
        return problem_response(503, problem)

    @app.exception_handler(PhonesBusy)
    async def phones_busy(_: Request, _error: PhonesBusy) -> Response:
        hint = "send the same attempt again in a moment"
        problem = Problem(code="not_durable", where="answer", hint=hint)
        return problem_response(503, problem, {"Retry-After": "1"})

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        return problem_response(
            422, Problem(code="request_invalid", where=where, hint=str(first["msg"]))
        )

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        code = CODES.get(error.status_code, "request_invalid")
        hint = HTTP_HINTS.get(error.status_code, str(error.detail))
        problem = Problem(code=code, where=request.url.path, hint=hint)
        return problem_response(error.status_code, problem, error.headers)

    @app.exception_handler(Exception)
    async def fault(request: Request, _error: Exception) -> Response:
        hint = "a fault in the agent; its log says more"
        return problem_response(500, Problem(code="fault", where=request.url.path, hint=hint))
