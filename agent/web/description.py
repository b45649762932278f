"""The API's document: what FastAPI knows of requests, and here what is answered to whom.

The tests hold every real answer against it.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from agent.clock import ClockQuality
from agent.lesson.events import Ink
from agent.lesson.roster import LineProblem
from agent.rosters.desk import RosterPreview, RosterTaken
from agent.sets.items import SetProblem
from agent.web.device_views import (
    DeviceView,
    FlashView,
    KeypadView,
    MonitorView,
    PluggedReply,
    TakenReply,
)
from agent.web.set_views import SetReport, SetsReply, SetView
from agent.web.view import View
from agent.web.views import (
    ClassView,
    CloudHealth,
    LessonView,
    PairingView,
    PictureView,
    Problem,
    ProjectorView,
    ScreenView,
    StorageHealth,
    StudentView,
    TeacherQuestionView,
    TeacherView,
)

API = "/api/v1"


class RoleReply(View, frozen=True, kw_only=True):
    """What this browser is."""

    role: Literal["teacher", "guest", "projector"]


class SessionReply(View, frozen=True, kw_only=True):
    """What this browser is; null: nobody."""

    role: Literal["teacher", "guest", "projector"] | None


class ClassesReply(View, frozen=True, kw_only=True):
    """Classes whose roster is on the board."""

    classes: list[ClassView]


class RosterReply(View, frozen=True, kw_only=True):
    """A roster that was taken.

    `school_year`: the year in which it began; students' pseudonyms change with it. `clock`: whether
    the board knew the time; else the year may be wrong.
    """

    class_id: str
    students: int
    school_year: int
    clock: ClockQuality
    problems: list[LineProblem]


class RostersReply(View, frozen=True, kw_only=True):
    """`undo`: the classes that undoing the newest roster would put back."""

    undo: list[str]


class RosterProblem(Problem, frozen=True, kw_only=True):
    """A roster that was not taken: every line that is wrong."""

    problems: list[LineProblem] = msgspec.field(default_factory=list)


class SetRefused(Problem, frozen=True, kw_only=True):
    """A file of questions of which nothing was taken: why, by line."""

    problems: list[SetProblem] = msgspec.field(default_factory=list)


class BoundReply(View, frozen=True, kw_only=True):
    """Whose it is now, by pseudonym."""

    student: str


class LessonLine(View, frozen=True, kw_only=True):
    """One lesson of the list. `opened_at`: RFC 3339, null if not even an estimate makes sense."""

    id: str
    title: str
    class_id: str | None
    status: Literal["open", "ended"]
    questions: int
    opened_at: str | None
    clock: ClockQuality


class LessonsReply(View, frozen=True, kw_only=True):
    """Lessons, newest first."""

    lessons: list[LessonLine]


class AskedReply(TeacherQuestionView, frozen=True, kw_only=True):
    """A question; `id` and `number` are its number in the lesson."""

    id: int
    number: int


class QuestionRecord(TeacherQuestionView, frozen=True, kw_only=True):
    """A question of a lesson. `answers`: by student's pseudonym, or by keypad.

    `entered`: of them, those that the teacher entered.
    """

    id: int
    answers: dict[str, str]
    entered: list[str]
    presses: int


class LessonRecord(LessonView, frozen=True, kw_only=True):
    """A lesson with all its questions."""

    status: Literal["open", "ended"]
    questions: list[QuestionRecord]


class StrokeReply(View, frozen=True, kw_only=True):
    """A stroke. A point: x and y in mm, ms since the first, pressure 0 to 1 or null."""

    tool: Literal["pen", "eraser"]
    colour: Ink
    width_mm: float
    points: list[tuple[float, float, int, float | None]]


class InkReply(View, frozen=True, kw_only=True):
    """The strokes that are seen, without the first `after`; `changes` as in the live view."""

    changes: int
    after: int
    strokes: list[StrokeReply]


class JoinReply(View, frozen=True, kw_only=True):
    """A phone's seat. `token` is also the cookie `seat`."""

    seat: str
    number: int
    token: str


class AnswerReply(View, frozen=True, kw_only=True):
    """What became of an answer, once that is durable. `code`: why it was rejected."""

    outcome: Literal["accepted", "changed", "rejected"]
    code: str


class MeReply(View, frozen=True, kw_only=True):
    """What is on record of a phone for the current question."""

    seat: str
    number: int
    question: int | None
    key: str | None


class InfoReply(View, frozen=True, kw_only=True):
    """Whether there is a lesson to join."""

    lesson_open: bool


class DevicesReply(View, frozen=True, kw_only=True):
    """Each device."""

    devices: list[DeviceView]


class KeypadsReply(View, frozen=True, kw_only=True):
    """Each keypad that a device has heard of, in no order."""

    keypads: list[KeypadView]


class DeviceHealth(View, frozen=True, kw_only=True):
    """A device, in short."""

    id: str
    state: str
    code: str
    refused: int


class IntakeHealth(View, frozen=True, kw_only=True):
    """Readings that wait to become durable, and at how many drivers are made to wait."""

    waiting: int
    capacity: int


class JournalHealth(View, frozen=True, kw_only=True):
    """Whether answers become durable; `code` says why not."""

    ok: bool
    code: str


class HealthReply(View, frozen=True, kw_only=True):
    """How the board is. `degraded`, with 503: answers cannot be made durable, or have no room."""

    status: Literal["ok", "degraded"]
    version: str
    clock: ClockQuality
    uptime_s: int
    intake: IntakeHealth
    journal: JournalHealth
    storage: StorageHealth
    devices: list[DeviceHealth]
    cloud: CloudHealth


class Operation(NamedTuple):
    """What an operation answers with, and who may ask. No body: a status of 204."""

    status: int
    body: type[msgspec.Struct] | None
    who: tuple[str, ...] = ()
    media: str = "application/json"


TEACHER = ("teacher",)
STAFF = ("teacher", "guest")
ROOM = ("teacher", "guest", "projector")
PHONE = ("phone",)
QUESTION = "/lessons/{lesson}/questions/{question}"
STREAM = "text/event-stream"
PICTURES = "image/png image/jpeg image/webp"
OPERATIONS = {
    ("get", "/session"): Operation(200, SessionReply),
    ("post", "/session"): Operation(200, RoleReply),
    ("delete", "/session"): Operation(204, None),
    ("post", "/pairing"): Operation(200, PairingView, TEACHER),
    ("post", "/screens"): Operation(201, ScreenView),
    ("post", "/screens/{screen}/approve"): Operation(204, None, TEACHER),
    ("post", "/screens/{screen}/refuse"): Operation(204, None, TEACHER),
    ("get", "/classes"): Operation(200, ClassesReply, STAFF),
    ("put", "/classes/{class_id}/roster"): Operation(200, RosterReply, TEACHER),
    ("get", "/rosters"): Operation(200, RostersReply, TEACHER),
    ("post", "/rosters/preview"): Operation(200, RosterPreview, TEACHER),
    ("post", "/rosters/take"): Operation(200, RosterTaken, TEACHER),
    ("post", "/rosters/undo"): Operation(200, RosterTaken, TEACHER),
    ("post", "/classes/{class_id}/bindings"): Operation(201, BoundReply, STAFF),
    ("delete", "/classes/{class_id}/bindings"): Operation(204, None, STAFF),
    ("get", "/lessons"): Operation(200, LessonsReply, STAFF),
    ("post", "/lessons"): Operation(201, LessonRecord, STAFF),
    ("get", "/lessons/{lesson}"): Operation(200, LessonRecord, STAFF),
    ("patch", "/lessons/{lesson}"): Operation(200, LessonRecord, STAFF),
    ("post", "/lessons/{lesson}/end"): Operation(200, LessonRecord, STAFF),
    ("post", "/lessons/{lesson}/questions"): Operation(201, AskedReply, STAFF),
    ("post", f"{QUESTION}/close"): Operation(200, AskedReply, STAFF),
    ("post", f"{QUESTION}/reveal"): Operation(200, AskedReply, STAFF),
    ("post", f"{QUESTION}/show"): Operation(200, AskedReply, STAFF),
    ("post", f"{QUESTION}/again"): Operation(201, AskedReply, STAFF),
    ("post", f"{QUESTION}/reopen"): Operation(200, AskedReply, STAFF),
    ("post", f"{QUESTION}/void"): Operation(200, AskedReply, STAFF),
    ("post", f"{QUESTION}/restore"): Operation(200, AskedReply, STAFF),
    ("post", f"{QUESTION}/timer"): Operation(200, AskedReply, STAFF),
    ("put", f"{QUESTION}/answers/{{who}}"): Operation(200, AskedReply, STAFF),
    ("put", "/lessons/{lesson}/auto-close"): Operation(204, None, STAFF),
    ("post", f"{QUESTION}/texts"): Operation(200, AskedReply, STAFF),
    ("get", "/lessons/{lesson}/ink"): Operation(200, InkReply, ROOM),
    ("post", "/lessons/{lesson}/ink"): Operation(204, None, ROOM),
    ("post", "/lessons/{lesson}/ink/undo"): Operation(204, None, ROOM),
    ("post", "/lessons/{lesson}/ink/clear"): Operation(204, None, ROOM),
    ("post", "/lessons/{lesson}/ink/attach"): Operation(204, None, STAFF),
    ("put", "/lessons/{lesson}/picture"): Operation(200, PictureView, STAFF),
    ("delete", "/lessons/{lesson}/picture"): Operation(204, None, STAFF),
    ("get", "/lessons/{lesson}/pictures/{sha256}"): Operation(200, None, ROOM, PICTURES),
    ("get", "/lessons/{lesson}/ink.svg"): Operation(200, None, TEACHER, "image/svg+xml"),
    ("get", "/lessons/{lesson}/ink.inkml"): Operation(200, None, TEACHER, "application/inkml+xml"),
    ("get", "/sets"): Operation(200, SetsReply, STAFF),
    ("post", "/sets"): Operation(200, SetReport, TEACHER),
    ("get", "/sets/{set_id}"): Operation(200, SetView, STAFF),
    ("delete", "/sets/{set_id}"): Operation(204, None, TEACHER),
    ("get", "/sets/{set_id}/set.gift"): Operation(200, None, TEACHER, "text/plain"),
    ("get", "/sets/{set_id}/set.zip"): Operation(200, None, TEACHER, "application/zip"),
    ("post", "/lessons/{lesson}/prepared"): Operation(201, AskedReply, STAFF),
    ("get", "/s/info"): Operation(200, InfoReply),
    ("post", "/s/join"): Operation(200, JoinReply),
    ("post", "/s/answer"): Operation(200, AnswerReply, PHONE),
    ("get", "/s/me"): Operation(200, MeReply, PHONE),
    ("get", "/health"): Operation(200, HealthReply),
    ("get", "/devices"): Operation(200, DevicesReply, TEACHER),
    ("get", "/devices/plugged"): Operation(200, PluggedReply, TEACHER),
    ("post", "/devices"): Operation(201, TakenReply, TEACHER),
    ("delete", "/devices/{device}"): Operation(204, None, TEACHER),
    ("post", "/devices/{device}/locate"): Operation(204, None, STAFF),
    ("post", "/devices/{device}/corners"): Operation(204, None, TEACHER),
    ("put", "/devices/{device}/corners"): Operation(204, None, TEACHER),
    ("delete", "/devices/{device}/corners"): Operation(204, None, TEACHER),
    ("post", "/devices/{device}/flash"): Operation(202, FlashView, TEACHER),
    ("get", "/devices/{device}/flash"): Operation(200, FlashView, TEACHER),
    ("get", "/devices/{device}/keypads"): Operation(200, KeypadsReply, TEACHER),
    ("get", "/devices/{device}/monitor"): Operation(200, MonitorView, TEACHER, STREAM),
    ("get", "/live"): Operation(200, TeacherView, (*ROOM, *PHONE), STREAM),
    ("get", "/join.svg"): Operation(200, None, ROOM, "image/svg+xml"),
}
_REFUSALS: dict[str, type[View]] = {
    "/classes/{class_id}/roster": RosterProblem,
    "/sets": SetRefused,
}
SECURITY_SCHEMES = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "session",
        "description": "From POST /session: a teacher, a guest or a projector.",
    },
    "seat": {
        "type": "apiKey",
        "in": "cookie",
        "name": "seat",
        "description": "From POST /s/join: a phone. Also taken as `Authorization: Seat TOKEN`.",
    },
}
_VIEWS_OF_STREAM = (TeacherView, ProjectorView, StudentView)
_REF = "#/components/schemas/{name}"


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of the API, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title="classroom-agent",
            version=app.version,
            description="The API of a classroom's board. Every error is a `Problem`.",
            routes=app.routes,
        )
        _describe(made)
        app.openapi_schema = made
    return app.openapi_schema


def _describe(made: dict[str, Any]) -> None:
    bodies = {one.body for one in OPERATIONS.values() if one.body is not None}
    kinds: list[type[msgspec.Struct]] = sorted(
        {*bodies, *_VIEWS_OF_STREAM, Problem, RosterProblem, SetRefused},
        key=lambda one: one.__name__,
    )
    refs, schemas = msgspec.json.schema_components(kinds, ref_template=_REF)
    named = dict(zip(kinds, refs, strict=True))
    made["components"]["schemas"] |= schemas
    for name in ("HTTPValidationError", "ValidationError"):
        made["components"]["schemas"].pop(name, None)
    made["components"]["securitySchemes"] = SECURITY_SCHEMES
    for path, methods in made["paths"].items():
        for method, entry in methods.items():
            short = path.removeprefix(API)
            entry["operationId"] = entry["operationId"].split("_api_v1")[0]
            entry["responses"] = _responses(short, OPERATIONS[method, short], named)
            who = OPERATIONS[method, short].who
            if who:
                schemes = {"seat" if role == "phone" else "session" for role in who}
                entry["security"] = [{scheme: []} for scheme in sorted(schemes)]
                entry["description"] = f"{entry['description']}\n\nFor: {', '.join(who)}."


def _responses(
    short: str, operation: Operation, named: dict[type[msgspec.Struct], dict[str, Any]]
) -> dict[str, Any]:
    problem = named[_REFUSALS.get(short, Problem)]
    answered: dict[str, Any] = {"description": "Done"}
    if operation.media == STREAM:
        if operation.body is MonitorView:
            data = named[MonitorView]
            text = "Events named `monitor`; `data:` is what passed since the one before, as JSON."
        else:
            data = {"oneOf": [named[one] for one in _VIEWS_OF_STREAM]}
            text = "Events named `view`; `data:` is the whole view as JSON, the newest wins."
        stream = {"schema": {"type": "string"}, "x-event-data": data}
        answered = {"description": text, "content": {STREAM: stream}}
    elif operation.body is not None:
        answered["content"] = {operation.media: {"schema": named[operation.body]}}
    elif operation.media != "application/json":
        kinds = operation.media.split()
        answered["content"] = {kind: {"schema": {"type": "string"}} for kind in kinds}
    responses = {str(operation.status): answered}
    if short == "/health":
        responses["503"] = answered
    refused = {"application/json": {"schema": problem}}
    responses["default"] = {"description": "Refused", "content": refused}
    return responses
