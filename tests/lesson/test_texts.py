from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.lesson import commands as cmd
from agent.lesson import events as ev
from agent.lesson.errors import LessonRefused, NotThere
from agent.lesson.questions import KeyInvalid, normalise
from agent.lesson.replay import copy_of, replay
from agent.lesson.texts import MAX_SHOWN, grouped
from agent.lesson.writing import MAX_ANSWER_CHARS, MAX_MARKS, clean, fold
from drivers.capabilities import Outcome
from tests.lesson.builder import LESSON, Builder


@pytest.mark.parametrize(
    ("typed", "recorded"),
    [
        ("  光合 作用\n", "光合 作用"),
        ("\uff21\uff22\uff23\u3000\uff11\uff12", "ABC 12"),
        ("a\u202eb\u2066c\u200b", "abc"),
        ("a\x00\x1b[31mb\ud800", "a[31mb"),
        ("Z" + "\u0336\u0488\u0337" * 9, "Z\u0336\u0488\u0337"),
        ("<b onclick=x>&amp;", "<b onclick=x>&amp;"),
        ("\u3164\u2800 \u200f", ""),
    ],
)
def test_a_text_is_recorded_without_what_changes_how_others_are_read(
    typed: str, recorded: str
) -> None:
    assert normalise("text", 0, typed) == recorded


def test_answers_are_equal_but_for_case_width_and_spaces_that_part_no_words() -> None:
    for one, other in (
        ("Photosynthesis", " photo\u200bSYNTHESIS "),
        ("光合作用", "光合 作用"),
        ("x = 2", "\uff38\uff1d\uff12"),
        ("Straße", "STRASSE"),
    ):
        assert fold(one) == fold(other)
    for one, other in (("1 2", "12"), ("now here", "nowhere"), ("-1", "1"), ("é", "e")):
        assert fold(one) != fold(other)


@given(st.text(max_size=60))
def test_whatever_is_typed_is_one_line_of_seen_signs_and_stays_so(typed: str) -> None:
    text = clean(typed)
    assert clean(text) == text
    kinds = [unicodedata.category(one) for one in text]
    assert not {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} & set(kinds)
    marks = "".join("m" if kind in ("Mn", "Me") else " " for kind in kinds)
    assert "m" * (MAX_MARKS + 1) not in marks


def test_a_text_that_is_too_long_is_refused_whole() -> None:
    assert len(normalise("text", 0, "字" * MAX_ANSWER_CHARS)) == MAX_ANSWER_CHARS
    with pytest.raises(KeyInvalid, match="text_too_long"):
        normalise("text", 0, "字" * (MAX_ANSWER_CHARS + 1))
    room = Builder()
    room.open_lesson()
    room.ask("text")
    assert room.press("seat-1", "字" * 10_000) == Outcome("rejected", "text_too_long")
    rejected = room.log[-1].event
    assert isinstance(rejected, ev.ResponseRejected)
    assert len(rejected.key) == 64


@pytest.fixture
def room() -> Builder:
    room = Builder()
    room.open_lesson()
    room.ask("text", key=["Photosynthesis"])
    for seat, text in (("seat-1", "Rot"), ("seat-2", "photo synthesis"), ("seat-3", "rot"),
                       ("seat-4", "ROT "), ("seat-5", "")):  # fmt: skip
        room.press(seat, text)
    return room


def show(room: Builder, group: str) -> list[ev.Event]:
    return room.do(cmd.ShowGroup(lesson=LESSON, question=1, group=group))


def groups(room: Builder) -> list[tuple[str, int, bool]]:
    found = grouped(room.question, [one for one in room.question.answers.values() if one.key])
    return [(one.text, one.count, one.shown) for one in found]


def test_equal_answers_are_one_group_and_none_is_shown_until_a_tap(room: Builder) -> None:
    assert groups(room) == [("Rot", 3, False), ("photo synthesis", 1, False)]
    room.do(cmd.ShowQuestion(lesson=LESSON, question=1, show="distribution"))
    room.do(cmd.RevealQuestion(lesson=LESSON, question=1))
    assert room.question.shown == {}


def test_a_tap_shows_a_group_at_once_and_another_takes_it_back(room: Builder) -> None:
    shown, seen = show(room, "rot")
    assert isinstance(shown, ev.GroupShown)
    assert (shown.text, isinstance(seen, ev.ProjectorChanged)) == ("Rot", True)
    assert show(room, "rot") == []
    assert groups(room)[0] == ("Rot", 3, True)
    # whoever writes the same in another spelling changes nothing that the room reads
    room.press("seat-1", "rOt")
    room.press("seat-5", "ROT")
    assert groups(room)[0] == ("Rot", 4, True)
    assert copy_of(room.state) == room.state
    assert replay(room.log, Builder().state) == room.state
    hide = cmd.HideGroup(lesson=LESSON, question=1, group="rot")
    assert [type(one) for one in room.do(hide)] == [ev.GroupHidden]
    assert room.do(hide) == []
    assert not groups(room)[0][2]
    assert room.question.answers["seat-1"].key == "rOt"  # it stays on record


def test_a_group_is_not_shown_that_nobody_wrote_nor_too_many(room: Builder) -> None:
    with pytest.raises(NotThere, match="group_unknown"):
        show(room, "chalk")
    for number in range(MAX_SHOWN):
        room.press(f"seat-{10 + number}", f"no {number}")
        show(room, f"no {number}")
    with pytest.raises(LessonRefused, match="groups_full"):
        show(room, "rot")
    room.ask()
    with pytest.raises(NotThere, match="question_unknown"):
        room.do(cmd.ShowGroup(lesson=LESSON, question=2, group="A"))
