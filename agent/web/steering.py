"""What a teacher does with a question that was asked: again, longer, anew, for one student."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from agent.lesson import commands as cmd
from agent.lesson.events import QuestionOpened
from agent.lesson.model import Moment
from agent.lesson.writing import MAX_RAW_CHARS
from agent.web.asked import asked
from agent.web.context import Context
from agent.web.once import Once, json_response

QUESTION = "/lessons/{lesson}/questions/{question}"
MORE_S = 30


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TimerStep(_Body):
    """What to do to the timer; `by_s`: so much more time, for "extend"."""

    step: Literal["pause", "resume", "extend"]
    by_s: int = MORE_S


class AutoClose(_Body):
    """Whether questions of this lesson close when all who are there have answered."""

    on: bool


class EnteredAnswer(_Body):
    """An answer that the teacher enters: "" for none, null: the student's own counts again."""

    key: str | None = Field(max_length=MAX_RAW_CHARS)


def routes(ctx: Context) -> APIRouter:
    """The routes of this file."""
    router = APIRouter()
    once = Once()

    def timer_command(lesson: str, question: int, body: TimerStep) -> cmd.Command:
        at = Moment(ctx.journal.boot, ctx.now_ns())
        if body.step == "pause":
            return cmd.PauseTimer(lesson=lesson, question=question, at=at)
        if body.step == "resume":
            return cmd.ResumeTimer(lesson=lesson, question=question, at=at)
        return cmd.ExtendTimer(lesson=lesson, question=question, at=at, by_s=body.by_s)

    @router.post(f"{QUESTION}/again", status_code=201)
    async def again(
        lesson: str,
        question: int,
        request: Request,
        idempotency_key: Annotated[str | None, Header(max_length=80)] = None,
    ) -> Response:
        """Ask the same question again, as its next round; earlier answers are kept."""
        ctx.demand_lesson(request, lesson)

        async def work() -> bytes:
            events = await ctx.intake.submit(cmd.AskAgain(lesson=lesson, question=question))
            opened = next(event for event in events if isinstance(event, QuestionOpened))
            return asked(ctx, lesson, opened.question)

        return await once.answer(lesson, idempotency_key, work)

    async def do(request: Request, lesson: str, question: int, command: cmd.Command) -> Response:
        ctx.demand_lesson(request, lesson)
        await ctx.intake.submit(command)
        return json_response(asked(ctx, lesson, question))

    @router.post(f"{QUESTION}/reopen")
    async def reopen(lesson: str, question: int, request: Request) -> Response:
        """Take answers again to the newest question, unless its answer was revealed."""
        command = cmd.ReopenQuestion(lesson=lesson, question=question)
        return await do(request, lesson, question, command)

    @router.post(f"{QUESTION}/void")
    async def void(lesson: str, question: int, request: Request) -> Response:
        """Let the question count nowhere; it stays on record."""
        command = cmd.VoidQuestion(lesson=lesson, question=question)
        return await do(request, lesson, question, command)

    @router.post(f"{QUESTION}/restore")
    async def restore(lesson: str, question: int, request: Request) -> Response:
        """Let a void question count again."""
        command = cmd.RestoreQuestion(lesson=lesson, question=question)
        return await do(request, lesson, question, command)

    @router.post(f"{QUESTION}/timer")
    async def timer(lesson: str, question: int, body: TimerStep, request: Request) -> Response:
        """Pause the timer of the open question, let it go on, or give more time."""
        return await do(request, lesson, question, timer_command(lesson, question, body))

    @router.put(f"{QUESTION}/answers/{{who}}")
    async def enter(
        lesson: str, question: int, who: str, body: EnteredAnswer, request: Request
    ) -> Response:
        """Enter or correct the answer of one student, keypad or seat; it is marked as such."""
        command = cmd.EnterAnswer(lesson=lesson, question=question, who=who, key=body.key)
        return await do(request, lesson, question, command)

    @router.put("/lessons/{lesson}/auto-close", status_code=204)
    async def auto_close(lesson: str, body: AutoClose, request: Request) -> None:
        """Whether a question closes by itself when all who are there have answered."""
        ctx.demand_lesson(request, lesson)
        await ctx.intake.submit(cmd.SetAutoClose(lesson=lesson, on=body.on))

    return router
