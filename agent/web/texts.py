"""Answers in words: which of them the room may read."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from agent.lesson import commands as cmd
from agent.lesson.writing import MAX_RAW_CHARS
from agent.web.asked import asked
from agent.web.context import Context
from agent.web.once import json_response


class GroupShow(BaseModel):
    """A group of equal answers, and whether the room may read it."""

    model_config = ConfigDict(extra="forbid")

    group: str = Field(min_length=1, max_length=2 * MAX_RAW_CHARS)
    shown: bool


def routes(ctx: Context) -> APIRouter:
    """The routes of this file."""
    router = APIRouter()

    @router.post("/lessons/{lesson}/questions/{question}/texts")
    async def show_text(lesson: str, question: int, body: GroupShow, request: Request) -> Response:
        """Let the room read a group of equal answers in words, or take it back."""
        ctx.demand_lesson(request, lesson)
        wish = cmd.ShowGroup if body.shown else cmd.HideGroup
        await ctx.intake.submit(wish(lesson=lesson, question=question, group=body.group))
        return json_response(asked(ctx, lesson, question))

    return router
