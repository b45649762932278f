"""Prepared sets: brought as a file, looked at, asked from, taken away as a file."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from agent.errors import NotDurable
from agent.journal.sets import SetHead
from agent.lesson import commands as cmd
from agent.lesson.errors import LessonRefused, NotThere
from agent.lesson.events import Prepared, QuestionOpened
from agent.lesson.model import AskedItem
from agent.web.asked import asked
from agent.web.context import Context
from agent.web.once import Once, json_response
from agent.web.set_views import ItemView, SetReport, SetView

UNNAMED = "题集"
GIFT_TYPE, QTI_TYPE = "text/plain; charset=utf-8", "application/zip"


class PreparedQuestion(BaseModel):
    """Which question of which set; `version` is what the page has shown of the set."""

    model_config = ConfigDict(extra="forbid")

    set_id: str = Field(max_length=40)
    version: str = Field(max_length=40)
    item: int = Field(ge=1, le=10_000)


def routes(ctx: Context) -> APIRouter:  # noqa: PLR0915 (one short function a route)
    """The routes of this file."""
    router = APIRouter()
    once = Once()

    def marks(set_id: str, version: str) -> dict[int, Any]:
        """When the questions of a set were asked, of those asked today."""
        lesson = ctx.open_lesson
        marked: dict[int, Any] = {}
        for one in ctx.intake.committed.asked:
            if (one.prepared.set_id, one.prepared.version) != (set_id, version):
                continue
            if lesson is not None and one.lesson == lesson.id:
                marked[one.prepared.item] = "lesson"
            elif _today(ctx, one):
                marked.setdefault(one.prepared.item, "today")
        return marked

    @router.get("/sets")
    async def sets(request: Request) -> dict[str, Any]:
        """The sets on this board, by name."""
        ctx.demand(request, "teacher", "guest")
        heads = await asyncio.to_thread(ctx.sets.heads)
        return {"sets": [msgspec.to_builtins(one) for one in heads]}

    @router.post(
        "/sets",
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
                },
            }
        },
    )
    async def bring(
        request: Request,
        name: Annotated[str, Query(max_length=200)] = "",
        keep: bool = False,
    ) -> Response:
        """A file of questions: GIFT, Aiken, CSV, xlsx, QTI 3 or 2. `keep`: else it is only read.

        What can be taken is, and the report names the rest by line. A set of the same name is
        replaced.
        """
        from agent.sets.items import MAX_NAME_CHARS, QuestionSet, tidy_line  # noqa: PLC0415 (rare)
        from agent.sets.reading import read  # noqa: PLC0415

        ctx.demand(request, "teacher")
        found = await asyncio.to_thread(read, await request.body())
        called = (tidy_line(name) or found.name or UNNAMED)[:MAX_NAME_CHARS].rstrip()
        made = QuestionSet(name=called, items=found.items)
        head = SetHead(id="", name=called, version=made.version, items=len(made.items))
        if keep:
            if ctx.storage().room == "full":
                hint = "the board's store is full; tell the school's IT"
                raise NotDurable("storage_full", "sets", hint)
            head = await asyncio.to_thread(ctx.sets.put, made)
        report = SetReport(
            id=head.id or None,
            name=head.name,
            version=head.version,
            items=[ItemView.of(one, None) for one in made.items],
            left_out=found.questions_left_out,
            problems=found.problems,
        )
        return json_response(msgspec.json.encode(report))

    @router.get("/sets/{set_id}")
    async def get_set(set_id: str, request: Request) -> Response:
        """A set with its questions, their keys among them, and what was asked today."""
        ctx.demand(request, "teacher", "guest")
        found = await asyncio.to_thread(ctx.sets.get, set_id)
        version = found.version
        marked = marks(set_id, version)
        view = SetView(
            id=set_id,
            name=found.name,
            version=version,
            items=[ItemView.of(one, marked.get(n)) for n, one in enumerate(found.items, 1)],
        )
        return json_response(msgspec.json.encode(view))

    @router.delete("/sets/{set_id}", status_code=204)
    async def delete_set(set_id: str, request: Request) -> None:
        """The set is no longer on the board; what was asked from it stays on record."""
        ctx.demand(request, "teacher")
        await asyncio.to_thread(ctx.sets.remove, set_id)

    @router.get("/sets/{set_id}/set.gift")
    async def get_gift(set_id: str, request: Request) -> Response:
        """The set as a GIFT file."""
        from agent.sets import gift  # noqa: PLC0415

        ctx.demand(request, "teacher")
        found = await asyncio.to_thread(ctx.sets.get, set_id)
        text = await asyncio.to_thread(gift.write, found)
        return _file(text.encode(), GIFT_TYPE, "set.gift")

    @router.get("/sets/{set_id}/set.zip")
    async def get_qti(set_id: str, request: Request) -> Response:
        """The set as a QTI 3 package."""
        from agent.sets import package  # noqa: PLC0415

        ctx.demand(request, "teacher")
        found = await asyncio.to_thread(ctx.sets.get, set_id)
        return _file(await asyncio.to_thread(package.write, found), QTI_TYPE, "set.zip")

    @router.post("/lessons/{lesson}/prepared", status_code=201)
    async def ask_prepared(
        lesson: str,
        body: PreparedQuestion,
        request: Request,
        idempotency_key: Annotated[str | None, Header(max_length=80)] = None,
    ) -> Response:
        """Ask a question of a set; one that is open is closed first."""
        ctx.demand_lesson(request, lesson)

        async def work() -> bytes:
            found = await asyncio.to_thread(ctx.sets.get, body.set_id)
            if found.version != body.version:
                hint = "the set was changed meanwhile; look at the question again"
                raise LessonRefused("set_changed", body.set_id, hint)
            if body.item > len(found.items):
                raise NotThere("set_unknown", body.set_id, "there is no such question in it")
            one = found.items[body.item - 1]
            events = await ctx.intake.submit(
                cmd.AskQuestion(
                    lesson=lesson,
                    kind=one.kind,
                    options=one.options,
                    key=one.key,
                    timer_s=one.timer_s,
                    text=one.text,
                    points=one.points,
                    prepared=Prepared(set_id=body.set_id, version=body.version, item=body.item),
                )
            )
            opened = next(event for event in events if isinstance(event, QuestionOpened))
            return asked(ctx, lesson, opened.question)

        return await once.answer(lesson, idempotency_key, work)

    return router


def _today(ctx: Context, one: AskedItem) -> bool:
    """Whether the lesson began today; without a clock, since the board was switched on."""
    span = ctx.intake.committed.spans.get(one.lesson)
    if span is None:
        return False
    at, _ = ctx.wall(span.opened.boot, span.opened.mono_ns)
    return span.opened.boot == ctx.journal.boot if at is None else at.date() == ctx.today()


def _file(data: bytes, media_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type=media_type, headers=headers)
