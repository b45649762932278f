"""What rides on commits: when it is due, and what becomes of it when the commit fails."""

from __future__ import annotations

import pytest

from agent.journal.side_work import DELAY_S, NOTE_DELAY_S, NOTHING, Batch, SideWork


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def work(clock: Clock) -> SideWork:
    return SideWork(clock)


def test_nothing_waits_for_nothing(work: SideWork) -> None:
    assert work.wait_s() is None
    assert work.take(all_of_it=True) == NOTHING


def test_a_note_waits_long_and_wakes_nobody_twice(work: SideWork, clock: Clock) -> None:
    assert work.note("receipt", "5:1", soon=False)
    assert not work.note("receipt", "5:2", soon=False)
    assert work.wait_s() == NOTE_DELAY_S
    assert work.take(all_of_it=False) == NOTHING
    clock.now_s += NOTE_DELAY_S
    assert work.wait_s() == 0
    assert work.take(all_of_it=False) == Batch({"receipt": "5:2"}, [], None)
    assert work.wait_s() is None


def test_what_is_put_aside_waits_a_second_and_takes_the_note_along(
    work: SideWork, clock: Clock
) -> None:
    work.note("receipt", "5:1", soon=False)
    assert work.put_aside(7, "unreadable")
    assert not work.put_snapshot(9, "now", b"state")
    assert work.wait_s() == DELAY_S
    clock.now_s += DELAY_S
    taken = work.take(all_of_it=False)
    assert taken == Batch({"receipt": "5:1"}, [(7, "unreadable")], (9, "now", b"state"))


def test_a_note_that_stands_for_many_events_is_written_soon(work: SideWork) -> None:
    work.note("receipt", "5:1", soon=False)
    assert work.note("receipt", "5:600", soon=True)
    assert work.wait_s() == DELAY_S


def test_a_stop_takes_all_of_it_at_once(work: SideWork) -> None:
    work.note("receipt", "5:1", soon=False)
    assert work.take(all_of_it=True) == Batch({"receipt": "5:1"}, [], None)


def test_what_was_not_written_is_tried_again_unless_newer_came(
    work: SideWork, clock: Clock
) -> None:
    work.note("receipt", "5:1", soon=False)
    work.put_aside(7, "unreadable")
    work.put_snapshot(9, "old", b"old")
    failed = work.take(all_of_it=True)
    work.note("receipt", "5:2", soon=False)
    work.put_snapshot(11, "new", b"new")
    work.put_back(failed)
    clock.now_s += NOTE_DELAY_S
    taken = work.take(all_of_it=False)
    assert taken == Batch({"receipt": "5:2"}, [(7, "unreadable")], (11, "new", b"new"))
    work.put_back(NOTHING)
    assert work.wait_s() is None
