from __future__ import annotations

import pytest

from agent.lesson import commands as cmd
from agent.lesson import events as ev
from agent.lesson.errors import IllegalTransition, LessonRefused
from agent.lesson.model import Moment, Question
from agent.lesson.timing import MOST_REOPENINGS, awaited, left_ms
from drivers.capabilities import Outcome
from tests.lesson.builder import LESSON, Builder

S = 1_000_000_000


class Timed(Builder):
    """A question with a timer of 60 s."""

    def __init__(self) -> None:
        super().__init__()
        self.open_lesson()
        self.asked: Question = self.ask(timer_s=60)

    def later(self, s: float) -> None:
        self.now_ns = self.asked.opened.mono_ns + int(s * S)

    def set(self, command: type[cmd.TimerCommand], **more: int) -> list[ev.Event]:
        return self.do(command(lesson=LESSON, question=1, at=self.now, **more))

    def left_s(self, at: Moment | None = None) -> float:
        assert self.asked.timer is not None
        return round(left_ms(self.asked.timer, self.now if at is None else at) / 1000)


@pytest.fixture
def room() -> Builder:
    room = Builder()
    room.open_lesson()
    return room


def test_a_paused_timer_stands_still_and_goes_on_with_what_was_left() -> None:
    timed = Timed()
    timed.later(20)
    timed.set(cmd.PauseTimer)
    timed.later(500)
    assert timed.left_s() == 40
    assert timed.press("0A", "A") == Outcome("accepted")  # a pause is no close
    timed.set(cmd.ResumeTimer)
    timed.later(510)
    assert timed.left_s() == 30


def test_a_pause_outlasts_a_restart_and_a_running_timer_goes_on_after_it() -> None:
    timed = Timed()
    timed.later(20)
    timed.set(cmd.PauseTimer)
    timed.boot, timed.now_ns = 2, 5 * S
    assert timed.left_s() == 40
    timed.set(cmd.ResumeTimer)
    assert timed.left_s(Moment(2, timed.now_ns + 10 * S)) == 30
    timed.boot, timed.now_ns = 3, 7 * S
    assert timed.left_s() == 40  # as at its last setting: how long it was off, nobody knows
    timed.set(cmd.ResumeTimer)
    assert timed.left_s(Moment(3, timed.now_ns + 10 * S)) == 30


def test_more_time_goes_to_a_running_and_to_a_paused_timer_and_begins_one(
    room: Builder,
) -> None:
    timed = Timed()
    timed.later(20)
    timed.set(cmd.ExtendTimer, by_s=30)
    assert timed.left_s() == 70
    timed.set(cmd.PauseTimer)
    timed.set(cmd.ExtendTimer, by_s=30)
    assert timed.asked.timer is not None
    assert (timed.left_s(), timed.asked.timer.running) == (100, False)
    question = room.ask()
    room.do(cmd.ExtendTimer(lesson=LESSON, question=1, at=room.now, by_s=30))
    assert question.timer is not None
    assert question.timer.left_ms == 30_000


def test_a_timer_has_its_bounds_and_needs_an_open_question(room: Builder) -> None:
    timed = Timed()
    for by_s in (0, 4, 601):
        with pytest.raises(LessonRefused, match="timer_out_of_range"):
            timed.set(cmd.ExtendTimer, by_s=by_s)
    for _ in range(5):
        timed.set(cmd.ExtendTimer, by_s=600)
    with pytest.raises(LessonRefused, match="timer_out_of_range"):
        timed.set(cmd.ExtendTimer, by_s=600)
    assert timed.set(cmd.ResumeTimer) == []
    timed.close()
    with pytest.raises(IllegalTransition):
        timed.set(cmd.PauseTimer)
    room.ask()
    with pytest.raises(LessonRefused, match="timer_none"):
        room.do(cmd.PauseTimer(lesson=LESSON, question=1, at=room.now))


def test_a_timer_that_ran_out_while_it_was_paused_closes_nothing() -> None:
    timed = Timed()
    run_out = cmd.CloseQuestion(lesson=LESSON, question=1, by="timer", timer_changes=0)
    timed.set(cmd.PauseTimer)
    assert timed.do(run_out) == []
    assert timed.asked.status == "open"


def test_an_opened_again_question_takes_answers_and_keeps_those_before(room: Builder) -> None:
    question = room.ask(timer_s=60)
    room.press("0A", "A")
    room.close()
    between_ns = room.now_ns + 1
    room.reopen()
    assert room.press("0B", "B") == Outcome("accepted")
    assert {keypad: one.key for keypad, one in question.answers.items()} == {"0A": "A", "0B": "B"}
    # what was pressed while it was closed does not count, whenever it comes
    assert room.press("0C", "C", mono_ns=between_ns) == Outcome("rejected", "question_closed")
    room.close()
    assert room.press("0C", "C", mono_ns=between_ns).verdict == "rejected"
    assert room.press("0C", "C", mono_ns=between_ns - 1_500_000) == Outcome("accepted")
    assert question.timer is None


def test_a_question_is_not_opened_again_after_its_key_or_a_later_question(room: Builder) -> None:
    room.ask(key=["A"])
    room.do(cmd.RevealQuestion(lesson=LESSON, question=1))
    with pytest.raises(LessonRefused, match="reopen_revealed"):
        room.reopen()
    room.ask()
    room.close(2)
    room.ask()
    with pytest.raises(LessonRefused, match="reopen_passed"):
        room.reopen(2)
    assert room.do(cmd.ReopenQuestion(lesson=LESSON, question=3)) == []
    room.do(cmd.EndLesson(lesson=LESSON))
    with pytest.raises(IllegalTransition):
        room.reopen(3)


def test_how_often_a_question_is_opened_again_is_bounded(room: Builder) -> None:
    question = room.ask()
    for _ in range(MOST_REOPENINGS):
        room.close()
        room.reopen()
    room.close()
    with pytest.raises(LessonRefused, match="reopened_too_often"):
        room.reopen()
    assert len(question.gaps) == MOST_REOPENINGS


def waits_for(room: Builder) -> set[str] | None:
    lesson = room.state.lessons[-1]
    return awaited(lesson, room.question, room.state.roll(lesson))


def test_without_a_list_nobody_is_awaited_before_an_earlier_question_showed_who_is_there(
    room: Builder,
) -> None:
    room.ask()
    room.press("0A", "A")
    room.ask()
    assert waits_for(room) is None  # one keypad is no class
    room.void(1)
    room.press("0A", "A")
    room.press("0B", "A")
    assert waits_for(room) is None  # there is no earlier question that counts
    room.ask()
    assert waits_for(room) == {"0A", "0B"}
    room.press("0A", "A")
    room.press("0C", "A")
    assert waits_for(room) == {"0B"}
    room.press("0B", "A")
    assert waits_for(room) == set()
    room.press("0B", "")  # taken back
    assert waits_for(room) == {"0B"}


def test_of_a_class_of_which_few_were_seen_the_whole_list_is_awaited() -> None:
    room = Builder()
    students = [f"s{number}" for number in range(6)]
    keypads = {f"0{number}": f"s{number}" for number in range(6)}
    room.do(cmd.ReplaceRoster(class_id="7-3", students=students, keypads=keypads))
    room.open_lesson("7-3")
    room.ask()
    room.press("00", "A")
    assert waits_for(room) == set(students[1:])
    room.press("01", "A")
    room.ask()
    for keypad in ("00", "01"):
        room.press(keypad, "A")
    assert waits_for(room) == set(students[2:])  # two of six: the others may be about to press
    room.press("02", "A")
    room.ask()
    assert waits_for(room) == {"s0", "s1", "s2"}  # three of six were seen: the others are away
    room.enter("s0", "A", 3)
    for keypad in ("01", "02"):
        room.press(keypad, "A")
    assert waits_for(room) == set()


def test_a_joined_phone_is_awaited_and_what_was_opened_again_is_closed_by_hand(
    room: Builder,
) -> None:
    room.ask()
    room.press("0A", "A")
    room.press("0B", "A")
    room.do(cmd.JoinPhone(lesson=LESSON, seat="seat-1"))
    room.ask()
    room.press("0A", "A")
    room.press("0B", "A")
    assert waits_for(room) == {"seat-1"}
    room.close(2)
    room.reopen(2)
    assert waits_for(room) is None
