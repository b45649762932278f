"""A whole lesson played without a person: asked, answered, closed, revealed, received, measured."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Callable
from functools import partial
from random import Random

import msgspec

from agent.demo.browser import TeacherPage
from agent.demo.ledger import Percentiles, count_duplicates
from agent.demo.pupils import choices
from agent.demo.scene import CLASS_ID, Scene
from agent.demo.stage import journal_bytes, journal_newest
from agent.lesson.events import QuestionKind
from agent.lesson.questions import normalise
from agent.web.views import TeacherView

KINDS: tuple[tuple[QuestionKind, int], ...] = (
    ("single", 4),
    ("true_false", 0),
    ("multiple", 5),
    ("number", 0),
    ("buzz", 0),
)
OUTSIDE = 5
SETTLE_S = 10.0
RECEIPT_S = 30.0

Say = Callable[[str], None]


class Figures(msgspec.Struct, kw_only=True):
    """What a run measured. Bytes and ms; memory in MB (10^6 bytes).

    Attributes:
        presses: keys pressed by the virtual students, clickers and phones.
        refused_full: presses that the receiver had no room for; their clickers got no tick.
        unticked: presses whose clicker or phone never showed an outcome.
        responses: of the presses in the school's database, those that count as answers.
        cloud_received: presses found in the ingest's own database.
        lost: presses that are not in it.
        duplicates: presses that are in it more than once.
        press_to_page_ms: until the teacher's page was sent a view that shows the answer.
        press_to_cloud_ms: until the school's receipt, sent after its commit, was on the broker.
        disk_bytes_per_answer: growth of the journal's files, write-ahead log included.
        rss_mb: the most memory the agent held.
        agent_cpu_ms_per_press: processor time of the agent, its pages included.
    """

    students: int
    clickers: int
    phones: int
    questions: int
    presses: int
    refused_full: int
    unticked: int
    responses: int
    cloud_received: int
    lost: int
    duplicates: int
    press_to_page_ms: Percentiles
    press_to_cloud_ms: Percentiles
    disk_bytes_per_answer: float | None
    rss_mb: float
    agent_cpu_ms_per_press: float | None
    seconds: float
    broker: str
    machine: str


async def play(scene: Scene, *, questions: int, say: Say = lambda _: None) -> Figures:
    """Play a lesson of so many questions, and measure it."""
    stage, classroom, teacher = scene.stage, scene.classroom, scene.teacher
    began_s = asyncio.get_running_loop().time()
    bytes_before, cpu_before_s = journal_bytes(stage.data_dir), stage.agent.cpu_s()
    scene.let_answer()
    await classroom.press_outside(OUTSIDE)
    opened = await teacher.call("POST", "/lessons", {"class_id": CLASS_ID, "title": "demo"})
    lesson = opened["id"]
    await teacher.until(lambda view: view.lesson is not None)
    await settle(scene)
    for number in range(1, questions + 1):
        kind, options = KINDS[(number - 1) % len(KINDS)]
        await ask(teacher, lesson, kind, options, scene.rng)
        say(f"question {number} of {questions}: {kind}")
        await teacher.until(partial(_asked, number))
        await settle(scene)
        await teacher.call("POST", f"/lessons/{lesson}/questions/{number}/close")
        await teacher.call("POST", f"/lessons/{lesson}/questions/{number}/reveal")
        stage.check()
    await classroom.press_outside(OUTSIDE)
    await settle(scene)
    await teacher.call("POST", f"/lessons/{lesson}/end")
    say("waiting for the school's receipt")
    await receive(scene)
    return figures(
        scene,
        questions=questions,
        journal_growth_bytes=journal_bytes(stage.data_dir) - bytes_before,
        cpu_s=stage.agent.cpu_s() - cpu_before_s,
        seconds=asyncio.get_running_loop().time() - began_s,
    )


def _asked(number: int, view: TeacherView) -> bool:
    question = None if view.lesson is None else view.lesson.question
    return question is not None and question.asked.number == number


async def ask(
    teacher: TeacherPage, lesson: str, kind: QuestionKind, options: int, rng: Random
) -> None:
    """Ask a question with a key."""
    right = normalise(kind, options, rng.choice(choices(kind, options)))
    key = None if kind == "buzz" else [right]
    body = {"kind": kind, "options": [""] * options, "key": key}
    await teacher.call("POST", f"/lessons/{lesson}/questions", body)


async def settle(scene: Scene) -> None:
    """Wait until all have pressed and every light is on; give up on lights after a while."""
    deadline_s = asyncio.get_running_loop().time() + SETTLE_S
    while scene.classroom.answering or scene.ledger.unticked:
        if asyncio.get_running_loop().time() > deadline_s:
            return
        await asyncio.sleep(0.02)


async def receive(scene: Scene) -> None:
    """Wait until the school's receipt covers the board's newest event; give up after a while."""
    deadline_s = asyncio.get_running_loop().time() + RECEIPT_S
    while asyncio.get_running_loop().time() < deadline_s:
        epoch, seq = journal_newest(scene.stage.data_dir)
        if scene.receipts.upto(epoch) >= seq:
            return
        await asyncio.sleep(0.05)


def figures(
    scene: Scene, *, questions: int, journal_growth_bytes: int, cpu_s: float, seconds: float
) -> Figures:
    """Put the figures of a run together, from the school's own database."""
    ledger, agent = scene.ledger, scene.stage.agent
    held = ledger.compare(scene.stage.database, scene.receipts)
    ours = [one for one in held if one.token in ledger.presses]
    presses, received = len(ledger.presses), {one.token for one in ours}
    return Figures(
        students=len(scene.classroom.pupils) + len(scene.classroom.phones),
        clickers=len(scene.classroom.pupils),
        phones=len(scene.classroom.phones),
        questions=questions,
        presses=presses,
        refused_full=ledger.refused,
        unticked=ledger.unticked,
        responses=len({one.token for one in ours if one.kind == "ResponseRecorded"}),
        cloud_received=len(received),
        lost=presses - len(received),
        duplicates=count_duplicates(ours),
        press_to_page_ms=ledger.latency_ms("shown_ns"),
        press_to_cloud_ms=ledger.latency_ms("received_ns"),
        disk_bytes_per_answer=round(journal_growth_bytes / presses, 1) if presses else None,
        rss_mb=round(agent.peak_rss_mb(), 1),
        agent_cpu_ms_per_press=round(cpu_s * 1000 / presses, 3) if presses else None,
        seconds=round(seconds, 1),
        broker=scene.broker,
        machine=f"{platform.machine()}, Python {platform.python_version()}",
    )
