from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

from agent.clock import now_ns
from agent.errors import NotDurable
from agent.intake import CAPACITY, Intake
from agent.journal.store import Journal
from agent.lesson import commands as cmd
from agent.lesson import events as ev
from agent.lesson.errors import LessonRefused
from agent.lesson.events import kept_kind
from agent.lesson.model import Moment, Question, State, Timer
from agent.lesson.replay import replay
from drivers.capabilities import Outcome
from drivers.readings import CardTap, KeyPress, Measurement, RemoteAction, RemoteKey, Token
from tests.lesson.builder import LESSON, PLACE

ASK = cmd.AskQuestion(lesson=LESSON, kind="single", options=["", "", ""])


class Room:
    """An intake on a real journal, and what its devices were told."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal.db"
        self.told: list[tuple[str, Token, Outcome]] = []
        self.journal = Journal(self.path, boot_id="boot-a")

    async def __aenter__(self) -> Room:
        self.journal.open()
        self.intake = Intake(
            self.journal,
            state=State(),
            window_s=0.002,
            now_ns=now_ns,
            name_card=lambda uid: f"hash-of-{uid}",
            confirm=self.confirm,
        )
        await self.intake.begin_epoch(ev.EpochStarted(reason="first_start"), 5)
        await self.intake.submit(cmd.OpenLesson(lesson=LESSON, title="", place=PLACE))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.intake.stop()
        self.journal.close()

    def confirm(self, device: str, outcomes: Sequence[tuple[Token, Outcome]]) -> None:
        self.told += [(device, token, outcome) for token, outcome in outcomes]

    async def press(self, keypad: str, key: str, token: str | None = None) -> None:
        await self.intake.emit(
            KeyPress(device="receiver-1", mono_ns=now_ns(), keypad=keypad, key=key, token=token)
        )

    async def remote(self, action: RemoteAction) -> None:
        await self.intake.emit(RemoteKey(device="presenter", mono_ns=now_ns(), action=action))

    async def measure(self, value: float) -> None:
        one = Measurement(device="air", mono_ns=now_ns(), quantity="co2", value=value, unit="ppm")
        await self.intake.emit(one)

    async def settled(self) -> None:
        while self.intake.waiting:
            await asyncio.sleep(0.001)

    async def until_told(self, count: int) -> None:
        while len(self.told) < count:
            await asyncio.sleep(0.001)

    def flagged(self) -> list[ev.Event]:
        """What was told of keypads, once it can be read."""
        events = [one.event for one in self.journal.after(0, 0)]
        return [one for one in events if isinstance(one, ev.KeypadFlagged)]

    def block_commits(self) -> sqlite3.Connection:
        """Hold the file's write lock, as a second program would."""
        self.journal._db.execute("pragma busy_timeout = 50")  # noqa: SLF001
        other = sqlite3.connect(self.path, isolation_level=None)
        other.execute("begin immediate")
        return other


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with Room(tmp_path) as room:
        yield room


async def test_a_press_is_told_only_when_another_program_can_read_it(room: Room) -> None:
    await room.intake.submit(ASK)
    seen: list[int] = []
    reader = sqlite3.connect(room.path)

    def look() -> None:
        query = "select count(*) from event where kind = ?"
        kept = kept_kind("ResponseRecorded")
        seen.append(reader.execute(query, (kept,)).fetchone()[0])

    room.intake.on_commit(look)
    await room.press("0A", "B", "t1")
    assert room.told == []
    await room.until_told(1)
    reader.close()
    assert room.told == [("receiver-1", "t1", Outcome("accepted"))]
    assert seen == [1]


async def test_two_presses_of_one_commit_see_each_other(room: Room) -> None:
    await room.intake.submit(ASK)
    for token, key in (("t1", "B"), ("t2", "C"), ("t1", "B")):
        await room.press("0A", key, token)
    await room.until_told(3)
    assert [(token, outcome.verdict) for _, token, outcome in room.told] == [
        ("t1", "accepted"),
        ("t2", "changed"),
        ("t1", "accepted"),
    ]
    question = room.intake.committed.lessons[0].questions[0]
    assert question.presses == 2


async def test_a_click_comes_after_what_was_pressed_before_it(room: Room) -> None:
    await room.intake.submit(ASK)
    await room.press("0A", "B")
    await room.intake.submit(cmd.CloseQuestion(lesson=LESSON, question=1))
    kinds = [row.kind for row in room.journal.read(5, 3, 10)]
    assert kinds == ["ResponseRecorded", "QuestionClosed"]


async def test_a_card_is_stored_by_its_hash_alone(room: Room) -> None:
    await room.intake.emit(CardTap(device="reader", mono_ns=now_ns(), uid="0A00B1C2D3"))
    await room.intake.submit(ASK)  # waits for the commit
    tap = next(row for row in room.journal.read(5, 0, 10) if row.kind == "CardTapped")
    assert b"hash-of-" in tap.body
    room.intake.stop()
    room.journal.close()
    assert b'"uid"' not in room.path.read_bytes()


async def test_no_log_has_the_number_of_a_card(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    blocking = room.block_commits()
    await room.intake.emit(CardTap(device="reader", mono_ns=now_ns(), uid="0A00B1C2D3", token="t"))
    with pytest.raises(NotDurable):
        await room.intake.submit(ASK)
    blocking.close()
    assert "a commit failed" in caplog.text
    assert "0A00B1C2D3" not in caplog.text


async def test_the_decided_state_is_the_committed_one_after_the_commit(room: Room) -> None:
    await room.intake.submit(ASK)
    for number in range(50):
        await room.press(f"{number:02X}", "ABCD"[number % 4], f"t{number}")
    await room.until_told(50)
    assert replay(room.journal.after(0, 0)) == room.intake.committed


async def test_a_refused_command_leaves_no_trace(room: Room) -> None:
    before = room.journal.newest()
    with pytest.raises(LessonRefused):
        await room.intake.submit(cmd.OpenLesson(lesson="l2", title="", place=PLACE))
    assert room.journal.newest() == before


async def test_nothing_is_ticked_that_could_not_be_written(room: Room) -> None:
    await room.intake.submit(ASK)
    newest = room.journal.newest()
    other = room.block_commits()
    await room.press("0A", "B", "t1")
    with pytest.raises(NotDurable):
        await room.intake.submit(cmd.CloseQuestion(lesson=LESSON, question=1))
    other.execute("rollback")
    other.close()
    assert room.told == []
    assert room.intake.committed.lessons[0].questions[0].status == "open"
    # the receiver sends it again, and now it counts, with the numbers in order
    await room.press("0A", "B", "t1")
    await room.until_told(1)
    assert room.journal.newest() == (5, newest[1] + 1)
    assert replay(room.journal.after(0, 0)) == room.intake.committed


async def test_what_a_failed_commit_held_is_recorded_in_its_order_when_the_disk_works(
    room: Room,
) -> None:
    await room.intake.submit(ASK)
    other = room.block_commits()
    await room.press("0A", "A", "t1")
    await room.intake.emit(CardTap(device="reader", mono_ns=now_ns(), uid="0A0B", token="c1"))
    while room.journal.ok:
        await asyncio.sleep(0.001)
    await room.press("0A", "B", "t2")
    await room.press("0A", "A", "t1")  # the receiver sends it again: it is no newer answer
    assert room.told == []
    other.execute("rollback")
    other.close()
    await room.until_told(4)
    assert [(token, outcome.verdict) for _, token, outcome in room.told] == [
        ("t1", "accepted"),
        ("t2", "changed"),
        ("t1", "accepted"),
        ("c1", "accepted"),
    ]
    question = room.intake.committed.lessons[0].questions[0]
    assert question.answers["0A"].key == "B"
    assert replay(room.journal.after(0, 0)) == room.intake.committed


async def test_a_full_queue_makes_drivers_wait(room: Room) -> None:
    await room.intake.submit(ASK)
    other = room.block_commits()
    for number in range(CAPACITY):
        await room.press(f"{number % 100:02}", "B", f"t{number}")
    waiting = asyncio.ensure_future(room.press("07", "C", "late"))
    await asyncio.sleep(0)
    assert not waiting.done()
    other.execute("rollback")
    other.close()
    await waiting
    while room.told[-1:] != [("receiver-1", "late", Outcome("changed"))]:
        await asyncio.sleep(0.001)


async def test_a_keypad_pressed_without_end_is_held_back_and_told_in_one_event(room: Room) -> None:
    await room.intake.submit(ASK)
    at_ns = now_ns()
    for number in range(500):
        one = KeyPress(device="receiver-1", mono_ns=at_ns, keypad="0A", key="B", token=f"a{number}")
        await room.intake.emit(one)
    await room.press("0B", "C", "b")
    await room.until_told(501)
    verdicts = Counter(outcome for _, _, outcome in room.told)
    held = Outcome("rejected", "keypad_flood")
    assert verdicts == {Outcome("accepted"): 2, Outcome("changed"): 49, held: 450}
    assert room.intake.keypads.counters("receiver-1")["flood_presses"] == 450
    assert room.intake.keypads.alarms("receiver-1") == ["keypad_flood"]
    room.intake.stop()
    while not room.flagged():
        await asyncio.sleep(0.005)
    [flagged] = room.flagged()
    assert flagged == ev.KeypadFlagged(
        device="receiver-1", keypad="0A", flag="keypad_flood", presses=450, lesson=LESSON
    )
    while replay(room.journal.after(0, 0)) != room.intake.committed:
        await asyncio.sleep(0.005)


async def test_what_was_held_back_is_told_after_a_commit_that_failed(room: Room) -> None:
    await room.intake.submit(ASK)
    at_ns = now_ns()
    for number in range(60):
        one = KeyPress(device="receiver-1", mono_ns=at_ns, keypad="0A", key="B", token=f"a{number}")
        await room.intake.emit(one)
    await room.until_told(60)
    other = room.block_commits()
    while room.journal.ok:
        await asyncio.sleep(0.005)
    other.execute("rollback")
    other.close()
    async with asyncio.timeout(20):
        while not room.flagged():
            await asyncio.sleep(0.02)
    [flagged] = room.flagged()
    assert isinstance(flagged, ev.KeypadFlagged)
    assert flagged.presses == 10


async def test_presses_that_wait_for_a_disk_are_not_taken_for_a_flood(room: Room) -> None:
    await room.intake.submit(ASK)
    other = room.block_commits()
    for number in range(40):
        await room.press("0A", "B", f"t{number}")
    failed = 0

    def count() -> None:
        nonlocal failed
        failed += room.journal.failure is not None

    room.intake.on_commit(count)
    while failed < 2:  # decided three times
        await asyncio.sleep(0.005)
    other.execute("rollback")
    other.close()
    await room.until_told(40)
    assert not [one for *_, one in room.told if one.verdict == "rejected"]


def nearly_over(question: Question) -> None:
    """Let all but 10 ms of its timer have passed."""
    timer = question.timer
    assert timer is not None
    since = Moment(timer.since.boot, now_ns() - timer.left_ms * 1_000_000 + 10_000_000)
    question.timer = msgspec.structs.replace(timer, since=since)


async def test_a_timer_that_is_paused_when_it_runs_out_closes_nothing_until_it_goes_on(
    room: Room,
) -> None:
    await room.intake.submit(
        cmd.AskQuestion(lesson=LESSON, kind="single", options=["", ""], timer_s=5)
    )
    question = room.intake.committed.lessons[0].questions[0]
    at = Moment(room.journal.boot, now_ns() + 4_990_000_000)
    await room.intake.submit(cmd.PauseTimer(lesson=LESSON, question=1, at=at))
    room.intake._step_by_itself(  # noqa: SLF001 (as if it had run out just before the pause)
        cmd.CloseQuestion(lesson=LESSON, question=1, by="timer", timer_changes=0)
    )
    await room.press("0A", "B", "t1")
    await room.until_told(1)
    assert room.told[0][2] == Outcome("accepted")
    await room.intake.submit(cmd.ResumeTimer(lesson=LESSON, question=1, at=at))
    while question.status == "open":
        await asyncio.sleep(0.001)


async def test_the_timer_of_an_earlier_boot_goes_on_with_what_was_left_and_a_pause_stays(
    room: Room,
) -> None:
    await room.intake.submit(
        cmd.AskQuestion(lesson=LESSON, kind="single", options=["", ""], timer_s=60)
    )
    question = room.intake.committed.lessons[0].questions[0]
    room.intake._decided.lessons[0].questions[0].timer = question.timer = Timer(  # noqa: SLF001
        40_000, True, Moment(room.journal.boot - 1, 5)
    )
    room.intake.set_timer()
    while question.timer is None or question.timer.since.boot != room.journal.boot:
        await asyncio.sleep(0.001)
    assert (question.timer.left_ms, question.timer.running) == (40_000, True)
    at = Moment(room.journal.boot, now_ns())
    await room.intake.submit(cmd.PauseTimer(lesson=LESSON, question=1, at=at))
    paused = Timer(30_000, False, Moment(room.journal.boot - 1, 5), 2)
    room.intake._decided.lessons[0].questions[0].timer = question.timer = paused  # noqa: SLF001
    room.intake.set_timer()
    await room.press("0A", "B", "t1")
    await room.until_told(1)
    assert question.timer == paused


async def test_a_timer_closes_its_question(room: Room) -> None:
    await room.intake.submit(
        cmd.AskQuestion(lesson=LESSON, kind="single", options=["", ""], timer_s=5)
    )
    question = room.intake.committed.lessons[0].questions[0]
    nearly_over(question)
    room.intake.set_timer()
    while question.status == "open":
        await asyncio.sleep(0.001)
    closed = next(row for row in room.journal.read(5, 0, 10) if row.kind == "QuestionClosed")
    assert b'"by":"timer"' in closed.body


async def test_without_room_presses_and_cards_are_refused_and_nothing_is_recorded(
    room: Room,
) -> None:
    await room.intake.submit(ASK)
    await room.press("0A", "B", "t1")
    await room.until_told(1)
    before = room.journal.newest()
    room.intake.full = True
    await room.press("0B", "B", "t2")
    await room.press("0A", "B", "t1")  # the same press again: it was recorded
    tap = CardTap(device="reader-1", mono_ns=now_ns(), uid="01", token="t3")
    await room.intake.emit(tap)
    await room.until_told(4)
    assert room.told[1:] == [
        ("receiver-1", "t2", Outcome("rejected", "storage_full")),
        ("receiver-1", "t1", Outcome("accepted")),
        ("reader-1", "t3", Outcome("rejected", "storage_full")),
    ]
    assert room.journal.newest() == before
    with pytest.raises(NotDurable, match="storage_full"):
        await room.intake.submit(ASK)
    await room.intake.submit(cmd.CloseQuestion(lesson=LESSON, question=1))
    room.intake.full = False
    await room.intake.submit(ASK)
    await room.press("0B", "B", "t2")
    await room.until_told(5)
    assert room.told[4] == ("receiver-1", "t2", Outcome("accepted"))


async def test_a_presenter_closes_and_reveals_with_no_page_open(room: Room) -> None:
    await room.intake.submit(ASK)
    await room.press("0A", "B", "t1")
    await room.remote("next")
    await room.press("0A", "C", "t2")
    await room.remote("next")
    await room.settled()
    question = room.intake.committed.lessons[0].questions[0]
    assert (question.status, question.show, question.answers["0A"].key) == ("revealed", "key", "B")
    kinds = [row.kind for row in room.journal.read(5, 3, 10)]
    assert kinds == ["ResponseRecorded", "QuestionClosed", "PressUnasked", "QuestionRevealed"]
    assert replay(room.journal.after(0, 0)) == room.intake.committed


async def test_what_leads_to_nothing_is_counted_by_device(room: Room) -> None:
    before = room.journal.newest()
    for _ in range(3):
        await room.remote("next")  # nothing was asked
    await room.measure(float("nan"))
    await room.settled()
    assert room.intake.unheeded == {"presenter": 3, "air": 1}
    assert room.journal.newest() == before


async def test_a_value_of_a_sensor_is_recorded_with_its_time(room: Room) -> None:
    await room.measure(812.0)
    await room.measure(813.5)
    await room.settled()
    newest = room.intake.committed.measured["air"]
    assert (newest.quantity, newest.value, newest.unit) == ("co2", 813.5, "ppm")
    rows = [row for row in room.journal.read(5, 0, 10) if row.kind == "Measured"]
    assert [row.mono_ns for row in rows][-1] == newest.at.mono_ns
    assert replay(room.journal.after(0, 0)) == room.intake.committed


async def test_without_room_a_value_is_counted_and_a_presenter_still_closes(room: Room) -> None:
    await room.intake.submit(ASK)
    room.intake.full = True
    await room.measure(812.0)
    await room.remote("next")
    await room.settled()
    assert room.intake.committed.measured == {}
    assert room.intake.unheeded == {"air": 1}
    assert room.intake.committed.lessons[0].questions[0].status == "closed"


async def test_a_presenters_key_that_could_not_be_written_is_not_pressed_again_later(
    room: Room,
) -> None:
    await room.intake.submit(ASK)
    other = room.block_commits()
    await room.remote("next")
    await room.press("0A", "B", "t1")
    while room.journal.ok:
        await asyncio.sleep(0.001)
    other.execute("rollback")
    other.close()
    await room.until_told(1)
    question = room.intake.committed.lessons[0].questions[0]
    assert (question.status, question.answers["0A"].key) == ("open", "B")
    assert room.intake.unheeded == {"presenter": 1}
