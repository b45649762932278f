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
    kept_kind,
    kind_of,
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
    older = b'["1a2b3c4d5e",7,"receiver-1","C386BBC4","AC","00000000000D3301:1:9"]'
    kept = b"\x96\xaa1a2b3c4d5e\x07\xaareceiver-1\xa8C386BBC4\xa2AC\xb400000000000D3301:1:9"
    answer = ResponseRecorded(
        lesson="1a2b3c4d5e",
        question=7,
        device="receiver-1",
        keypad="C386BBC4",
        key="AC",
        token="00000000000D3301:1:9",
    )
    assert encode_kept(answer) == kept
    for form, shorter in (
        (kept, b"\x95" + kept[1:].partition(b"\xb4")[0]),
        (older, older.rpartition(b",")[0] + b"]"),
    ):
        assert decode_body("ResponseRecorded", form) == answer
        assert public_body("ResponseRecorded", form) == encode_body(answer)
        assert decode_body("ResponseRecorded", shorter).token is None  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("ResponseRecorded", b"[]"),
        ("ResponseRecorded", b'["l",1,"d","k","A","t","too many"]'),
        ("ResponseRecorded", b'["l","one","d","k","A"]'),
        ("ResponseRecorded", b'["l",1,"d'),
        ("ResponseRecorded", b""),
        ("ResponseRecorded", b"\x90"),
        ("ResponseRecorded", b"\x97\xa1l\x01\xa1d\xa1k\xa1A\xa1t\xa8too many"),
        ("ResponseRecorded", b"\x95\xa1l\xa3one\xa1d\xa1k\xa1A"),
        ("ResponseRecorded", b"\x95\xa1l\x01\xa1d\xa1k\xa1\xff"),
        ("ResponseRecorded", b"\x95\xa1l\x01\xa1d\xa1k"),
        ("LessonEnded", b"\x91\xa1l"),
        ("LessonEnded", b'["l"]'),
    ],
)
def test_what_is_no_body_of_its_kind_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_body(kind, body)


def test_only_what_comes_by_the_thousand_is_kept_as_values() -> None:
    assert [name for name, kind in KINDS.items() if kind.kept_as_values] == ["ResponseRecorded"]


def test_short_names_are_for_ever() -> None:
    """They stand on disks, and what the journal asks for by a kind's own name has no short one."""
    assert {name: kept_kind(name) for name in KINDS if kept_kind(name) != name} == {
        "ResponseRecorded": "R"
    }
    assert all(kind_of(kept_kind(name)) == name for name in KINDS)
    assert kind_of("ResponseRecorded") == "ResponseRecorded"  # as older agents kept it


def test_a_short_name_of_a_newer_agent_is_a_kind_that_is_not_known() -> None:
    assert kind_of("Z") == "Z"
    with pytest.raises(KeyError):
        decode_body(kind_of("Z"), b"{}")
