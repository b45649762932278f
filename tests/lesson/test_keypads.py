from __future__ import annotations

from collections.abc import Iterable

from agent.lesson.events import KeypadFlagged
from agent.lesson.keypads import KeypadWatch
from agent.lesson.model import Answer, ClassRoll, Lesson, Moment, Question, State
from drivers.readings import KeyPress

S = 1_000_000_000


def lesson(students: Iterable[str] = (), *, bound: Iterable[str] = ()) -> State:
    """A lesson; with students, of their class."""
    keypads = dict(zip(bound, students, strict=False))
    roll = ClassRoll(students=list(students), keypads=keypads)
    class_id = "7-3" if students else None
    one = Lesson(id="l1", title="", class_id=class_id, opened=Moment(1, 0))
    return State(lessons=[one], classes={"7-3": roll})


def watch(**limits: int) -> KeypadWatch:
    made = KeypadWatch(**limits)
    made.begin("l1")
    return made


def press(keypad: str, at_s: float = 1000.0, device: str = "r1") -> KeyPress:
    return KeyPress(device=device, mono_ns=int(at_s * S), keypad=keypad, key="A")


def ids(count: int, start: int = 0) -> list[str]:
    return [f"{number:08X}" for number in range(start, start + count)]


def test_one_keypad_counts_so_many_presses_a_second_and_the_others_all() -> None:
    keypads, state = watch(most_presses=50), lesson()
    told = [keypads.hold(state, press("0A", 1000 + n / 500)) for n in range(5000)]
    assert 450 <= told.count(None) <= 550
    assert [keypads.hold(state, press(one, 1010)) for one in ids(48)] == [None] * 48
    assert keypads.hold(state, press("0A", 1020)) is None  # it has come to rest
    [event] = keypads.take()
    assert event == KeypadFlagged(
        device="r1", keypad="0A", flag="keypad_flood", presses=told.count("keypad_flood"),
        lesson="l1",
    )  # fmt: skip
    assert keypads.take() == []


def test_a_lecture_without_a_class_is_let_in_and_200_at_once_are_not() -> None:
    keypads, state = watch(), lesson()
    held = [keypads.hold(state, press(one, 1000 + n / 4)) for n, one in enumerate(ids(200))]
    assert held == [None] * 150 + ["keypads_unknown"] * 50
    assert keypads.counters("r1") == {"keypads_set_aside": 50, "presses_set_aside": 50}
    assert keypads.alarms("r1") == ["keypads_unknown"]
    assert {event.keypad for event in keypads.take()} == set(ids(50, 150))
    assert keypads.hold(state, press(ids(1)[0], 1051)) is None  # who was in stays in


def test_with_a_class_so_many_are_let_in_as_it_has_students_and_some_guests() -> None:
    students, bound = [f"s{n}" for n in range(40)], ids(40)
    keypads, state = watch(), lesson(students, bound=bound)
    strangers = ids(200, 1000)
    held = [keypads.hold(state, press(one)) for one in strangers]
    assert held == [None] * 60 + ["keypads_unknown"] * 140
    assert [keypads.hold(state, press(one)) for one in bound] == [None] * 40
    assert keypads.counters("r1")["keypads_not_in_class"] == 200


def test_who_was_set_aside_comes_in_when_bound_or_when_the_crowd_has_gone() -> None:
    keypads, state = watch(most_unknown=2), lesson(["s1"])
    a, b, c, d = ids(4)
    flags = [keypads.hold(state, press(one)) for one in (a, b, c, d, c)]
    assert flags == [None, None, "keypads_unknown", "keypads_unknown", "keypads_unknown"]
    state.classes["7-3"].keypads[c] = "s1"
    assert keypads.hold(state, press(c, 1001)) is None
    assert keypads.hold(state, press(d, 1059)) == "keypads_unknown"
    assert keypads.hold(state, press(d, 1061)) is None
    assert not keypads.expire(1200 * S)
    assert keypads.alarms("r1") == []


def test_a_crowd_that_goes_on_lets_nobody_new_in() -> None:
    keypads, state = watch(most_unknown=10), lesson()
    held = [keypads.hold(state, press(one, 1000 + n)) for n, one in enumerate(ids(600))]
    assert held.count(None) == 10


def asked(answered_through: str | None = None) -> State:
    """A lesson with an open question, which 0A may have answered."""
    state = lesson()
    question = Question(
        number=1, kind="single", options=["", ""], key=None, timer_s=None, policy="last_wins",
        opened=Moment(1, 0),
    )  # fmt: skip
    state.lessons[0].questions.append(question)
    if answered_through is not None:
        question.answers["0A"] = Answer("A", answered_through, 1, 0)
    return state


def test_an_id_that_two_receivers_tell_is_told_once_and_loses_nothing() -> None:
    keypads = watch()
    flags = [keypads.hold(asked(), press("0A", device="x"))]
    flags += [keypads.hold(asked("x"), press("0A", device=one)) for one in "yxyx"]
    assert flags == [None] * 5
    assert keypads.counters("x") == keypads.counters("y") == {"keypads_doubled": 1}
    assert keypads.alarms("x") == keypads.alarms("y") == ["keypad_doubled"]
    [event] = keypads.take()
    assert event == KeypadFlagged(
        device="y", keypad="0A", flag="keypad_doubled", other_device="x", lesson="l1"
    )


def test_a_keypad_that_moves_to_another_receiver_is_no_double_unless_it_comes_back() -> None:
    keypads = watch()
    assert [keypads.hold(asked(), press("0A", device=one)) for one in "xyy"] == [None] * 3
    assert keypads.take() == []
    assert keypads.hold(asked(), press("0A", device="x")) is None
    assert [event.flag for event in keypads.take()] == ["keypad_doubled"]


def test_a_seat_is_known_and_another_lesson_begins_anew() -> None:
    keypads, state = watch(most_unknown=1), lesson()
    state.lessons[0].seats["seat-9"] = 9
    assert [keypads.hold(state, press(one)) for one in ("0A", "seat-9")] == [None, None]
    assert keypads.hold(state, press("0B")) == "keypads_unknown"
    keypads.begin("l2")
    assert keypads.hold(state, press("0B")) is None
    assert keypads.take()[0].lesson == "l1"


def test_however_many_ids_there_are_little_is_kept_and_told() -> None:
    keypads, state = watch(), lesson()
    held = [keypads.hold(state, press(one)) for one in ids(20_000)]
    assert held.count(None) == 150
    told = keypads.take()
    assert len(told) == 201
    assert sum(event.presses for event in told) == 20_000 - 150
    assert len(keypads.known) <= 8_192
