from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.errors import TopicInvalid
from agent.wire.topics import CODE_PATTERN, Address, every_board, parse

CODES = st.from_regex(CODE_PATTERN, fullmatch=True)
BOARD = Address("4403", "440305", "s012", "r301", "board-1")


@given(st.tuples(CODES, CODES, CODES, CODES, CODES), CODES)
def test_a_topic_is_read_back_as_it_was_written(parts: tuple[str, ...], kind: str) -> None:
    address = Address(*parts).checked()
    assert parse(address.up(kind)) == (address, "up", kind)
    assert parse(address.dn(kind)) == (address, "dn", kind)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        topic = parse(text)
    except TopicInvalid:
        return
    assert topic.address.up(topic.kind) == text or topic.address.dn(topic.kind) == text


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "edu1/4403/440305/s012/r301/board-1/up",
        "edu1/4403/440305/s012/r301/board-1/up/b/more",
        "edu2/4403/440305/s012/r301/board-1/up/b",
        "edu1/4403/440305/s012/r301/board-1/sideways/b",
        "edu1/4403/440305/s012/r301//up/b",
        "edu1/4403/440305/s012/r301/bo ard/up/b",
        "edu1/4403/440305/s012/r301/board-1\n/up/b",
        "edu1/4403/440305/s012/+/board-1/up/b",
        "edu1/4403/440305/s012/" + "r" * 41 + "/board-1/up/b",
        "edu1/4403/440305/s012/r301/板/up/b",
    ],
)
def test_what_is_not_ours_is_refused(topic: str) -> None:
    with pytest.raises(TopicInvalid):
        parse(topic)


@pytest.mark.parametrize("device", ["d/up", "#", "+", "", "a" * 41, "board_1"])
def test_a_name_that_is_no_code_never_gets_into_a_topic(device: str) -> None:
    with pytest.raises(TopicInvalid, match="device"):
        BOARD._replace(device=device).checked()


def test_filters_of_the_school() -> None:
    assert every_board("b") == "edu1/+/+/+/+/+/up/b"
    assert every_board("b", share="ingest") == "$share/ingest/edu1/+/+/+/+/+/up/b"
    with pytest.raises(TopicInvalid):
        every_board("b", share="in/gest")


def test_the_place_of_a_board() -> None:
    assert BOARD.place == "4403/440305/s012/r301"
