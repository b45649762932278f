from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.lesson.events import ClockLearnt, Event, EventLost, LessonEnded, encode_body
from agent.wire.payloads import (
    MAX_ITEMS,
    SET_ASIDE,
    Batch,
    BoardState,
    ClockQuality,
    Item,
    Receipt,
    RollUp,
    decode_ack,
    encode,
)
from agent.wire.topics import Address
from fleet.schema import SCHEMA, TIMED_EVENT
from fleet.store import Store, StoreUnusable, Taken

BOARD = Address("4403", "440305", "s012", "r301", "board-1")
MOVED = BOARD._replace(room="r302")
OTHER = BOARD._replace(device="board-2")
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
START_NS = int(START.timestamp()) * 1_000_000_000


def item(
    seq: int,
    event: Event | None = None,
    *,
    boot: str = "boot-1",
    at: datetime | None = START,
    **changed: Any,
) -> Item:
    event = event or LessonEnded(lesson="l-1")
    quality: ClockQuality = "synced" if at else "estimated"
    return msgspec.structs.replace(
        Item(
            seq=seq,
            kind=type(event).__name__,
            v=1,
            boot=boot,
            mono_ns=seq * 1000,
            at=at,
            clock=quality,
            body=msgspec.Raw(encode_body(event)),
        ),
        **changed,
    )


def take(store: Store, *items: Item, epoch: int = 1, board: Address = BOARD) -> Taken:
    with store.transaction():
        return store.take(board, Batch(epoch=epoch, items=list(items)), now_ns=7)


def held(store: Store, board: Address = BOARD) -> list[tuple[int, int]]:
    return [(event.epoch, event.seq) for event in store.events(board.device)]


def test_a_batch_is_filed_and_received(store: Store) -> None:
    assert take(store, item(1), item(2)) == (Receipt(epoch=1, upto=2), 2, 0, False, 0)
    event = next(store.events())
    assert event == (
        *("board-1", 1, 1, "boot-1", 1000, START_NS, "synced", "LessonEnded", 1),
        *('{"lesson":"l-1"}', BOARD.place, 7, None, None),
    )


def test_what_comes_again_is_counted_and_not_filed(store: Store) -> None:
    take(store, item(1), item(2))
    taken = take(store, item(2, LessonEnded(lesson="another")), item(3))
    assert taken == (Receipt(epoch=1, upto=3), 1, 1, False, 0)
    assert held(store) == [(1, 1), (1, 2), (1, 3)]
    assert {event.body for event in store.events()} == {'{"lesson":"l-1"}'}
    assert store.duplicates() == 1


def test_nothing_is_filed_over_a_gap(store: Store) -> None:
    take(store, item(1))
    assert take(store, item(3), item(4)) == (Receipt(epoch=1, upto=1), 0, 0, True, 0)
    assert held(store) == [(1, 1)]


def test_epochs_and_boards_are_numbered_apart(store: Store) -> None:
    take(store, item(1), item(2))
    assert take(store, item(1), epoch=3).receipt == Receipt(epoch=3, upto=1)
    assert take(store, item(1), board=OTHER).receipt == Receipt(epoch=1, upto=1)
    assert held(store) == [(1, 1), (1, 2), (3, 1)]
    assert store.receipts("board-1") == [Receipt(epoch=1, upto=2), Receipt(epoch=3, upto=1)]
    assert store.receipts("nobody") == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"kind": "NeverHeardOf"}, "kind_unknown"),
        ({"v": 2}, "version_unknown"),
        ({"body": msgspec.Raw(b"{}")}, "body_invalid"),
        ({"body": msgspec.Raw(b"7")}, "body_invalid"),
        ({"body": msgspec.Raw(b'{"lesson":"l-1","x":"\xff"}')}, "body_invalid"),
        (
            {
                "kind": "ClockLearnt",
                "body": msgspec.Raw(b'{"boot":"b","offset_ns":%d,"uncertainty_ns":1}' % 2**63),
            },
            "body_invalid",
        ),
    ],
)
def test_what_cannot_be_filed_is_kept_apart_and_counts_as_received(
    store: Store, changed: dict[str, Any], code: str
) -> None:
    taken = take(store, item(1), item(2, **changed), item(3))
    assert taken.receipt == Receipt(epoch=1, upto=3, rejected=[2])
    assert held(store) == [(1, 1), (1, 3)]
    assert store.count("quarantine") == 1
    assert store.quarantined("board-1") == [(1, 2, code)]


def test_a_receipt_that_is_given_again_names_the_rejected_again(store: Store) -> None:
    items = [item(1), item(2, kind="NeverHeardOf")]
    take(store, *items)
    assert take(store, *items).receipt == Receipt(epoch=1, upto=2, rejected=[2])


def test_what_the_board_set_aside_keeps_the_numbers_whole(store: Store) -> None:
    stand_in = item(2, kind=SET_ASIDE, body=msgspec.Raw(b'{"kind":"LessonEnded"}'))
    assert take(store, item(1), stand_in).receipt == Receipt(epoch=1, upto=2)
    assert store.quarantined("board-1") == [(1, 2, "set_aside")]


def learnt(offset_ns: int, boot: str = "boot-1") -> ClockLearnt:
    return ClockLearnt(boot=boot, offset_ns=offset_ns, uncertainty_ns=10)


def times(store: Store) -> list[tuple[int | None, str]]:
    return [(event.at_ns, event.clock) for event in store.events()]


def test_a_clock_that_is_learnt_dates_what_is_held_and_what_follows(store: Store) -> None:
    take(store, item(1, at=None), item(2, at=None, boot="boot-2"))
    assert times(store) == [(None, "estimated"), (None, "estimated")]
    take(store, item(3, learnt(5_000_000)))
    take(store, item(4, at=None))
    assert times(store) == [
        (5_001_000, "synced"),
        (None, "estimated"),
        (5_003_000, "synced"),
        (5_004_000, "synced"),
    ]


def test_the_newest_word_about_a_clock_holds(store: Store) -> None:
    take(store, item(1, learnt(5_000_000)), item(2, learnt(6_000_000)))
    assert [at for at, _ in times(store)] == [6_001_000, 6_002_000]
    take(store, item(1, learnt(9_000_000)), epoch=2)
    assert [at for at, _ in times(store)] == [9_001_000, 9_002_000, 9_001_000]


def test_a_wrong_time_that_was_learnt_first_gives_way_to_the_right_one(store: Store) -> None:
    right_ns = START_NS
    take(store, item(1, at=None), item(2, learnt(right_ns + 3600 * 10**9)), item(3))
    take(store, item(4, learnt(right_ns)), item(5, at=START))  # dated before it was put right
    assert times(store) == [(right_ns + seq * 1000, "synced") for seq in range(1, 6)]


def test_neighbours_and_arrival_bound_a_time_that_never_was_known(store: Store) -> None:
    def never(seq: int) -> Item:
        return item(seq, boot="never", at=None)

    noon = START_NS + 4 * 3600 * 10**9
    take(store, never(1))
    take(store, item(2, learnt(START_NS)), never(3), never(4))
    take(store, item(5, learnt(noon, "boot-2"), boot="boot-2"), never(6))
    with store.transaction():
        store.take(OTHER, Batch(epoch=1, items=[never(1)]), now_ns=noon)
    bounds = [(one.not_before_ns, one.not_after_ns) for one in store.events()]
    assert bounds == [
        (None, 7),
        (None, None),
        (START_NS + 2000, 7),  # they came at 7 by this school's clock
        (START_NS + 2000, 7),
        (None, None),
        (noon + 5000, 7),
        (None, noon),
    ]


def test_the_next_known_time_bounds_events_that_came_late(store: Store) -> None:
    late_ns = START_NS + 90 * 86400 * 10**9
    with store.transaction():
        events = [item(1, at=None), item(2, learnt(START_NS, "boot-2"), boot="boot-2")]
        store.take(BOARD, Batch(epoch=1, items=events), now_ns=late_ns)
    assert next(store.events()).not_after_ns == START_NS + 2000


def test_another_event_under_a_name_in_use_is_kept_beside_it_and_told(store: Store) -> None:
    take(store, item(1), item(2, kind="NeverHeardOf"), item(3))
    copies = [
        item(1, boot="boot-2"),
        item(2, kind="NeverHeardOf", mono_ns=5),
        item(3),
        item(4, boot="boot-2"),
    ]
    for new, duplicates in ((1, 1), (0, 2)):  # sent again, since the receipt was lost
        taken = take(store, *copies)
        assert taken == (
            Receipt(epoch=1, upto=4, rejected=[1, 2], taken=True),
            new,
            duplicates,
            False,
            2,
        )
    assert store.collisions(BOARD.device) == [(1, 1, "LessonEnded"), (1, 2, "NeverHeardOf")]
    assert [event.boot for event in store.events()] == ["boot-1", "boot-1", "boot-2"]


def test_a_receipt_names_no_more_rejected_than_a_board_reads_and_the_rest_in_the_next(
    store: Store,
) -> None:
    take(store, item(1))
    unknown = [item(seq, kind="NeverHeardOf") for seq in range(2, MAX_ITEMS + 12)]
    take(store, *unknown[:MAX_ITEMS])
    take(store, *unknown[MAX_ITEMS:])
    receipt = take(store, item(1, boot="boot-2"), *unknown[: MAX_ITEMS - 1]).receipt
    assert receipt.rejected == list(range(1, MAX_ITEMS + 1))
    assert receipt.upto == MAX_ITEMS
    assert decode_ack(encode(receipt)) == receipt
    rest = take(store, *unknown[MAX_ITEMS - 1 :]).receipt
    assert rest.rejected == list(range(MAX_ITEMS + 1, MAX_ITEMS + 12))
    assert rest.upto == MAX_ITEMS + 11


def test_what_a_board_declares_lost_and_the_school_holds_is_no_other_event(store: Store) -> None:
    take(store, item(1), item(2))
    lost = EventLost()
    taken = take(store, item(1, lost, boot="boot-2"), item(2, lost, boot="boot-2"), item(3))
    assert taken == (Receipt(epoch=1, upto=3), 1, 2, False, 0)
    assert store.collisions(BOARD.device) == []


def test_a_clock_that_is_learnt_again_costs_one_row(store: Store) -> None:
    for first in range(1, 2001, 500):
        take(store, *(item(seq, at=None) for seq in range(first, first + 500)))
    before = store._db.total_changes  # noqa: SLF001 (what SQLite wrote, whatever the machine)
    take(store, *(item(2001 + number, learnt(number)) for number in range(100)))
    written = store._db.total_changes - before  # noqa: SLF001 (as above)
    assert {at - one.mono_ns for one in store.events() if (at := one.at_ns) is not None} == {99}
    assert written < 300  # a row an event, one of its clock, and the board's own


@pytest.mark.parametrize(
    ("version", "more"),
    [(1, "create index event_of_boot on event(device, boot);"), (2, TIMED_EVENT)],
)
def test_a_database_of_a_version_before_is_brought_up_to_date(
    tmp_path: Path, version: int, more: str
) -> None:
    old = sqlite3.connect(tmp_path / "old.db")
    old.executescript(SCHEMA + more)
    old.execute(f"pragma user_version={version}")
    old.close()
    for _ in range(2):
        store = Store(tmp_path / "old.db")
        store.open()
        store.close()
    store.open()
    take(store, item(1, learnt(5)))
    assert times(store) == [(1005, "synced")]
    store.close()


@pytest.mark.parametrize("year", [1, 1969, 2300, 9999])
def test_a_time_that_no_board_can_mean_is_none(store: Store, year: int) -> None:
    take(store, item(1, at=datetime(year, 1, 1, tzinfo=UTC)))
    assert times(store) == [(None, "estimated")]


def test_a_board_that_moved_is_known_by_its_id(store: Store) -> None:
    take(store, item(1))
    take(store, item(2), board=MOVED)
    assert [event.place for event in store.events()] == [BOARD.place, MOVED.place]
    assert store.count("device") == 1


def test_the_newest_state_and_the_highest_revision_are_kept(store: Store) -> None:
    def counts(revision: int, answered: int) -> RollUp:
        return RollUp(
            lesson="l-1",
            question=2,
            kind="single",
            present=40,
            answered=answered,
            right=None,
            options={},
            revision=revision,
        )

    with store.transaction():
        for state in (BoardState(online=True, boot="b"), BoardState(online=False, boot="b")):
            store.take_state(BOARD, state, 1)
        for revision, answered in ((1, 30), (3, 32), (2, 31)):
            store.take_roll_up(BOARD, counts(revision, answered), 1)
    assert (store.count("board_state"), store.count("roll_up")) == (1, 1)
    assert store.roll_ups("board-1") == [counts(3, 32)]


def test_what_fails_inside_a_transaction_did_not_happen(store: Store) -> None:
    def fail() -> None:
        with store.transaction():
            store.take(BOARD, Batch(epoch=1, items=[item(1)]), 1)
            raise sqlite3.OperationalError("disk full")

    with pytest.raises(sqlite3.OperationalError):
        fail()
    assert held(store) == []
    assert take(store, item(1)).receipt.upto == 1


def test_a_commit_returns_when_the_disk_has_it(store: Store) -> None:
    db = store._db  # noqa: SLF001 (a power cut cannot be tried here; what SQLite was told can)
    assert db.execute("pragma journal_mode").fetchone() == ("wal",)
    assert db.execute("pragma synchronous").fetchone() == (2,)


def test_two_workers_share_one_file(store: Store, tmp_path: Path) -> None:
    second = Store(tmp_path / "school.db")
    second.open()
    take(store, item(1))
    assert take(second, item(1), item(2)).duplicates == 1
    assert held(store) == [(1, 1), (1, 2)]
    second.close()


def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "junk.db").write_bytes(b"not a database, but long enough to look at" * 50)
    with pytest.raises(StoreUnusable):
        Store(tmp_path / "junk.db").open()
    newer = sqlite3.connect(tmp_path / "newer.db")
    newer.execute("pragma user_version=99")
    newer.close()
    with pytest.raises(StoreUnusable, match="version 99"):
        Store(tmp_path / "newer.db").open()
    with pytest.raises(StoreUnusable):
        Store(tmp_path / "nowhere" / "school.db").open()


@pytest.mark.parametrize("version", [0, 1, 3])
def test_another_programs_database_is_refused_and_left_as_it_is(
    tmp_path: Path, version: int
) -> None:
    board = tmp_path / "journal.db"
    with closing(sqlite3.connect(board)) as db:
        db.execute("create table event(epoch, seq, boot, mono_ns, kind, body)")
        db.execute(f"pragma user_version={version}")
    before = board.read_bytes()
    with pytest.raises(StoreUnusable, match="no database of the school's"):
        Store(board).open()
    assert board.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["journal.db"]
