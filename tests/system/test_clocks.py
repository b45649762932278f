"""Boards whose clock is wrong: a real agent under libfaketime, with a real broker and ingest."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from agent.demo.browser import Phone
from agent.demo.play import receive, settle
from agent.demo.scene import Scene
from fleet.store import HeldEvent, Store
from tests.system.board_time import BoardTime
from tests.system.clicker_room import ClickerRoom

pytestmark = pytest.mark.needs("faketime", "gcc", "mosquitto")

CLICKERS = 12
DAY_S = 86_400
CLOSE_S = 60.0
"""A time that is known is nearer to the truth than this; a wrong one is off by an hour or more."""


class Lesson:
    """One lesson, asked and answered; what was pressed for which question, and when in truth."""

    def __init__(self, scene: ClickerRoom) -> None:
        self.scene = scene
        self.pressed: dict[str, int] = {}
        self.truth_s: dict[str, float] = {}

    async def ask(self, number: int, **more: Any) -> None:
        assert await self.scene.ask(**more) == number

    def press(self, number: int, some: slice = slice(None)) -> None:
        """These students answer the open question."""
        for pupil in self.scene.classroom.pupils[some]:
            at_s = time.time()
            before = set(self.scene.ledger.presses)
            self.scene.classroom.press(pupil, "ABCD"[number % 4], number)
            for token in set(self.scene.ledger.presses) - before:
                self.pressed[token], self.truth_s[token] = number, at_s

    async def question(self, number: int, meanwhile: Callable[[], None]) -> None:
        """Half of the class answers, something happens, and then the other half does."""
        await self.ask(number)
        self.press(number, slice(None, CLICKERS // 2))
        await settle(self.scene)
        meanwhile()
        self.press(number, slice(CLICKERS // 2, None))
        await settle(self.scene)
        await self.scene.teacher.until(
            lambda view: (
                view.lesson is not None
                and view.lesson.question is not None
                and view.lesson.question.asked.number == number
                and view.lesson.question.answered == CLICKERS
            )
        )

    def check(self, held: list[HeldEvent]) -> None:
        """Every answer is there once, in its lesson, under the question that was open."""
        assert [one[:3] for one in held] == sorted({one[:3] for one in held})
        numbers = [one.seq for one in held]
        assert numbers == list(range(1, len(held) + 1))
        answers = [json.loads(one.body) for one in held if one.kind == "ResponseRecorded"]
        assert {one["token"]: one["question"] for one in answers} == self.pressed
        assert len(answers) == len(self.pressed)
        assert {one["lesson"] for one in answers} == {self.scene.lesson}
        asked = 0
        for one in held:  # by number alone, whatever the time
            if one.kind == "QuestionOpened":
                asked += 1
            if one.kind in {"QuestionOpened", "ResponseRecorded"}:
                assert json.loads(one.body)["question"] == asked

    def wrong_s(self, one: HeldEvent) -> float:
        """How far the time of an answer is from when it was pressed."""
        assert one.at_ns is not None
        return one.at_ns / 1e9 - self.truth_s[json.loads(one.body)["token"]]


@asynccontextmanager
async def lesson_at(board_time: BoardTime, folder: Path, *, seed: int) -> AsyncIterator[Lesson]:
    """A lesson in a room whose board has this time, of 1970 so far."""
    board_time.start_of_1970()
    async with ClickerRoom(
        folder,
        rng=random.Random(seed),
        clickers=CLICKERS,
        agent_environment=board_time.environment,
    ) as room:
        await room.open_lesson()
        yield Lesson(room)


def held(scene: Scene) -> list[HeldEvent]:
    store = Store(scene.stage.database)
    store.open()
    with closing(store):
        return list(store.events())


def answers(scene: Scene) -> list[HeldEvent]:
    return [one for one in held(scene) if one.kind == "ResponseRecorded"]


async def learnt(scene: Scene, count: int) -> None:
    """Wait until the school holds so many words about clocks."""
    while sum(one.kind == "ClockLearnt" for one in held(scene)) < count:
        scene.stage.check()
        await asyncio.sleep(0.1)


def board_state(scene: Scene) -> Any:
    store = Store(scene.stage.database)
    store.open()
    with closing(store):
        return json.loads(store.board_state("demo-board") or "{}")


UNCERTAINTY = """\
import sys
from pathlib import Path
from agent.clock import kernel_uncertainty_ns
print(kernel_uncertainty_ns(Path(sys.argv[1])))
"""


def test_who_vouches_for_the_clock(tmp_path: Path) -> None:
    board_time, flag = BoardTime(tmp_path), tmp_path / "synchronized"

    def uncertainty_ns() -> str:
        return subprocess.run(
            [sys.executable, "-c", UNCERTAINTY, str(flag)],
            env=os.environ | board_time.environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    assert uncertainty_ns() == "None"
    board_time.disciplined(uncertainty_us=700)
    assert uncertainty_ns() == "700000"
    board_time.may_not_be_asked()  # a hardened service
    assert uncertainty_ns() == "None"
    flag.touch()
    assert uncertainty_ns() == "100000000"


async def test_a_lesson_is_right_whatever_its_clock_does(tmp_path: Path) -> None:
    board_time = BoardTime(tmp_path)
    async with lesson_at(board_time, tmp_path, seed=61) as lesson:
        scene, teacher = lesson.scene, lesson.scene.teacher
        await lesson.question(1, lambda: board_time.shift(DAY_S))
        await lesson.question(2, lambda: board_time.shift(-DAY_S))
        await receive(scene)
        assert {one.clock for one in held(scene)} == {"estimated"}
        assert held(scene)[0].at_ns is None
        assert (await teacher.call("GET", "/health"))["clock"] == "estimated"
        assert board_state(scene)["clock"] == "estimated"

        board_time.shift(3600)  # its first time server is wrong
        board_time.disciplined()
        await lesson.ask(3, timer_s=5)
        lesson.press(3)
        await learnt(scene, 1)
        await settle(scene)
        await teacher.until(
            lambda view: (
                view.lesson is not None
                and view.lesson.question is not None
                and view.lesson.question.asked.status == "closed"
            )
        )
        await lesson.question(4, lambda: None)
        await receive(scene)
        assert all(abs(lesson.wrong_s(one) - 3600) < CLOSE_S for one in answers(scene))
        while board_state(scene)["clock"] == "estimated":  # its retained state says so too
            await asyncio.sleep(0.05)

        await lesson.question(5, lambda: board_time.shift(0))  # a step back in mid-lesson
        await learnt(scene, 2)
        await receive(scene)
        events = held(scene)
        lesson.check(events)
        assert {one.clock for one in events} == {"synced"}
        assert all(abs(lesson.wrong_s(one)) < CLOSE_S for one in answers(scene))
        assert Counter(lesson.pressed.values()) == dict.fromkeys(range(1, 6), CLICKERS)
        opened_ns, closed_ns = (
            next(one.mono_ns for one in events if one.kind == kind and '"question":3' in one.body)
            for kind in ("QuestionOpened", "QuestionClosed")
        )
        assert closed_ns - opened_ns > 4.9e9  # the timer is no part of the day
        shown = (await teacher.call("GET", "/lessons"))["lessons"][0]
        assert shown["clock"] == "synced"
        assert abs(datetime.fromisoformat(shown["opened_at"]).timestamp() - time.time()) < 600


async def test_a_lesson_goes_on_over_power_cuts_with_and_without_the_time(tmp_path: Path) -> None:
    board_time = BoardTime(tmp_path)
    async with lesson_at(board_time, tmp_path, seed=62) as lesson:
        scene, teacher, stage = lesson.scene, lesson.scene.teacher, lesson.scene.stage

        async def power_cut() -> None:
            await stage.agent.kill()
            board_time.power_on()

        async def start() -> None:
            await stage.start_agent([scene.line.path], [])

        phone = Phone(stage.url)
        await phone.join(scene.room_code)
        await lesson.question(1, lambda: None)
        await power_cut()  # that boot never learns the time

        board_time.shift(-DAY_S)
        await start()
        assert await phone.answer(1, "B", "a-1") == "accepted"  # its seat is its own still
        board_time.shift(0)  # a day is put right
        board_time.disciplined()
        await lesson.question(2, lambda: None)
        await learnt(scene, 1)
        await power_cut()

        board_time.shift(-3600)
        await start()
        await lesson.question(3, lambda: None)
        assert await phone.answer(3, "B", "a-2") == "accepted"
        await phone.close()
        shown = (await teacher.call("GET", "/lessons"))["lessons"][0]
        assert (shown["opened_at"], shown["clock"]) == (None, "estimated")
        await receive(scene)

        check_three_boots(board_time.boots, lesson)
        listed = await asyncio.to_thread(list_events, stage.database)
        signs = {line.split(maxsplit=2)[2][0] for line in listed if "QuestionOpened" in line}
        assert signs == {"<", "2", "~"}


def check_three_boots(boots: list[str], lesson: Lesson) -> None:
    """One lesson over a boot that never knew the time, one that did, one that thought it did."""
    events = held(lesson.scene)
    by_boot = [[one for one in events if one.boot == boot] for boot in boots]
    never, known, doubtful = by_boot
    assert sum(map(len, by_boot)) == len(events)
    assert {(one.at_ns, one.clock) for one in never} == {(None, "estimated")}
    assert {one.clock for one in known} == {"synced"}
    assert {one.clock for one in doubtful} == {"estimated"}
    of_phone = [one for one in events if '"token":"seat-' in one.body]
    assert len(of_phone) == 2
    for one in of_phone:
        body = json.loads(one.body)
        lesson.pressed[body["token"]] = body["question"]
        lesson.truth_s[body["token"]] = one.received_ns / 1e9
    lesson.check(events)
    for one in answers(lesson.scene):
        if one.boot != boots[0]:
            wrong_s = 0.0 if one.clock == "synced" else -3600.0
            assert abs(lesson.wrong_s(one) - wrong_s) < CLOSE_S
    # What is not known lies between what is.
    assert known[0].at_ns is not None
    assert all(one.not_after_ns == min(one.received_ns, known[0].at_ns) for one in never)
    assert {one.not_before_ns for one in doubtful} == {known[-1].at_ns}


def list_events(database: Path) -> list[str]:
    """What the school's command shows."""
    command = [sys.executable, "-m", "fleet", "events", "--database", str(database)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
