"""What is deleted, and what never is."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.clock import now_ns
from agent.intake import Intake
from agent.journal import receipt, retention, snapshot
from agent.journal.space import MB, Room, measured
from agent.journal.store import Journal
from agent.lesson import commands as cmd
from agent.lesson import events as ev
from agent.lesson.model import LessonSpan, Moment, Position
from agent.pictures import PictureStore, of_lessons
from agent.settings import JournalSection
from agent.storage import Storage
from drivers.readings import KeyPress
from tests.lesson.builder import PLACE

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
A_DAY = timedelta(days=1)
ASIDE = ("LessonOpened", "QuestionOpened", "ResponseRecorded")


def span(number: int, *, ended: bool = True, day: int | None = None) -> LessonSpan:
    first = 1 + number * 10
    return LessonSpan(
        id=f"l{number}",
        title="",
        class_id=None,
        opened=Moment(1, number if day is None else day),
        first=Position(5, first),
        last=Position(5, first + 9),
        ended=ended,
    )


def days(moment: Moment) -> datetime | None:
    return BEGIN + A_DAY * moment.mono_ns


LESSONS = [span(number) for number in range(30)]


def old(spans: list[LessonSpan], *, received: int = 10_000, day: int | None = 100) -> list[str]:
    found = retention.old_lessons(
        spans,
        received=Position(5, received),
        wall=days,
        before=None if day is None else BEGIN + A_DAY * day,
    )
    return [one.id for one in found]


def test_old_lessons_go_but_the_newest_twenty_stay() -> None:
    assert old(LESSONS) == [f"l{number}" for number in range(10)]


def test_young_lessons_stay() -> None:
    assert old(LESSONS, day=4) == ["l0", "l1", "l2", "l3"]


def test_where_room_is_short_their_age_does_not_count() -> None:
    assert old(LESSONS, day=None) == [f"l{number}" for number in range(10)]


def test_nothing_goes_that_the_school_does_not_have() -> None:
    assert old(LESSONS, received=45) == ["l0", "l1", "l2", "l3"]
    assert old(LESSONS, received=0) == []


def test_a_lesson_whose_end_was_lost_holds_up_nothing() -> None:
    lessons = [*LESSONS[:3], span(3, ended=False), *LESSONS[4:]]
    assert old(lessons) == old(LESSONS)


def test_the_open_lesson_stays_for_it_is_the_newest() -> None:
    lessons = [*LESSONS[:-1], span(29, ended=False)]
    assert old(lessons, day=None) == [f"l{number}" for number in range(10)]


def test_a_lesson_of_unknown_time_is_as_old_as_the_next_that_is_known() -> None:
    def some(moment: Moment) -> datetime | None:
        return days(moment) if moment.mono_ns % 3 == 2 else None

    found = retention.old_lessons(
        LESSONS, received=Position(5, 10_000), wall=some, before=BEGIN + A_DAY * 6
    )
    assert [one.id for one in found] == ["l0", "l1", "l2", "l3", "l4", "l5"]


# -- a board over many days -------------------------------------------------------------------


class Term:
    """A board whose days pass quickly. The school has everything, at the end of each day."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal.db"
        self.today = BEGIN
        self.days: dict[str, datetime] = {}
        self.lessons = 0
        self.whole = True
        self.received = Position(0, 0)
        self.journal = Journal(self.path, boot_id="boot-a")

    async def __aenter__(self) -> Term:
        self.journal.open()
        self.intake = Intake(
            self.journal,
            state=snapshot.recover(self.journal),
            window_s=0,
            now_ns=now_ns,
            name_card=str,
            confirm=lambda device, outcomes: None,
        )
        if self.journal.newest() == (0, 0):
            await self.intake.begin_epoch(ev.EpochStarted(reason="first_start"), 5)
            await self.intake.submit(
                cmd.ReplaceRoster(class_id="7-3", students=["s-1"], keypads={"01": "s-1"})
            )
        self.storage = Storage(
            self.journal,
            self.intake,
            JournalSection(keep_days=5, reserve_mb=0),
            whole=self.whole,
            received=lambda: self.received,
            wall=self.wall,
            now=lambda: self.today,
            pictures=PictureStore(
                self.path.parent / "pictures",
                bound_bytes=10 * MB,
                named=lambda: of_lessons(self.intake.committed),
            ),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self.intake.stop()
        self.journal.close()

    def wall(self, opened: Moment) -> datetime | None:
        spans = self.intake.committed.spans.values()
        return next(self.days[one.id] for one in spans if one.opened == opened)

    async def teach_a_day(self) -> None:
        for _ in range(5):
            lesson = f"lesson-{self.lessons}"
            self.lessons += 1
            self.days[lesson] = self.today
            await self.intake.submit(cmd.OpenLesson(lesson=lesson, title="", place=PLACE))
            await self.intake.submit(
                cmd.AskQuestion(lesson=lesson, kind="single", options=["", ""])
            )
            for number in range(30):
                press = KeyPress(
                    device="receiver-1", mono_ns=now_ns(), keypad=f"{number:02X}", key="A"
                )
                await self.intake.emit(press)
            await self.intake.submit(cmd.EndLesson(lesson=lesson))
        self.today += A_DAY

    async def receive(self) -> None:
        self.received = Position(*self.journal.newest())
        note = receipt.written(*self.journal.newest())

        def write(db: sqlite3.Connection) -> bool:  # as `note`, and at once
            db.execute("insert or replace into meta values(?,?)", (receipt.NOTE, note))
            return False

        self.journal.do(write)
        while self.journal.noted(receipt.NOTE) != note:
            await asyncio.sleep(0.01)

    async def tidy(self) -> None:
        while self.storage.tidy() or self.journal.chores:
            await asyncio.sleep(0.01)

    def pages(self) -> int:
        """Of the file, free ones too."""
        with closing(sqlite3.connect(self.path)) as db:
            return int(db.execute("pragma page_count").fetchone()[0])

    def kinds(self) -> list[str]:
        return [type(one.event).__name__ for one in self.journal.after(0, 0)]


@pytest.fixture
async def term(tmp_path: Path) -> AsyncIterator[Term]:
    async with Term(tmp_path) as term:
        yield term


async def test_over_twenty_four_school_days_the_file_stays_flat(term: Term) -> None:
    pages = []
    for day in range(24):
        await term.teach_a_day()
        if day % 4 == 3:
            await term.receive()
            await term.tidy()
            pages.append(term.pages())
    assert term.lessons == 120
    assert len(term.intake.committed.spans) == 25  # five days of five
    assert max(pages[3:]) <= 1.1 * max(pages[:3])
    assert snapshot.recover(term.journal, afresh=True).spans == term.intake.committed.spans


async def test_class_lists_and_keypads_outlast_the_lessons(term: Term) -> None:
    for _ in range(8):
        await term.teach_a_day()
    await term.receive()
    await term.tidy()
    kinds = term.kinds()
    assert kinds[:3] == ["EpochStarted", "RosterReplaced", "BindingMade"]
    assert kinds.count("LessonOpened") == 25
    again = snapshot.recover(term.journal, afresh=True)
    live = term.intake.committed
    assert (again.classes, again.spans) == (live.classes, live.spans)


async def test_what_the_school_could_not_take_stays_however_old(term: Term) -> None:
    for _ in range(8):
        await term.teach_a_day()
    rows = term.journal.read(5, 0, 60)
    poison = [next(one.seq for one in rows if one.kind == kind) for kind in ASIDE]
    for seq in poison:
        term.journal.put_aside(5, seq, "bad_batch")
    await term.receive()
    await term.tidy()
    oldest = [one.seq for one in term.journal.after(5, 3) if one.seq <= rows[-1].seq]
    assert oldest == poison[1:]
    again = snapshot.recover(term.journal, afresh=True)
    assert again.spans == term.intake.committed.spans


async def test_without_a_receipt_nothing_goes_however_old(term: Term) -> None:
    for _ in range(8):
        await term.teach_a_day()
    before = term.kinds()
    await term.tidy()
    assert term.kinds() == before
    assert len(term.intake.committed.spans) == 40


async def test_nothing_goes_whose_receipt_is_not_on_the_disk_yet(term: Term) -> None:
    for _ in range(8):
        await term.teach_a_day()
    before = term.kinds()
    term.received = Position(*term.journal.newest())
    await term.tidy()
    assert term.kinds() == before  # or a board that is killed now would declare them lost
    await term.receive()
    await term.tidy()
    assert term.kinds().count("LessonOpened") == 25


def replayed(term: Term) -> list[str]:
    return list(snapshot.recover(term.journal, afresh=True).spans)


async def begin_to_delete(term: Term) -> None:
    for _ in range(8):
        await term.teach_a_day()
    await term.receive()
    while len(term.intake.committed.spans) > 25:  # a snapshot comes first
        term.storage.tidy()
        await asyncio.sleep(0)


async def test_a_deletion_that_the_disk_refused_is_tried_again(term: Term) -> None:
    with closing(sqlite3.connect(term.path, isolation_level=None)) as other:
        term.journal._db.execute("pragma busy_timeout=0")  # noqa: SLF001
        await begin_to_delete(term)
        other.execute("begin immediate")
        while term.journal.chores:
            await asyncio.sleep(0.01)
        assert len(replayed(term)) > 25
    await term.tidy()
    assert replayed(term) == list(term.intake.committed.spans)
    assert len(replayed(term)) == 25


async def test_a_deletion_that_a_stop_cut_off_goes_on_at_the_next_start(tmp_path: Path) -> None:
    async with Term(tmp_path) as term:
        await begin_to_delete(term)
        snapshot.keep(term.journal, term.intake.committed)
    async with Term(tmp_path) as again:
        again.days, again.today, again.received = term.days, term.today, term.received
        assert len(replayed(again)) > len(again.intake.committed.spans) == 25
        await again.tidy()
        assert replayed(again) == list(again.intake.committed.spans)


async def test_a_board_of_few_lessons_begins_no_deletion_at_its_start(term: Term) -> None:
    press = KeyPress(device="receiver-1", mono_ns=now_ns(), keypad="01", key="A")
    await term.intake.emit(press)
    for _ in range(3):
        await term.teach_a_day()
    await term.receive()
    snapshot.keep(term.journal, term.intake.committed)
    while term.journal.covered() < term.received:
        await asyncio.sleep(0.01)
    before = term.kinds()
    assert "PressUnasked" in before
    await term.tidy()
    assert term.kinds() == before


async def test_lessons_that_a_salvaged_state_does_not_know_yet_are_no_leftovers(
    tmp_path: Path,
) -> None:
    async with Term(tmp_path) as term:
        for _ in range(8):
            await term.teach_a_day()
        await term.receive()
        term.intake.forget_lessons([f"lesson-{number}" for number in range(20)])
        snapshot.keep(term.journal, term.intake.committed)
    salvaged = Term(tmp_path)
    salvaged.whole = False
    async with salvaged as again:
        again.days, again.today, again.received = term.days, term.today, term.received
        assert len(again.intake.committed.spans) == 20
        before = again.kinds()
        await again.tidy()
        assert again.kinds() == before


# -- a disk that does not answer --------------------------------------------------------------


async def test_a_damaged_file_that_is_gone_when_looked_at_stops_nothing(
    term: Term, tmp_path: Path
) -> None:
    (tmp_path / "journal.damaged-1.db").write_bytes(b"damaged")
    term.storage.look()
    (tmp_path / "journal.damaged-2.db").symlink_to(tmp_path / "gone")
    term.storage.look()
    assert term.storage.state.damaged_files == 1


async def test_old_lessons_are_looked_for_again_when_the_journal_could_not_be_read(
    term: Term,
) -> None:
    for _ in range(8):
        await term.teach_a_day()
    await term.receive()
    reader = term.journal._reader  # noqa: SLF001
    reader.set_progress_handler(lambda: 1, 1)  # no query comes to its end
    assert not term.storage.tidy()
    reader.set_progress_handler(None, 0)
    await term.tidy()
    assert len(term.intake.committed.spans) == 25


async def test_damage_that_a_chore_meets_is_told_as_a_commit_would(term: Term) -> None:
    def meets(db: sqlite3.Connection) -> bool:
        return bool(db.execute("select * from no_such_table").fetchall())

    term.journal.do(meets)
    while term.journal.chores:
        await asyncio.sleep(0.01)
    assert term.journal.damaged


# -- room -------------------------------------------------------------------------------------


async def test_room_is_low_before_it_is_full_and_full_until_some_is_free_again(
    term: Term,
) -> None:
    await term.teach_a_day()
    used_bytes = term.journal.used_bytes()

    def room(share: float, before: Room = "ok") -> Room:
        bound = used_bytes / share / MB
        return measured(term.journal, bound_mb=bound, reserve_mb=0, before=before).room  # type: ignore[arg-type]

    assert [room(share) for share in (0.5, 0.79, 0.81, 0.99, 1.01)] == [
        *("ok", "ok", "low", "low", "full"),
    ]
    assert [room(share, "full") for share in (0.97, 0.99, 1.01)] == ["low", "full", "full"]
