"""The two forms of an event's body: the object that is published, and what the journal keeps."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.lesson.events import (
    KINDS,
    ResponseRecorded,
    decode_body,
    encode_body,
    encode_kept,
    public_body,
)

ANSWERS = st.builds(
    ResponseRecorded,
    lesson=st.text(max_size=12),
    question=st.integers(1, 500),
    device=st.text(max_size=12),
    keypad=st.text(max_size=12),
    key=st.text(max_size=4),
    token=st.none() | st.text(max_size=30),
)


@given(ANSWERS)
def test_an_answer_comes_back_from_either_form_and_is_published_as_an_object(
    answer: ResponseRecorded,
) -> None:
    kept = encode_kept(answer)
    assert decode_body("ResponseRecorded", kept) == answer
    assert decode_body("ResponseRecorded", encode_body(answer)) == answer
    assert public_body("ResponseRecorded", kept) == encode_body(answer)


def test_an_answer_that_an_older_agent_kept_is_read() -> None:
    """What is on disks today: a field may be added at the end, none moved or taken away."""
    kept = b'["1a2b3c4d5e",7,"receiver-1","C386BBC4","AC","00000000000D3301:1:9"]'
    answer = ResponseRecorded(
        lesson="1a2b3c4d5e",
        question=7,
        device="receiver-1",
        keypad="C386BBC4",
        key="AC",
        token="00000000000D3301:1:9",
    )
    assert encode_kept(answer) == kept
    assert decode_body("ResponseRecorded", kept) == answer
    assert decode_body("ResponseRecorded", kept.rpartition(b",")[0] + b"]").token is None  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("ResponseRecorded", b"[]"),
        ("ResponseRecorded", b'["l",1,"d","k","A","t","too many"]'),
        ("ResponseRecorded", b'["l","one","d","k","A"]'),
        ("ResponseRecorded", b'["l",1,"d'),
        ("LessonEnded", b'["l"]'),
    ],
)
def test_what_is_no_body_of_its_kind_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_body(kind, body)


def test_only_what_comes_by_the_thousand_is_kept_as_values() -> None:
    assert [name for name, kind in KINDS.items() if kind.kept_as_values] == ["ResponseRecorded"]
