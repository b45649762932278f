from __future__ import annotations

import msgspec
import pytest

from agent.lesson import commands as cmd
from agent.lesson import events as ev
from agent.lesson.buzz import ASSUMED_UNCERTAINTY_NS, WAIT_NS, order, pending, settles_upto
from agent.lesson.errors import LessonRefused, NotThere
from agent.lesson.model import Moment, Question
from agent.lesson.replay import Stamped, replay
from drivers.capabilities import Outcome
from tests.lesson.builder import LESSON, Builder

MS = 1_000_000


class Contest(Builder):
    """A buzz-in that is open; presses in ms after its opening."""

    def __init__(self, class_id: str | None = None) -> None:
        super().__init__()
        if class_id is not None:
            self.record(ev.RosterReplaced(class_id=class_id, students=["s1", "s2"]))
            for keypad, student in (("0A", "s1"), ("1A", "s1"), ("0B", "s2")):
                self.record(ev.BindingMade(class_id=class_id, student=student, keypad=keypad))
        self.open_lesson(class_id)
        self.asked: Question = self.ask("buzz")
        self.start_ns = self.now_ns

    def buzz(self, keypad: str, at_ms: float, half_ms: float | None = 1.0) -> Outcome:
        half_ns = None if half_ms is None else int(half_ms * MS)
        at_ns = self.start_ns + int(at_ms * MS)
        return self.press(keypad, "C", mono_ns=at_ns, uncertainty_ns=half_ns)

    def places(self) -> list[tuple[str, int, int]]:
        roll = self.state.roll(self.state.lessons[-1])
        return [(one.who, one.place, one.last_place) for one in order(self.asked, roll)]


def test_any_key_is_a_buzz() -> None:
    contest = Contest()
    for keypad, key in (("0A", "A"), ("0B", "12.5"), ("0C", "true"), ("0D", "")):
        assert contest.press(keypad, key) == Outcome("accepted")
    assert {answer.key for answer in contest.asked.answers.values()} == {"buzz"}


def test_the_order_is_that_of_the_times_not_of_the_arrivals() -> None:
    contest = Contest()
    contest.buzz("0B", 130)
    contest.buzz("0A", 100)
    contest.buzz("0C", 160)
    assert contest.places() == [("0A", 1, 1), ("0B", 2, 2), ("0C", 3, 3)]
    gaps = [(one.behind_ns, one.give_or_take_ns) for one in order(contest.asked, None)]
    assert gaps == [(0, 0), (30 * MS, 2 * MS), (60 * MS, 2 * MS)]


@pytest.mark.parametrize(("apart_ms", "tied"), [(1.9, True), (2.0, True), (2.1, False)])
def test_presses_within_both_uncertainties_are_a_tie(apart_ms: float, tied: bool) -> None:
    contest = Contest()
    contest.buzz("0A", 100)
    contest.buzz("0B", 100 + apart_ms)
    certain = [("0A", 1, 1), ("0B", 2, 2)]
    assert contest.places() == ([("0A", 1, 2), ("0B", 1, 2)] if tied else certain)


def test_who_ties_with_a_neighbour_only_has_the_places_that_are_possible() -> None:
    contest = Contest()
    for keypad, at_ms in (("0A", 100.0), ("0B", 101.5), ("0C", 103.0)):
        contest.buzz(keypad, at_ms)
    assert contest.places() == [("0A", 1, 2), ("0B", 1, 3), ("0C", 2, 3)]


def test_a_press_of_which_no_delay_is_known_ties_with_all_that_are_near() -> None:
    contest = Contest()
    contest.buzz("0A", 1000, half_ms=None)
    contest.buzz("0B", 1400)
    contest.buzz("0C", 1000 + ASSUMED_UNCERTAINTY_NS / MS + 2)
    assert contest.places() == [("0A", 1, 2), ("0B", 1, 2), ("0C", 3, 3)]


def test_one_phone_does_not_blur_the_order_of_the_clickers() -> None:
    contest = Contest()
    for keypad, at_ms in (("0A", 100), ("0B", 120), ("0C", 140)):
        contest.buzz(keypad, at_ms)
    contest.buzz("seat-1", 130, half_ms=200)
    assert contest.places() == [("0A", 1, 2), ("0B", 2, 3), ("seat-1", 1, 4), ("0C", 3, 4)]


def test_the_first_press_of_a_keypad_counts_and_the_next_is_told_so() -> None:
    contest = Contest()
    contest.buzz("0A", 100)
    assert contest.buzz("0A", 150) == Outcome("rejected", "first_answer_counts")
    assert order(contest.asked, None)[0].behind_ns == 0


def test_an_earlier_press_of_the_same_keypad_that_comes_later_replaces_it() -> None:
    contest = Contest()
    contest.buzz("0B", 120)
    contest.buzz("0A", 150)
    assert contest.buzz("0A", 100) == Outcome("changed")
    assert contest.places() == [("0A", 1, 1), ("0B", 2, 2)]


def test_a_student_with_two_keypads_has_the_earlier_press_of_both() -> None:
    contest = Contest("7-3")
    contest.buzz("0A", 150)
    contest.buzz("0B", 130)
    contest.buzz("1A", 110)
    assert contest.places() == [("s1", 1, 1), ("s2", 2, 2)]


def test_the_order_is_final_up_to_what_is_settled_and_a_later_comer_is_called_late() -> None:
    contest = Contest()
    contest.buzz("0B", 120)
    contest.buzz("0C", 190)
    upto_ns = contest.start_ns + 120 * MS
    contest.do(cmd.SettleBuzz(lesson=LESSON, question=1, upto_ns=upto_ns))
    assert [one.final for one in order(contest.asked, None)] == [True, False]
    contest.buzz("0A", 100)
    placed = order(contest.asked, None)
    assert [(one.who, one.final, one.late) for one in placed] == [
        ("0A", True, True),
        ("0B", True, False),
        ("0C", False, False),
    ]


def test_a_press_is_final_when_all_have_reported_past_it_and_its_uncertainty() -> None:
    contest = Contest()
    contest.buzz("0A", 100, half_ms=2)
    at_ns = contest.start_ns + 100 * MS
    now = Moment(1, at_ns + 60 * MS)
    assert settles_upto(contest.asked, at_ns + 2 * MS - 1, now) is None
    assert settles_upto(contest.asked, at_ns + 2 * MS, now) == at_ns


def test_a_press_is_final_after_500_ms_whoever_is_silent() -> None:
    contest = Contest()
    contest.buzz("0A", 100)
    contest.buzz("0B", 300)
    at_ns = contest.start_ns + 100 * MS
    assert WAIT_NS == 500 * MS
    assert settles_upto(contest.asked, 0, Moment(1, at_ns + WAIT_NS - 1)) is None
    assert settles_upto(contest.asked, 0, Moment(1, at_ns + WAIT_NS)) == at_ns
    assert settles_upto(contest.asked, 0, Moment(1, at_ns + 2 * WAIT_NS)) == at_ns + 200 * MS


def test_presses_from_before_a_restart_of_the_board_are_final_at_once() -> None:
    contest = Contest()
    contest.buzz("0A", 100)
    contest.boot = 2
    upto_ns = settles_upto(contest.asked, 0, Moment(2, 5))
    assert upto_ns is not None
    contest.do(cmd.SettleBuzz(lesson=LESSON, question=1, upto_ns=upto_ns))
    assert pending(contest.asked) == []


def test_a_gap_over_a_restart_of_the_board_is_unknown() -> None:
    contest = Contest()
    contest.buzz("0A", 100)
    contest.boot = 2
    contest.buzz("0B", 5)
    assert [one.behind_ns for one in order(contest.asked, None)] == [0, None]


def test_the_room_sees_the_order_at_once_and_the_first_answer_counts() -> None:
    contest = Contest()
    assert (contest.asked.show, contest.asked.policy) == ("distribution", "first_wins")


def test_a_buzz_in_has_neither_options_nor_a_key() -> None:
    room = Builder()
    room.open_lesson()
    for options, key in ((["", ""], None), ([], ["buzz"])):
        command = cmd.AskQuestion(lesson=LESSON, kind="buzz", options=options, key=key)
        with pytest.raises(LessonRefused):
            room.do(command)


def test_only_a_buzz_in_is_settled() -> None:
    room = Builder()
    room.open_lesson()
    room.ask()
    with pytest.raises(NotThere):
        room.do(cmd.SettleBuzz(lesson=LESSON, question=1, upto_ns=1))


def test_the_uncertainty_is_on_record_of_a_buzz_in_only_and_costs_others_no_byte() -> None:
    contest = Contest()
    contest.buzz("0A", 100)
    contest.ask()
    contest.press("0A", "B", uncertainty_ns=MS)
    recorded = [one.event for one in contest.log if isinstance(one.event, ev.ResponseRecorded)]
    assert [one.uncertainty_ns for one in recorded] == [MS, None]
    assert len(msgspec.msgpack.decode(ev.encode_kept(recorded[0]))) == 7
    assert len(msgspec.msgpack.decode(ev.encode_kept(recorded[1]))) == 6
    for event in recorded:
        assert ev.decode_body("ResponseRecorded", ev.encode_kept(event)) == event


def test_the_journal_gives_the_same_order_again() -> None:
    contest = Contest()
    contest.buzz("0B", 120)
    contest.do(cmd.SettleBuzz(lesson=LESSON, question=1, upto_ns=contest.start_ns + 120 * MS))
    contest.buzz("0A", 100)
    kept = [
        Stamped(
            one.epoch,
            one.seq,
            one.boot,
            one.mono_ns,
            ev.decode_body(type(one.event).__name__, ev.encode_kept(one.event)),
        )
        for one in contest.log
    ]
    assert replay(kept).lessons[-1].questions == contest.state.lessons[-1].questions
