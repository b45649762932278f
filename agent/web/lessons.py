"""What a teacher does: classes and their rosters, lessons, questions."""

from __future__ import annotations

import asyncio
import re
import secrets
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from agent.identity import school_year
from agent.journal.roster import StudentName
from agent.lesson import commands as cmd
from agent.lesson.errors import LessonRefused
from agent.lesson.events import Policy, QuestionKind, QuestionOpened, Show
from agent.lesson.model import TEACHER, answers_by_respondent
from agent.lesson.roster import parse_roster
from agent.lesson.writing import MAX_RAW_CHARS
from agent.web.asked import asked, with_id
from agent.web.context import SEAT_PREFIX, Context
from agent.web.once import Once, json_response
from agent.web.past_lessons import lesson_of
from agent.web.problems import Refusal

CLASS_ID = re.compile(r"[\w-]{1,40}")
KEYPAD = re.compile(r"[0-9A-F]{2,32}")
LESSON_ID_BYTES = 5
Key = Annotated[str, Field(max_length=MAX_RAW_CHARS)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewLesson(_Body):
    """A lesson to open; without a class, keypads count under their numbers."""

    class_id: str | None = None
    title: str = Field(default="", max_length=200)


class ClassChoice(_Body):
    """The class of a lesson; null for none."""

    class_id: str | None


class NewQuestion(_Body):
    """A question to open. `options`: their texts, "" where only the letter is shown.

    `text`: what is asked, "" where the teacher says it.
    """

    kind: QuestionKind
    options: list[Annotated[str, Field(max_length=400)]] = Field(default=[], max_length=20)
    key: list[Key] | None = Field(default=None, max_length=20)
    timer_s: int | None = None
    policy: Policy = "last_wins"
    text: str = Field(default="", max_length=4000)
    points: list[Annotated[str, Field(max_length=80)]] = Field(default=[], max_length=20)


class NewShow(_Body):
    """How much the projector shows."""

    show: Show


class Binding(_Body):
    """A keypad or a card of a student (pseudonym or student number)."""

    student: str = Field(max_length=64)
    keypad: str | None = Field(default=None, max_length=64)
    card: str | None = Field(default=None, max_length=64)


class Unbinding(_Body):
    """A keypad or a card that is nobody's again."""

    keypad: str | None = Field(default=None, max_length=64)
    card: str | None = Field(default=None, max_length=64)


def routes(ctx: Context) -> APIRouter:  # noqa: PLR0915 (one short function a route)
    """The routes of this file."""
    router = APIRouter()
    once = Once()

    def whole(lesson: str) -> bytes:
        """A lesson with all its questions; from the journal if it is no longer in memory."""
        state = ctx.intake.committed
        found = lesson_of(ctx, lesson)
        roll = state.roll(found)
        questions = []
        for question in found.questions:
            answers = answers_by_respondent(question, roll)
            view = msgspec.to_builtins(ctx.pages.question(question, answers, found, roll))
            given = {who: answer.key for who, answer in answers.items()}
            entered = [who for who, answer in answers.items() if answer.device == TEACHER]
            more = {"answers": given, "entered": entered, "presses": question.presses}
            questions.append({"id": question.number, **view, **more})
        status = "open" if found.ended is None else "ended"
        return with_id(ctx.pages.lesson(found, state), lesson, status=status, questions=questions)

    def student_of(class_id: str, given: str) -> str:
        """A student by pseudonym or number."""
        names = ctx.rosters.names(class_id)
        if given in names:
            return given
        return next((one.student for one in names.values() if one.number == given), given)

    def card_of(class_id: str, given: str | None) -> str | None:
        """A card by its UID, or by its name as the pages know it."""
        if given is None:
            return None
        state = ctx.intake.committed
        known = set(state.classes[class_id].cards) if class_id in state.classes else set()
        for lesson in state.lessons:
            known |= lesson.cards.keys()
        return given if given in known else ctx.identity.card(given)

    def keypad_of(given: str | None) -> str | None:
        """A keypad's id in the one way it is written; seats stay as they are."""
        if given is None or given.startswith(SEAT_PREFIX):
            return given
        keypad = given.strip().upper()
        if not KEYPAD.fullmatch(keypad):
            hint = "2 to 32 hex digits, as the keypad's label or the page shows them"
            raise LessonRefused("keypad_invalid", "keypad", hint)
        return keypad

    @router.get("/classes")
    async def classes(request: Request) -> dict[str, Any]:
        """Classes whose roster is on the board."""
        ctx.demand(request, "teacher", "guest")
        rolls = ctx.intake.committed.classes
        return {
            "classes": [
                {"id": key, "students": len(roll.students)}
                for key, roll in rolls.items()
                if roll.students
            ]
        }

    @router.put(
        "/classes/{class_id}/roster",
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"text/csv": {"schema": {"type": "string"}}},
            }
        },
    )
    async def put_roster(class_id: str, request: Request) -> dict[str, Any]:
        """A class list, text/csv: number,name[,keypad[,card]]. Taken whole or not at all."""
        ctx.demand(request, "teacher")
        if not CLASS_ID.fullmatch(class_id):
            hint = "1 to 40 letters, digits, hyphens, underscores"
            raise LessonRefused("class_invalid", "class_id", hint)
        entries = parse_roster(await request.body())
        today = ctx.today()
        students = [
            StudentName(ctx.identity.student(one.number, today), one.number, one.name)
            for one in entries
        ]
        pairs = list(zip(students, entries, strict=True))
        # Names first: should it end here, a name too many is known, not a student without one.
        await asyncio.to_thread(ctx.rosters.add, class_id, students)
        await ctx.intake.submit(
            cmd.ReplaceRoster(
                class_id=class_id,
                students=[one.student for one in students],
                keypads={entry.keypad: one.student for one, entry in pairs if entry.keypad},
                cards={
                    ctx.identity.card(entry.card): one.student for one, entry in pairs if entry.card
                },
            )
        )
        await asyncio.to_thread(ctx.rosters.replace, class_id, students)
        ctx.live.changed()
        return {
            "class_id": class_id,
            "students": len(students),
            "school_year": school_year(today),
            "clock": "synced" if ctx.clock_synced() else "estimated",
            "problems": [],
        }

    @router.post("/classes/{class_id}/bindings", status_code=201)
    async def bind(class_id: str, body: Binding, request: Request) -> dict[str, str]:
        """A keypad or card is this student's; answers already given follow."""
        ctx.demand_class(request, class_id)
        student = student_of(class_id, body.student)
        await ctx.intake.submit(
            cmd.Bind(
                class_id=class_id,
                student=student,
                keypad=keypad_of(body.keypad),
                card=card_of(class_id, body.card),
            )
        )
        return {"student": student}

    @router.delete("/classes/{class_id}/bindings", status_code=204)
    async def unbind(class_id: str, body: Unbinding, request: Request) -> None:
        """A keypad or card is nobody's again."""
        ctx.demand_class(request, class_id)
        await ctx.intake.submit(
            cmd.Unbind(
                class_id=class_id,
                keypad=keypad_of(body.keypad),
                card=card_of(class_id, body.card),
            )
        )

    @router.get("/lessons")
    async def lessons(request: Request) -> dict[str, Any]:
        """All lessons on the board, newest first; a guest sees the open one."""
        session = ctx.demand(request, "teacher", "guest")
        spans = reversed(ctx.intake.committed.spans.values())
        shown = []
        for span in spans:
            if session.role == "guest" and span.ended:
                continue
            opened_at, quality = ctx.wall(span.opened.boot, span.opened.mono_ns)
            shown.append(
                {
                    "id": span.id,
                    "title": span.title,
                    "class_id": span.class_id,
                    "status": "ended" if span.ended else "open",
                    "questions": span.questions,
                    "opened_at": None if opened_at is None else opened_at.isoformat("T", "seconds"),
                    "clock": quality,
                }
            )
        return {"lessons": shown}

    @router.post("/lessons", status_code=201)
    async def open_lesson(
        body: NewLesson,
        request: Request,
        idempotency_key: Annotated[str | None, Header(max_length=80)] = None,
    ) -> Response:
        """Open a lesson."""
        session = ctx.demand(request, "teacher", "guest")
        if session.role == "guest" and session.lesson:
            raise Refusal(403, "not_allowed", "guest", "a guest runs one lesson only")

        async def work() -> bytes:
            lesson = secrets.token_hex(LESSON_ID_BYTES)
            await ctx.intake.submit(
                cmd.OpenLesson(
                    lesson=lesson, title=body.title, place=ctx.place, class_id=body.class_id
                )
            )
            return whole(lesson)

        return await once.answer("lessons", idempotency_key, work)

    @router.get("/lessons/{lesson}")
    async def get_lesson(lesson: str, request: Request) -> Response:
        """A lesson with its questions and answers, ended ones too."""
        ctx.demand_lesson(request, lesson)
        return json_response(whole(lesson))

    @router.patch("/lessons/{lesson}")
    async def change_class(lesson: str, body: ClassChoice, request: Request) -> Response:
        """File the lesson under another class, or none; its answers are filed anew."""
        ctx.demand_lesson(request, lesson)
        await ctx.intake.submit(cmd.ChangeClass(lesson=lesson, class_id=body.class_id))
        return json_response(whole(lesson))

    @router.post("/lessons/{lesson}/end")
    async def end_lesson(lesson: str, request: Request) -> Response:
        """End the lesson; an open question is closed first."""
        ctx.demand_lesson(request, lesson)
        await ctx.intake.submit(cmd.EndLesson(lesson=lesson))
        return json_response(whole(lesson))

    @router.post("/lessons/{lesson}/questions", status_code=201)
    async def ask(
        lesson: str,
        body: NewQuestion,
        request: Request,
        idempotency_key: Annotated[str | None, Header(max_length=80)] = None,
    ) -> Response:
        """Open a question; one that is open is closed first."""
        ctx.demand_lesson(request, lesson)

        async def work() -> bytes:
            events = await ctx.intake.submit(cmd.AskQuestion(lesson=lesson, **body.model_dump()))
            opened = next(event for event in events if isinstance(event, QuestionOpened))
            return asked(ctx, lesson, opened.question)

        return await once.answer(lesson, idempotency_key, work)

    @router.post("/lessons/{lesson}/questions/{question}/close")
    async def close(lesson: str, question: int, request: Request) -> Response:
        """Take no more answers."""
        ctx.demand_lesson(request, lesson)
        await ctx.intake.submit(cmd.CloseQuestion(lesson=lesson, question=question))
        return json_response(asked(ctx, lesson, question))

    @router.post("/lessons/{lesson}/questions/{question}/reveal")
    async def reveal(lesson: str, question: int, request: Request) -> Response:
        """Show the distribution with the key; closes first."""
        ctx.demand_lesson(request, lesson)
        await ctx.intake.submit(cmd.RevealQuestion(lesson=lesson, question=question))
        return json_response(asked(ctx, lesson, question))

    @router.post("/lessons/{lesson}/questions/{question}/show")
    async def show(lesson: str, question: int, body: NewShow, request: Request) -> Response:
        """How much the projector shows: hidden, count or distribution."""
        ctx.demand_lesson(request, lesson)
        await ctx.intake.submit(cmd.ShowQuestion(lesson=lesson, question=question, show=body.show))
        return json_response(asked(ctx, lesson, question))

    return router
