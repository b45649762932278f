"""What XES keypads say of themselves and of the radio."""

import struct

import pytest

from drivers.capabilities import KeypadState, KnowsKeypads
from drivers.clicker.xes import KEYPADS, REPORT_BYTES, Xes, XesDecoder, XesOptions
from drivers.errors import DeviceLost
from drivers.readings import Reading
from tests.drivers.fake_ports import FakePorts, MemoryLine


def report(
    uid: int,
    *,
    seq: int = 1,
    answer: bytes = b"\x01",
    sent: int = 1,
    echoed: int = 1,
    pressed: int = 1,
    rssi: int = 57,
    power: int = 88,
) -> bytes:
    said = struct.pack(
        ">B9sBIIIIB16s",
        rssi, bytes.fromhex("202611241015300500"), power, pressed, pressed, sent, echoed, 1, answer,
    )  # fmt: skip
    head = struct.pack("<I", uid) + struct.pack(">I", seq) + bytes((2, len(said)))
    return (head + said).ljust(REPORT_BYTES, b"\0")


def test_a_keypad_bears_the_name_that_its_bytes_say_from_the_end() -> None:
    (press,) = XesDecoder("x").feed(report(0x1A2B3C4D), 7)
    assert (press.keypad, press.key, press.mono_ns) == ("1A2B3C4D", "A", 7)


@pytest.mark.parametrize(
    ("answer", "key"),
    [(b"\x07", "G"), (b"\x03\x01", "AC"), (b"\x02\xff\xff", "B"), (b"\x01\x02\x03\x04", "ABCD")],
)
def test_an_answer_is_the_options_chosen(answer: bytes, key: str) -> None:
    assert [one.key for one in XesDecoder("x").feed(report(1, answer=answer), 0)] == [key]


@pytest.mark.parametrize("answer", [b"", b"\x08", b"A", b"\x01\x00\x02"])
def test_an_answer_that_names_no_option_is_counted_and_not_given(answer: bytes) -> None:
    decoder = XesDecoder("x")
    assert decoder.feed(report(1, answer=answer), 0) == []
    assert decoder.unknown_frames == 1


def test_the_counters_of_the_keypads_say_what_the_radio_lost() -> None:
    decoder = XesDecoder("x")
    decoder.feed(report(1, seq=1, sent=100, echoed=90), 0)
    decoder.feed(report(1, seq=1, sent=101, echoed=90), 0)  # again: it had no echo
    decoder.feed(report(1, seq=2, sent=105, echoed=91), 0)  # three between never came
    decoder.feed(report(2, seq=1, sent=7, echoed=7), 0)
    decoder.feed(report(1, seq=1, sent=3, echoed=3, pressed=9), 0)  # a new battery
    assert (decoder.repeats, decoder.lost, decoder.unconfirmed) == (1, 3, 4)


def test_the_same_press_has_the_same_name_and_another_has_another() -> None:
    first, second, third = XesDecoder("x").feed(
        report(1, seq=1) + report(1, seq=2) + report(1, seq=2, pressed=2), 0
    )
    assert len({first.token, second.token, third.token}) == 3
    assert XesDecoder("x").feed(report(1, seq=1), 9)[0].token == first.token


async def test_signal_and_power_of_each_keypad_are_known() -> None:
    line = MemoryLine()
    line.send(report(1, rssi=57, power=88) + report(2, rssi=80, power=3))
    line.unplug()
    driver = Xes("x", XesOptions(), ports=FakePorts(line))

    async def emit(*_: Reading) -> None:
        pass

    with pytest.raises(DeviceLost):
        await driver.run(emit)
    assert isinstance(driver, KnowsKeypads)
    assert driver.keypads() == {
        "00000001": KeypadState(rssi_dbm=-57, power=88),
        "00000002": KeypadState(rssi_dbm=-80, power=3),
    }
    assert driver.counters()["junk_bytes"] == 0


def test_of_many_keypads_the_newest_are_remembered() -> None:
    decoder = XesDecoder("x")
    for uid in range(KEYPADS + 10):
        decoder.feed(report(uid + 1), 0)
    assert len(decoder.keypads) == KEYPADS
    assert "00000001" not in decoder.keypads


def test_a_report_of_another_kind_is_skipped_whole() -> None:
    other = bytearray(report(5))
    other[8:10] = b"\x07\x20"
    decoder = XesDecoder("x")
    assert len(decoder.feed(bytes(other) + report(0x100), 0)) == 1
    assert (decoder.unknown_frames, decoder.junk_bytes) == (1, 0)
