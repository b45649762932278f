from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.lesson import commands as cmd
from agent.lesson import events as ev
from agent.lesson.errors import LessonRefused
from agent.lesson.model import (
    ACCEPTED,
    SEEN_TOKENS,
    Moment,
    Seen,
    State,
    answers_by_respondent,
)
from agent.lesson.replay import Stamped, apply, apply_all, copy_of, replay
from tests.lesson.builder import PLACE, Builder

KEYPADS = ["0A", "0B", "0C", "seat-1"]
LESSONS = ["l1", "l2"]
MOMENTS = st.builds(Moment, st.integers(1, 2), st.integers(0, 2_000_000_000))
PICTURE = ev.Picture(
    sha256="ab" * 32, media_type="image/png", size_bytes=9, width_px=8, height_px=6
)
ACTIONS = st.one_of(
    st.builds(cmd.OpenLesson, lesson=st.sampled_from(LESSONS), title=st.just(""),
              place=st.just(PLACE), class_id=st.sampled_from([None, "7-3"])),
    st.builds(cmd.EndLesson, lesson=st.sampled_from(LESSONS)),
    st.builds(cmd.ChangeClass, lesson=st.sampled_from(LESSONS),
              class_id=st.sampled_from([None, "7-3"])),
    st.builds(cmd.AskQuestion, lesson=st.sampled_from(LESSONS), kind=st.just("single"),
              options=st.just(["", "", ""]), policy=st.sampled_from(["last_wins", "first_wins"]),
              text=st.sampled_from(["", "1 + 1?"]), points=st.sampled_from([[], ["方程"]]),
              prepared=st.sampled_from([None, ev.Prepared(set_id="s", version="v", item=1)])),
    st.builds(cmd.AskQuestion, lesson=st.just("l1"), options=st.just([]),
              kind=st.sampled_from(["text", "attendance"])),
    st.builds(cmd.ShowGroup, lesson=st.just("l1"), question=st.integers(1, 3),
              group=st.sampled_from(["a", "b"])),
    st.builds(cmd.HideGroup, lesson=st.just("l1"), question=st.integers(1, 3),
              group=st.sampled_from(["a", "b"])),
    st.builds(cmd.CloseQuestion, lesson=st.sampled_from(LESSONS), question=st.integers(1, 3)),
    st.builds(cmd.RevealQuestion, lesson=st.sampled_from(LESSONS), question=st.integers(1, 3)),
    st.builds(cmd.PlacePicture, lesson=st.sampled_from(LESSONS), picture=st.just(PICTURE),
              question=st.sampled_from([None, 1, 2])),
    st.builds(cmd.RemovePicture, lesson=st.sampled_from(LESSONS),
              question=st.sampled_from([None, 1, 2])),
    st.builds(cmd.AskAgain, lesson=st.sampled_from(LESSONS), question=st.integers(1, 3)),
    st.builds(cmd.ReopenQuestion, lesson=st.sampled_from(LESSONS), question=st.integers(1, 3)),
    st.builds(cmd.VoidQuestion, lesson=st.sampled_from(LESSONS), question=st.integers(1, 3)),
    st.builds(cmd.RestoreQuestion, lesson=st.sampled_from(LESSONS), question=st.integers(1, 3)),
    st.builds(cmd.EnterAnswer, lesson=st.sampled_from(LESSONS), question=st.integers(1, 3),
              who=st.sampled_from(["s1", *KEYPADS]), key=st.sampled_from(["A", "B", "", None])),
    st.builds(cmd.SetAutoClose, lesson=st.sampled_from(LESSONS), on=st.booleans()),
    st.one_of(
        st.builds(cmd.PauseTimer, lesson=st.just("l1"), question=st.integers(1, 3), at=MOMENTS),
        st.builds(cmd.ResumeTimer, lesson=st.just("l1"), question=st.integers(1, 3), at=MOMENTS),
        st.builds(cmd.ExtendTimer, lesson=st.just("l1"), question=st.integers(1, 3), at=MOMENTS,
                  by_s=st.just(30)),
    ),
    st.builds(cmd.JoinPhone, lesson=st.sampled_from(LESSONS), seat=st.just("seat-1")),
    st.builds(cmd.ReplaceRoster, class_id=st.just("7-3"),
              students=st.lists(st.sampled_from(["s1", "s2", "s3"]), unique=True)),
    st.builds(cmd.TakeRosters, classes=st.lists(st.sampled_from([
        cmd.TakenClass(class_id="7-3", students=["s2", "s1"], keypads={"0A": "s1", "0B": "s1"}),
        cmd.TakenClass(class_id="7-3", students=["s1", "s3"], cards={"c1": "s3"}),
        cmd.TakenClass(class_id="7-3", students=[]),
    ]), max_size=2)),
    st.builds(cmd.Bind, class_id=st.just("7-3"), student=st.sampled_from(["s1", "s2"]),
              keypad=st.sampled_from(KEYPADS)),
    st.builds(cmd.Unbind, class_id=st.just("7-3"), keypad=st.sampled_from(KEYPADS)),
    st.tuples(st.sampled_from(KEYPADS), st.sampled_from("ABCDE"),
              st.sampled_from([None, "t1", "t2", "t3"]), st.integers(0, 3)),
)  # fmt: skip


@given(st.lists(ACTIONS, max_size=40), st.integers(0, 40))
@settings(max_examples=150, deadline=None)
def test_replay_gives_the_live_state(
    actions: list[cmd.Command | tuple[str, str, str | None, int]], cut: int
) -> None:
    room = Builder()
    for action in actions:
        if isinstance(action, tuple):
            keypad, key, token, late_ms = action
            at_ns = room.now_ns - late_ms * 1_000_000
            room.press(keypad, key, token=token, mono_ns=at_ns)
        else:
            try:
                room.do(action)
            except LessonRefused:
                continue
    stored = [
        msgspec.structs.replace(
            one, event=ev.decode_body(type(one.event).__name__, ev.encode_body(one.event))
        )
        for one in room.log
    ]
    assert replay(stored, State(epoch=7)) == room.state
    for lesson in room.state.lessons:  # whatever was done, one question is open at most
        assert [
            one for one in lesson.questions if one.status == "open" and one is not lesson.current
        ] == []
    # and the same from a copy kept on the way
    half = copy_of(replay(stored[:cut], State(epoch=7)))
    assert replay(stored[cut:], half) == room.state


QUESTIONS = st.integers(0, 3)
DEVICES = st.sampled_from(["receiver-1", "receiver-2"])
TOKENS = st.sampled_from([None, "t1", "t2", "t3"])
ANSWERS = st.builds(ev.ResponseRecorded, lesson=st.sampled_from(["l1", "l2", "lost"]),
                    question=QUESTIONS, device=DEVICES, keypad=st.sampled_from(KEYPADS),
                    key=st.sampled_from(["A", "B", ""]), token=TOKENS)  # fmt: skip
OTHERS = st.one_of(
    st.builds(ev.LessonOpened, lesson=st.sampled_from(LESSONS), title=st.just(""),
              place=st.just(PLACE)),
    st.builds(ev.QuestionOpened, lesson=st.sampled_from(LESSONS), question=st.integers(1, 3),
              kind=st.just("single"), options=st.just(["", ""])),
    st.builds(ev.ResponseRejected, lesson=st.sampled_from(LESSONS), question=QUESTIONS,
              device=DEVICES, keypad=st.sampled_from(KEYPADS), key=st.just("E"),
              code=st.just("option_unknown"), token=TOKENS),
    st.builds(ev.PressUnasked, device=DEVICES, keypad=st.sampled_from(KEYPADS), key=st.just("A"),
              token=TOKENS),
)  # fmt: skip
GROUPS = st.lists(st.lists(st.one_of(ANSWERS, ANSWERS, ANSWERS, OTHERS), max_size=12), max_size=8)


@given(st.lists(OTHERS, max_size=6), GROUPS)
@settings(max_examples=200, deadline=None)
def test_events_applied_together_give_the_state_of_events_applied_one_by_one(
    before: list[ev.Event], groups: list[list[ev.Event]]
) -> None:
    one_by_one, together, seq = State(epoch=7), State(epoch=7), 0
    for group in [before, *groups]:
        stamped = [
            Stamped(7, seq + index, 1, 1_000 * (seq + index), event)
            for index, event in enumerate(group, start=1)
        ]
        seq += len(group)
        for one in stamped:
            apply(one_by_one, one)
        apply_all(together, stamped)
        # byte for byte: the order in which tokens are forgotten is a part of it
        assert msgspec.msgpack.encode(together) == msgspec.msgpack.encode(one_by_one)


def test_a_thousand_answers_applied_together_forget_the_same_tokens() -> None:
    room = Builder()
    room.open_lesson()
    room.ask()
    together = copy_of(room.state)
    begun = len(room.log)
    for number in range(3 * SEEN_TOKENS):
        room.press(KEYPADS[number % 3], "ABC"[number % 3], token=str(number))
    apply_all(together, room.log[begun:])
    assert msgspec.msgpack.encode(together) == msgspec.msgpack.encode(room.state)
    assert "0" not in together.seen["receiver-1"].outcomes


def test_a_copy_is_independent() -> None:
    room = Builder()
    room.open_lesson()
    before = copy_of(room.state)
    room.ask()
    assert before.lessons[0].questions == []


def test_old_tokens_are_forgotten() -> None:
    seen = Seen()
    for number in range(10 * SEEN_TOKENS):
        seen.note(str(number), ACCEPTED)
        assert str(max(0, number - SEEN_TOKENS + 1)) in seen.outcomes
        assert len(seen.outcomes) < 2 * SEEN_TOKENS
    assert "0" not in seen.outcomes


def test_events_of_unknown_lessons_do_not_stop_a_replay() -> None:
    state = State()
    orphan = ev.ResponseRecorded(lesson="gone", question=3, device="d", keypad="0A", key="A")
    apply(state, Stamped(1, 1, 1, 0, orphan))
    assert (state.epoch, state.seq) == (1, 1)


def test_the_key_stays_on_the_board_until_revealed() -> None:
    opened = ev.QuestionOpened(lesson="l1", question=1, kind="single", options=["", ""], key=["B"])
    body = ev.encode_body(opened)
    assert b'"key"' in body
    assert b'"key"' not in ev.public_body("QuestionOpened", body)
    revealed = ev.encode_body(ev.QuestionRevealed(lesson="l1", question=1, key=["B"]))
    assert ev.public_body("QuestionRevealed", revealed) == revealed


def test_the_newest_of_a_students_keypads_counts_over_a_new_numbering_too() -> None:
    room = Builder()
    room.do(cmd.ReplaceRoster(class_id="7-3", students=["s1"], keypads={"0A": "s1", "0B": "s1"}))
    room.open_lesson(class_id="7-3")
    room.ask()
    room.press("0A", "A")
    room.state.epoch, room.state.seq = 8, 0
    room.record(ev.EpochStarted(reason="name_taken"))
    room.press("0B", "B")
    lesson = room.state.lessons[0]
    answers = answers_by_respondent(lesson.questions[0], room.state.roll(lesson))
    assert answers["s1"].key == "B"
