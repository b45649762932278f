from __future__ import annotations

from agent.cloud.roll_ups import RollUps
from agent.lesson import commands as cmd
from agent.wire.payloads import RollUp
from tests.lesson.builder import LESSON, Builder


class School:
    """A lesson of 20 keypads, and the roll-ups that were published of it."""

    def __init__(self) -> None:
        self.room = Builder()
        self.published: list[RollUp] = []
        self.counting = RollUps(lambda: self.room.state, self.published.append)
        self.room.open_lesson()

    def answer(self, key: str, keypads: range) -> None:
        for number in keypads:
            self.room.press(f"{number:02X}", key)
            self.counting.committed()

    def close(self) -> None:
        self.room.do(cmd.CloseQuestion(lesson=LESSON, question=1))
        self.counting.committed()


def test_a_closed_question_is_counted_once() -> None:
    school = School()
    school.room.ask(key=["B"])
    school.answer("B", range(12))
    school.answer("C", range(12, 20))
    assert school.published == []
    school.close()
    school.counting.committed()
    assert len(school.published) == 1
    counted = school.published[0]
    assert (counted.lesson, counted.question, counted.revision) == (LESSON, 1, 1)
    assert (counted.present, counted.answered, counted.right) == (20, 20, 12)
    assert (counted.options["B"], counted.options["C"]) == (12, 8)


def test_few_are_not_counted_out() -> None:
    school = School()
    school.room.ask(key=["B"])
    school.answer("B", range(16))
    school.answer("C", range(16, 20))
    school.close()
    assert school.published[0].options["C"] is None


def test_a_late_press_is_counted_anew() -> None:
    school = School()
    school.room.ask()
    school.answer("A", range(10))
    pressed_ns = school.room.now_ns
    school.close()
    school.room.press("FF", "B", mono_ns=pressed_ns)
    school.counting.committed()
    assert [(one.revision, one.answered) for one in school.published] == [(1, 10), (2, 11)]


def test_a_keypad_given_to_a_student_is_counted_anew() -> None:
    school = School()
    students = [f"s{number}" for number in range(12)]
    school.room.do(cmd.ReplaceRoster(class_id="7-3", students=students))
    school.room.do(cmd.ChangeClass(lesson=LESSON, class_id="7-3"))
    school.room.ask()
    school.answer("A", range(12))
    school.close()
    for keypad in ("00", "01"):  # both are one student's: one answer less
        school.room.do(cmd.Bind(class_id="7-3", student="s0", keypad=keypad))
        school.counting.committed()
    assert [(one.revision, one.answered) for one in school.published] == [(1, 12), (2, 11)]


def test_what_was_closed_before_a_start_is_not_published_again() -> None:
    school = School()
    school.room.ask()
    school.room.do(cmd.CloseQuestion(lesson=LESSON, question=1))
    school.counting.start()
    school.counting.committed()
    assert school.published == []


def test_every_letter_of_a_multiple_answer_counts() -> None:
    school = School()
    school.room.ask("multiple", 4)
    school.answer("AB", range(6))
    school.answer("B", range(6, 12))
    school.close()
    assert school.published[0].options["A"] == 6
    assert school.published[0].options["B"] == 12


def test_a_round_an_entered_answer_and_a_void_question_are_counted_anew() -> None:
    school = School()
    school.room.ask(key=["B"])
    school.answer("B", range(10))
    school.close()
    school.room.reopen()
    school.counting.committed()
    school.answer("B", range(10, 12))
    school.close()
    school.room.enter("00", "A")
    school.counting.committed()
    school.room.void()
    school.counting.committed()
    school.room.restore()
    school.counting.committed()
    told = [(one.revision, one.answered, one.right, one.void) for one in school.published]
    assert told == [
        (1, 10, 10, False),
        (2, 12, 12, False),
        (3, 12, None, False),
        (4, None, None, True),
        (5, 12, None, False),
    ]
    school.room.again()
    school.answer("B", range(9))
    school.room.close(2)
    school.counting.committed()
    newest = school.published[-1]
    assert (newest.question, newest.round, newest.revision, newest.answered) == (1, 2, 1, 9)
