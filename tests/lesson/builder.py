"""Builds lessons event by event, as intake does, without a journal."""

from __future__ import annotations

from agent.lesson import commands as cmd
from agent.lesson import events as ev
from agent.lesson import rules
from agent.lesson.model import Moment, Question, State
from agent.lesson.replay import Stamped, apply
from drivers.capabilities import Outcome
from drivers.readings import KeyPress

PLACE = ev.Place(city="3304", county="330402", school="school-1", room="r301")
LESSON = "lesson-1"


class Builder:
    """A state, the events that made it, and a clock that a test turns."""

    def __init__(self) -> None:
        self.state = State(epoch=7)
        self.log: list[Stamped] = []
        self.boot = 1
        self.now_ns = 1_000_000_000

    def record(self, event: ev.Event, mono_ns: int | None = None) -> None:
        at_ns = self.now_ns if mono_ns is None else mono_ns
        stamped = Stamped(self.state.epoch, self.state.seq + 1, self.boot, at_ns, event)
        self.log.append(stamped)
        apply(self.state, stamped)

    def do(self, command: cmd.Command) -> list[ev.Event]:
        self.now_ns += 1_000_000
        events = rules.decide(self.state, command)
        for event in events:
            self.record(event)
        return events

    def press(
        self,
        keypad: str,
        key: str,
        *,
        device: str = "receiver-1",
        item: int | None = None,
        token: str | None = None,
        mono_ns: int | None = None,
        uncertainty_ns: int | None = None,
    ) -> Outcome:
        self.now_ns += 1_000_000
        at_ns = self.now_ns if mono_ns is None else mono_ns
        press = KeyPress(
            device=device,
            mono_ns=at_ns,
            keypad=keypad,
            item=item,
            key=key,
            token=token,
            uncertainty_ns=uncertainty_ns,
        )
        event, outcome = rules.decide_press(self.state, press, self.boot)
        if event is not None:
            self.record(event, at_ns)
        return outcome

    def open_lesson(self, class_id: str | None = None, lesson: str = LESSON) -> None:
        self.do(cmd.OpenLesson(lesson=lesson, title="", place=PLACE, class_id=class_id))

    def ask(
        self,
        kind: ev.QuestionKind = "single",
        options: int | None = None,
        *,
        key: list[str] | None = None,
        policy: ev.Policy = "last_wins",
        timer_s: int | None = None,
        lesson: str = LESSON,
    ) -> Question:
        count = (
            {"single": 4, "multiple": 4, "scale": 5, "order": 4}.get(kind, 0)
            if options is None
            else options
        )
        self.do(
            cmd.AskQuestion(
                lesson=lesson,
                kind=kind,
                options=[""] * count,
                key=key,
                policy=policy,
                timer_s=timer_s,
            )
        )
        return self.question

    def again(self, number: int = 1) -> Question:
        self.do(cmd.AskAgain(lesson=LESSON, question=number))
        return self.question

    def close(self, number: int = 1) -> None:
        self.do(cmd.CloseQuestion(lesson=LESSON, question=number))

    def reopen(self, number: int = 1) -> None:
        self.do(cmd.ReopenQuestion(lesson=LESSON, question=number))

    def void(self, number: int = 1) -> None:
        self.do(cmd.VoidQuestion(lesson=LESSON, question=number))

    def restore(self, number: int = 1) -> None:
        self.do(cmd.RestoreQuestion(lesson=LESSON, question=number))

    def enter(self, who: str, key: str | None, number: int = 1) -> None:
        self.do(cmd.EnterAnswer(lesson=LESSON, question=number, who=who, key=key))

    @property
    def now(self) -> Moment:
        return Moment(self.boot, self.now_ns)

    @property
    def question(self) -> Question:
        lesson = self.state.lessons[-1]
        assert lesson.current is not None
        return lesson.current
