"""PROTOCOL.md says what the code does: every example, table and code in it."""

import re
from pathlib import Path

import pytest

import firmware_bridge
from firmware_bridge.connection import TRANSITIONS
from firmware_bridge.frame import FrameDecoder, cobs_decode, encode_frame
from firmware_bridge.message_table import LAYOUT_CRC, MESSAGES
from firmware_bridge.messages import (
    OutcomeCode,
    QuestionKind,
    Unknown,
    decode_from_host,
    decode_from_receiver,
)

TEXT = (Path(firmware_bridge.__file__).parent / "PROTOCOL.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```example\n(.+?)\n```", TEXT, re.DOTALL)


def state_table() -> str:
    rows = ["| state | on | next |", "|---|---|---|"]
    for state, row in TRANSITIONS.items():
        rows += [f"| {state.name} | {on.name} | {target.name} |" for on, target in row.items()]
    return "\n".join(rows)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.split("(")[0])
def test_an_example_is_the_very_bytes(example: str) -> None:
    said, written = example.split("\n\n")
    frame = bytes.fromhex(written)
    (body,) = FrameDecoder().feed(frame)
    decode = decode_from_host if body[0] & 0x40 else decode_from_receiver
    message = decode(body)
    assert repr(message) == " ".join(said.split())
    assert not isinstance(message, Unknown)
    assert encode_frame(message.encode()) == frame  # type: ignore[union-attr]  # all of the page's can


def test_every_message_has_an_example() -> None:
    assert {bytes.fromhex(text.split("\n\n")[1])[1] for text in EXAMPLES} == set(MESSAGES)


def test_the_table_of_messages_is_the_code() -> None:
    for kind, layout in MESSAGES.items():
        crc = f"{LAYOUT_CRC[kind]:04X}"
        assert f"| 0x{kind:02X} | {kind.name} | `{layout or ' '}` | {crc} |" in TEXT


def test_the_states_are_the_code() -> None:
    assert state_table() in TEXT


def test_the_outcomes_and_kinds_are_the_code() -> None:
    assert re.findall(r"^\| 0x(..) \| ([A-Z_]+) \| [^|`]+ \|$", TEXT, re.MULTILINE) == [
        (f"{code:02X}", code.name) for code in OutcomeCode
    ]
    assert ", ".join(f"{kind.value} {kind.name}" for kind in QuestionKind) in TEXT


def test_the_cobs_example_is_right() -> None:
    found = re.search(r"body and CRC `([0-9A-F ]+)`\s+become `([0-9A-F ]+)`", TEXT)
    assert found is not None
    frame = bytes.fromhex(found[2])
    assert cobs_decode(frame[:-1]) == bytes.fromhex(found[1])
    assert FrameDecoder().feed(frame)
