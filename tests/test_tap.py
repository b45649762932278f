"""What passes between a device and the board, for whoever listens, and what is kept from them."""

import pytest

from agent.tap import LINE_BYTES, LINES, Listener, Tap, tapped
from drivers.readings import CardTap, KeyPress
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
