"""What passes between a device and the board, for whoever listens, and what is kept from them."""

import pytest

from agent.tap import LINE_BYTES, LINES, Listener, Tap, tapped
from benchmarks.decoders import recordings
from drivers.api import Cover
from drivers.on_receiver import FrameCover
from drivers.protocols.zkxl_stream import ZkxlCover
from drivers.readings import CardTap, KeyPress
from firmware_bridge.connection import Pressed
from firmware_bridge.frame import encode_frame
from firmware_bridge.messages import Locate, Press, Presses, Switches, Wiegand
from tests.drivers.fake_ports import FakePorts, MemoryLine


class Ear:
    """A listener, and how often it was woken."""

    def __init__(self, tap: Tap) -> None:
        self.woken = 0
        self.listener = Listener(self._wake)
        tap.listeners += (self.listener,)

    def _wake(self) -> None:
        self.woken += 1


@pytest.fixture
def tap() -> Tap:
    return Tap(lambda: 7)


async def test_a_line_is_heard_both_ways_and_passes_all_on(tap: Tap) -> None:
    line = MemoryLine()
    ports = tapped(FakePorts(line), tap)
    opened = await ports.serial("/dev/x", baud=9600)
    line.send(b"early")
    assert await opened.read() == b"early", "before anybody listens"
    ear = Ear(tap)
    line.send(b"\x01\xff")
    assert await opened.read() == b"\x01\xff"
    opened.write(b"hi")
    assert line.written == b"hi"
    assert [(one.way, one.data) for one in ear.listener.fetch(9)] == [
        ("in", b"\x01\xff"),
        ("out", b"hi"),
    ]
    assert ear.woken == 2
    opened.close()
    assert line.closed


@pytest.mark.parametrize("bus", ["hid", "input"])
async def test_every_kind_of_line_is_heard(tap: Tap, bus: str) -> None:
    line, ear = MemoryLine(), Ear(tap)
    ports = tapped(FakePorts(line), tap)
    opened = await (ports.hid("x") if bus == "hid" else ports.input("x", grab=True))
    line.send(b"abc")
    await opened.read()
    assert [one.data for one in ear.listener.fetch(9)] == [b"abc"]


async def test_what_else_ports_and_lines_can_do_stays(tap: Tap) -> None:
    ports = FakePorts(MemoryLine())
    through = tapped(ports, tap)
    assert through.phones is ports.memory_phones
    assert through.now_ns() == ports.clock_ns


def test_a_listener_that_is_slow_loses_the_oldest_and_is_told_how_much(tap: Tap) -> None:
    ear = Ear(tap)
    for number in range(LINES + 5):
        tap.passed("in", bytes((number % 256,)) * (LINE_BYTES + 1))
    held = ear.listener.fetch(LINES + 5)
    assert len(held) == LINES
    assert ear.listener.missed == 5
    assert held[0].data == bytes((5,)) * LINE_BYTES
    assert held[0].count_bytes == LINE_BYTES + 1
    assert len(ear.listener) == 0


def test_no_number_of_a_card_is_held(tap: Tap) -> None:
    tap.card_numbers = True
    ear = Ear(tap)
    tap.passed("in", b"\x021200BC614E9F\x03")
    tap.passed("out", b"ask")
    tap.emitted([CardTap(device="reader", mono_ns=1, uid="1200BC614E")])
    asked, said, read = ear.listener.fetch(9)
    assert (asked.data, asked.count_bytes) == (b"", 14)
    assert said.data == b"ask"
    assert isinstance(read.reading, CardTap)
    assert read.reading.uid == "•" * 10


def test_a_reading_that_is_no_card_is_held_as_it_is(tap: Tap) -> None:
    ear, press = Ear(tap), KeyPress(device="base", mono_ns=1, keypad="82E97001", key="C")
    tap.emitted([press])
    assert [one.reading for one in ear.listener.fetch(9)] == [press]


# -- what is shown of a line on which cards may pass --------------------------------------------

CARD = encode_frame(Wiegand(1, "1" + "0001001000110100" * 2 + "0").encode())
PRESS = encode_frame(Presses((Press(1, 7, 3, "82E97001", "C"),)).encode())
ZKXL_CARD = bytes.fromhex("5c26010c145519ffa0b1c20432303236303134" + "00" * 13 + "68ca")
ZKXL_PRESS = bytes.fromhex("5c11010c14550d5aa0b1c20100110301014181cac0ca")


def pieces(cover: Cover, data: bytes, size: int) -> list[tuple[bytes, bool]]:
    found: list[tuple[bytes, bool]] = []
    for at in range(0, len(data), size):
        found += cover.feed(data[at : at + size], 0)
    return found


def shown(found: list[tuple[bytes, bool]]) -> list[bytes]:
    return [piece for piece, may_be_shown in found if may_be_shown]


@pytest.mark.parametrize("size", [1, 5, 4096])
def test_of_a_receivers_line_all_is_shown_but_cards_and_what_makes_no_sense(size: int) -> None:
    switches = encode_frame(Switches(3).encode())
    spoilt_card = CARD[:4] + bytes((CARD[4] ^ 1,)) + CARD[5:]
    cut_card = CARD[3:]
    data = cut_card + PRESS + CARD + switches + spoilt_card + PRESS
    found = pieces(FrameCover(), data, size)
    assert b"".join(piece for piece, _ in found) == data
    assert shown(found) == [PRESS, switches, PRESS]


@pytest.mark.parametrize("size", [1, 5, 4096])
def test_of_a_zkxl_line_all_is_shown_but_cards_and_what_makes_no_sense(size: int) -> None:
    data = ZKXL_CARD[4:] + ZKXL_PRESS + ZKXL_CARD + ZKXL_CARD[:-2] + b"\x00\xca" + ZKXL_PRESS
    found = pieces(ZkxlCover(), data, size)
    assert b"".join(piece for piece, _ in found) == data
    assert shown(found) == [ZKXL_PRESS, ZKXL_PRESS]


@pytest.mark.parametrize(
    ("driver", "cover"), [("clicker.reference", FrameCover), ("clicker.zkxl", ZkxlCover)]
)
def test_of_recordings_most_is_shown_and_no_byte_is_lost(driver: str, cover: type[Cover]) -> None:
    for tape in recordings.of_driver(driver):
        found = pieces(cover(), tape.data, 64)
        assert tape.data.startswith(b"".join(piece for piece, _ in found))
        assert shown(found)
        assert not any(ZKXL_CARD[8:12] in one and one[1] == ZKXL_CARD[1] for one in shown(found))


def test_what_never_ends_is_not_held() -> None:
    found = pieces(FrameCover(), b"\x55" * 5000, 100)
    assert 5000 - sum(len(piece) for piece, _ in found) <= 256
    assert shown(found) == []


async def test_both_devices_on_one_receiver_hear_its_line(tap: Tap) -> None:
    line, other = MemoryLine(), Tap(lambda: 7)
    ports = FakePorts(line)
    hears = {"baud": 9600, "hears": (Pressed,), "open_line": ports.serial}
    first = await tapped(ports, tap).receivers.join("/dev/x", **hears)  # type: ignore[arg-type]
    second = await tapped(ports, other).receivers.join("/dev/x", **hears)  # type: ignore[arg-type]
    ears = [Ear(tap), Ear(other)]
    tap.card_numbers, tap.cover = True, FrameCover()
    other.card_numbers, other.cover = True, FrameCover()
    hello = recordings.of_driver("clicker.reference")[0].data
    line.send(hello + CARD)
    await first.receive()
    second.connection.tell(Locate(1))
    second.flush()
    for ear in ears:
        passed = ear.listener.fetch(LINES)
        heard = [one for one in passed if one.way == "in"]
        assert sum(one.count_bytes for one in heard) == len(hello + CARD)
        assert heard[0].data
        assert heard[-1].data == b""
        assert any(one.way == "out" and one.data for one in passed)
    for seat in (first, second):
        seat.leave()
