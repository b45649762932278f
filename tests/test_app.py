"""A whole board, started on what an earlier run of it left behind."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from agent import clock
from agent.app import Board
from agent.demo.broker import LocalBroker, free_port
from agent.errors import AgentError, NotDurable
from agent.intake import Intake
from agent.journal import damage, restore, snapshot
from agent.journal.recovery import open_journal
from agent.journal.store import Journal
from agent.lesson import commands as cmd
from agent.lesson import events as ev
from agent.lesson.model import Moment, Question, State
from agent.settings import CloudSection, DeviceSection, Settings
from agent.wire.payloads import Receipt, encode
from agent.wire.topics import Address
from drivers.readings import KeyPress
from drivers.sim.receiver import PtyLine, Shown, VirtualReceiver
from tests.cloud.school import School, until
from tests.cloud.visitor import Visitor
from tests.lesson.builder import LESSON, PLACE

AN_HOUR_NS = 3600 * 10**9
ADDRESS = Address("3304", "330402", "s012", "r301", "board-1")
ASK = cmd.AskQuestion(lesson=LESSON, kind="single", options=["", ""], timer_s=5)


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    """Of a board that was killed an hour ago, with a question of five seconds open."""
    journal = Journal(tmp_path / "journal.db", boot_id=clock.this_boot())
    journal.open()
    intake = Intake(
        journal,
        state=State(),
        window_s=0,
        now_ns=lambda: clock.now_ns() - AN_HOUR_NS,
        name_card=str,
        confirm=lambda device, outcomes: None,
    )
    await intake.begin_epoch(ev.EpochStarted(reason="first_start"), 5)
    await intake.submit(cmd.OpenLesson(lesson=LESSON, title="", place=PLACE))
    await intake.submit(ASK)
    intake.stop()
    journal.close()
    return Settings.model_validate(
        {
            "agent": {"device_id": "board-1", "data_dir": tmp_path},
            "place": {"city": "3304", "county": "330402", "school": "s012", "room": "r301"},
            "web": {"host": "127.0.0.1", "port": free_port()},
        }
    )


def asked(board: Board) -> Question:
    lesson = board.intake.committed.lesson
    assert lesson is not None
    assert lesson.current is not None
    return lesson.current


async def test_a_question_whose_time_ran_out_meanwhile_is_closed(settings: Settings) -> None:
    async with Board(settings) as board:
        while asked(board).status == "open":
            await asyncio.sleep(0.01)
        closed = [row for row in board.journal.read(5, 0, 50) if row.kind == "QuestionClosed"]
    assert [ev.decode_body(row.kind, row.body) for row in closed] == [
        ev.QuestionClosed(lesson=LESSON, question=1, by="timer")
    ]


async def test_a_round_its_paused_timer_and_an_entered_answer_are_there_after_a_restart(
    settings: Settings,
) -> None:
    async with Board(settings) as board:
        intake = board.intake
        press = KeyPress(
            device="r", mono_ns=clock.now_ns() - AN_HOUR_NS + 10**9, keypad="0A", key="A"
        )
        await intake.emit(press)
        await intake.submit(cmd.AskAgain(lesson=LESSON, question=1))
        at = Moment(board.journal.boot, clock.now_ns())
        await intake.submit(cmd.PauseTimer(lesson=LESSON, question=2, at=at))
        await intake.submit(cmd.EnterAnswer(lesson=LESSON, question=2, who="0A", key="B"))
        before = asked(board)
    async with Board(settings) as board:
        assert asked(board) == before
        assert (before.round, before.status, before.entered["0A"].key) == (2, "open", "B")
        assert before.timer is not None
        assert not before.timer.running
        late = KeyPress(
            device="r", mono_ns=clock.now_ns() - AN_HOUR_NS + 10**9, keypad="0B", key="B"
        )
        await board.intake.emit(late)  # kept by its receiver since the first round
        first = board.intake.committed.lessons[-1].questions[0]
        while "0B" not in first.answers:
            await asyncio.sleep(0.005)
        assert set(first.answers) == {"0A", "0B"}


async def test_a_board_that_stops_leaves_a_snapshot_of_its_last_event(settings: Settings) -> None:
    async with Board(settings) as board:
        await board.intake.submit(cmd.EndLesson(lesson=LESSON))
        committed = board.intake.committed
    journal = Journal(settings.agent.data_dir / "journal.db", boot_id=clock.this_boot())
    journal.open()
    assert snapshot.recover(journal) == committed
    kept = journal.snapshot()
    assert kept is not None
    assert kept[0] == snapshot.fingerprint()
    assert (committed.epoch, committed.seq) == journal.newest()
    journal.close()


async def test_a_receiver_is_answered_after_the_disk_failed_for_a_while(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    shown: list[Shown] = []
    receiver = VirtualReceiver(now_ns=clock.now_ns, on_shown=shown.append)
    async with PtyLine(receiver, clock.now_ns) as line:
        plugged = {"id": "receiver-1", "driver": "clicker.reference", "port": line.path}
        devices = [DeviceSection.model_validate(plugged)]
        async with Board(settings.model_copy(update={"devices": devices})) as board:
            receiver.press("0000000A", "A")
            await until(lambda: len(shown) == 1)
            board.journal._db.execute("pragma busy_timeout = 50")  # noqa: SLF001 (not 5 s)
            other = sqlite3.connect(board.journal.path, isolation_level=None)
            other.execute("begin immediate")
            receiver.press("0000000A", "B")
            await until(lambda: "a commit failed" in caplog.text)
            other.close()
            receiver.press("0000000A", "C")
            await until(lambda: len(shown) == 3)
            assert receiver.waiting == 0


async def test_a_board_whose_names_somebody_else_uses_goes_on_under_new_ones(
    settings: Settings, tmp_path: Path
) -> None:
    with LocalBroker("iotcore", tmp_path / "broker") as broker:
        school = School(broker.url, tmp_path / "school.db")
        cloud = CloudSection(url=broker.url)
        async with Board(settings.model_copy(update={"cloud": cloud})) as board:
            with Visitor(broker.port, ADDRESS.up("state")) as visitor:
                await until(lambda: len(visitor.heard) > 0)
                copy = Receipt(epoch=5, upto=board.intake.committed.seq + 40)
                for _ in range(2):
                    visitor.say(ADDRESS.dn("ack"), encode(copy))
                await until(lambda: board.intake.committed.epoch > 5)
            await board.intake.submit(cmd.EndLesson(lesson=LESSON))
            school.start()
            try:
                state = board.intake.committed
                await until(lambda: (state.epoch, state.seq) in school.held("board-1"))
            finally:
                school.stop()
            first = board.journal.read(state.epoch, 0, 1)[0]
        assert ev.decode_body(first.kind, first.body) == ev.EpochStarted(reason="name_taken")


async def test_what_fails_in_a_callback_ends_the_agent(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with Board(settings) as board:
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        assert await asyncio.wait_for(board.until(asyncio.Event()), 10) == "crashed"
    assert "a callback crashed" in caplog.text


async def test_who_is_told_to_stop_does_not_start_again(settings: Settings) -> None:
    async with Board(settings) as board:
        mark = board.journal.path.parent / damage.SUSPECT
        board.journal.damaged = True
        stopped = asyncio.Event()
        assert await board.until(stopped) == "again"
        mark.unlink()
        stopped.set()
        assert await board.until(stopped) == "stopped"
        assert mark.exists()  # the next start looks after it all the same


async def test_a_restored_journal_whose_epoch_was_not_written_tries_again(
    settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "journal.db"
    journal = Journal(path, boot_id=clock.this_boot())
    journal.open()
    journal.note(restore.RESTORED_NOTE, "1")
    journal.close()
    opened = open_journal(path, boot_id=clock.this_boot())
    assert opened.restored
    board = Board(settings)
    board.intake = Intake(
        opened.journal,
        state=opened.state,
        window_s=0,
        now_ns=clock.now_ns,
        name_card=str,
        confirm=lambda device, outcomes: None,
    )
    opened.journal._db.execute("pragma busy_timeout = 0")  # noqa: SLF001 (not 5 s)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(NotDurable):
        await board._begin_epoch(opened)  # noqa: SLF001 (no step of its own)
    other.close()
    board.intake.stop()
    opened.journal.close()
    async with Board(settings) as board:
        await until(lambda: board.journal.noted(restore.RESTORED_NOTE) == "0")
        first = board.journal.read(board.intake.committed.epoch, 0, 1)[0]
    assert ev.decode_body(first.kind, first.body) == ev.EpochStarted(reason="restored")


async def test_a_data_dir_that_cannot_be_made_is_named(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "taken"
    file.write_text("not a folder", encoding="ascii")
    agent = settings.agent.model_copy(update={"data_dir": file / "data"})
    with pytest.raises(AgentError) as caught:
        async with Board(settings.model_copy(update={"agent": agent})):
            pass
    assert (caught.value.code, caught.value.where) == ("data_dir_unusable", str(file / "data"))
