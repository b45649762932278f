"""The virtual classroom: students who press when something is asked, on clickers and on phones."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Coroutine, Sequence
from typing import Any

from agent.clock import now_ns
from agent.demo.browser import Phone, TeacherPage
from agent.demo.ledger import Ledger
from agent.demo.pupils import Press, Pupil, answer
from agent.web.views import AskedView, LessonView, TeacherView
from drivers.sim.receiver import Shown, VirtualReceiver

VERDICTS = {0: "accepted", 1: "changed"}
NOT_ASKED = 0


class Classroom:
    """Students with clickers and some with phones; they watch what is asked, and answer."""

    def __init__(self, pupils: Sequence[Pupil], rng: random.Random, ledger: Ledger) -> None:
        """Take everything, start nothing."""
        self.pupils = [pupil for pupil in pupils if pupil.keypad]
        self.phone_pupils = [pupil for pupil in pupils if not pupil.keypad]
        self.receiver = VirtualReceiver("00000000000D3301", now_ns=now_ns, on_shown=self._shown)
        self.phones: list[Phone] = []
        self.right: str | None = None
        self._rng = rng
        self._ledger = ledger
        self._asked: tuple[str, int] | None = None
        self._lesson = ""
        self._answers: set[asyncio.Task[None]] = set()

    def _shown(self, shown: Shown) -> None:
        self._ledger.tick(shown.token, VERDICTS.get(shown.code, "rejected"))

    def page(self, teacher: TeacherPage, view: TeacherView) -> None:
        """What the teacher's page shows now: phones join a new lesson, all answer a question."""
        lesson = view.lesson
        if lesson is None:
            self._lesson = ""
            return
        if lesson.id != self._lesson:
            self._lesson = lesson.id
            self._begin(self._join(teacher, lesson))
        question = lesson.question
        if question is not None and question.asked.status == "open":
            asked = (lesson.id, question.asked.number)
            if asked != self._asked:
                self._asked = asked
                self.right = question.key[0] if question.key else None
                self._ask(question.asked)

    async def press_outside(self, count: int) -> None:
        """Some press while nothing is asked."""
        for pupil in self._rng.sample(self.pupils, count):
            self.press(pupil, "A", NOT_ASKED)

    @property
    def answering(self) -> bool:
        """Whether presses are still to come."""
        return bool(self._answers)

    async def close(self) -> None:
        """Nobody presses any more."""
        for task in self._answers:
            task.cancel()
        await asyncio.gather(*self._answers, return_exceptions=True)
        for phone in self.phones:
            await phone.close()

    def _ask(self, asked: AskedView) -> None:
        options = len(asked.options)
        for pupil in self.pupils:
            presses = answer(self._rng, asked.kind, options, self.right)
            self._begin(self._on_clicker(pupil, asked.number, presses))
        for phone in self.phones:
            presses = answer(self._rng, asked.kind, options, self.right)
            self._begin(self._on_phone(phone, asked.number, presses))

    async def _join(self, teacher: TeacherPage, lesson: LessonView) -> None:
        """Phones join the lesson, and the teacher says whose they are."""
        for phone in self.phones:
            await phone.close()
        self.phones = [Phone(teacher.url) for _ in self.phone_pupils]
        for phone, pupil in zip(self.phones, self.phone_pupils, strict=True):
            await phone.join(lesson.room_code)
            if lesson.class_id is not None:
                body = {"student": pupil.number, "keypad": phone.seat}
                await teacher.call("POST", f"/classes/{lesson.class_id}/bindings", body)

    async def _on_clicker(self, pupil: Pupil, number: int, presses: list[Press]) -> None:
        waited_s = 0.0
        for press in presses:
            await asyncio.sleep(press.after_s - waited_s)
            waited_s = press.after_s
            self.press(pupil, press.key, number)

    def press(self, pupil: Pupil, key: str, number: int) -> None:
        """One press on a clicker, for question `number` as far as the student knows."""
        at_ns = now_ns()
        token = self.receiver.press(pupil.keypad, key)
        self._ledger.press(token, pupil.keypad, key, number, at_ns)

    async def _on_phone(self, phone: Phone, number: int, presses: list[Press]) -> None:
        waited_s = 0.0
        for press in presses:
            await asyncio.sleep(press.after_s - waited_s)
            waited_s = press.after_s
            attempt = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
            token = f"{phone.seat}:{attempt}"
            self._ledger.press(token, phone.seat, press.key, number, now_ns())
            verdict = await phone.answer(number, press.key, attempt)
            self._ledger.tick(token, verdict)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._answers.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._answers.discard(task)
        if not task.cancelled():
            task.result()
