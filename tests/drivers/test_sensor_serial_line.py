"""A sensor of one value a line: which lines, which patterns, and how often it is told."""

import asyncio
import os
import tty

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agent.ports import BoardPorts
from drivers.errors import DeviceLost, DeviceMisconfigured
from drivers.line_pattern import LINE_CHARS, PatternRefused, line_pattern
from drivers.protocols.telling import Telling
from drivers.readings import Attached, Measurement, Reading
from drivers.sensor.serial_line import (
    A_NUMBER,
    LineDecoder,
    SerialLine,
    SerialLineOptions,
)
from tests.drivers.fake_ports import FakePorts, MemoryLine, MemoryPhones

S = 1_000_000_000


def values(data: bytes, pattern: str = A_NUMBER) -> list[float]:
    return [one.value for one in LineDecoder("sensor", pattern, "q", "u").feed(data, 0)]


def test_a_value_a_line() -> None:
    assert values(b"21.5\r\n-3\n+4,25\r") == [21.5, -3.0, 4.25]


def test_lines_without_a_value_are_counted_and_skipped() -> None:
    decoder = LineDecoder("sensor", A_NUMBER, "q", "")
    data = b"booting\n\n\n" + b"1" * 300 + b"\n7\n1e5\n\xff7\n" + b"9" * 70 + b"\n"
    assert [one.value for one in decoder.feed(data, 0)] == [7.0, float("9" * 70)]
    assert decoder.lines_skipped == 4
    assert decoder.junk_bytes == 8 + 301 + 4 + 3


def test_a_pattern_takes_the_value_out_of_a_line() -> None:
    line = b"CO2: 812 ppm, T= 21.5 C\n"
    assert values(line, r"CO2:\s*(\d+)") == [812.0]
    assert values(line, r"T=\s*(-?\d+(?:\.\d+)?)") == [21.5]
    assert values(line, r"RH=(\d+)") == []
    assert values(b"T=\n", r"T=(\d+)?") == []
    assert values(b"T=abc\n", r"T=(.*)") == []
    assert values(b"T=inf\nT=nan\n", r"T=(.*)") == []


@given(st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 2))), st.integers(1, 30))
def test_every_value_is_found_in_any_pieces(sent: list[float], size: int) -> None:
    data = b"".join(b"%.2f\r\n" % value for value in sent)
    decoder = LineDecoder("sensor", A_NUMBER, "q", "")
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert [one.value for piece in pieces for one in decoder.feed(piece, 0)] == sent
    assert decoder.junk_bytes == 0


@given(st.binary(max_size=200))
def test_the_second_value_behind_anything_is_found(noise: bytes) -> None:
    assert values(noise + b"\n7\n")[-1] == 7.0


# -- patterns ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pattern",
    [
        A_NUMBER,
        r"(\d+)",
        r"T\s*[:=]\s*(-?\d+(?:\.\d+)?)",
        r"^[^,]*,[^,]*,[^,]*,(\d+)",
        r"^\s*[A-Z]{0,3}\s*([-+]?\d+(?:[.,]\d+)?)\s*(?:kg|g)?$",
        r"\$[A-Z]{5},(\d{1,4})\*",
        r"[\]\-](\d+)[^\]]$",
    ],
)
def test_what_people_write_is_taken(pattern: str) -> None:
    assert line_pattern(pattern).groups == 1


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"(\d+", "not a regular expression"),
        (r"\d+", "has one group, this one has 0"),
        (r"(\d+) (\d+)", "has one group, this one has 2"),
        (r"(?:a+)+(\d)", "repeats a whole group"),
        (r"((?:a|ab)*)", "repeats a whole group"),
        (r"(?:\d{1,9}){1,30}(x)", "repeats a whole group"),
        (r"(a)\1", "may not refer back"),
        (r"(?P<v>\d+)", r"only \(\?: \) may be used"),
        (r"(?=.*)(\d+)", r"only \(\?: \) may be used"),
        (r"(.*.*.*.*.*)x", "too many repeats"),
        (r"(.*.*.*)(?:a?a?a?a?a?a?a?a?)x", "too many repeats"),
        ("(" + "a?" * 30 + "a" * 30 + ")", "too many repeats"),
        (r"(\d)" + "a" * 300, "at most 200 characters"),
    ],
)
def test_a_pattern_that_is_wrong_or_might_not_end_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(PatternRefused, match=why):
        line_pattern(pattern)
    with pytest.raises(ValidationError, match=why):
        SerialLineOptions(port="/dev/fake", pattern=pattern)


@given(st.text(alphabet="ab1,. \\d*+?[](){}|^$-", max_size=14))
def test_a_pattern_that_is_taken_ends_on_any_line(body: str) -> None:
    try:
        pattern = line_pattern(f"({body})x")
    except PatternRefused:
        return
    for line in ("a" * LINE_CHARS, "1" * LINE_CHARS, "ab" * 40, " " * LINE_CHARS):
        pattern.search(line)


async def test_a_pattern_that_is_slow_all_the_same_is_said_to_be() -> None:
    driver = SerialLine("sensor", SerialLineOptions(port="/dev/fake"), ports=FakePorts())
    line = MemoryLine()
    driver.ports = FakePorts(line)
    running = asyncio.create_task(driver.run(Heard().emit))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    driver._decoder.slow = True  # noqa: SLF001 (what is taken is not slow, as far as is known)
    line.send(b"1\n")
    with pytest.raises(DeviceMisconfigured, match="pattern_slow"):
        await running
    assert line.closed


# -- how often --------------------------------------------------------------------------------


class Heard:
    """What a driver emitted."""

    def __init__(self) -> None:
        self.values: list[float] = []
        self.attached = asyncio.Event()

    async def emit(self, *readings: Reading) -> None:
        self.values += [one.value for one in readings if isinstance(one, Measurement)]
        if isinstance(readings[0], Attached):
            self.attached.set()


def told_at(worth_telling: float | None, *said: tuple[float, float]) -> list[tuple[float, float]]:
    """(second, value) of what is told when a value is said at a second; looked at each 0.1 s."""
    telling = Telling(60 * S, S, worth_telling)
    waiting, told = list(said), []
    for tick in range(2_000):
        now_ns = tick * S // 10
        while waiting and waiting[0][0] * S <= now_ns:
            _, value = waiting.pop(0)
            one = Measurement(device="s", mono_ns=now_ns, quantity="q", value=value, unit="")
            telling.hear([one])
        if (due := telling.take(now_ns)) is not None:
            told.append((now_ns / S, due.value))
    assert telling.not_told == len(said) - len(told)
    return told


def test_a_scale_that_writes_all_the_time_is_told_once_a_minute() -> None:
    said = [(tick / 10, 5.0) for tick in range(1_500)]
    assert [at_s for at_s, _ in told_at(None, *said)] == [0.0, 60.0, 120.0, 180.0]


def test_a_value_that_moved_by_more_than_is_worth_telling_is_told_at_once() -> None:
    said = [(0.0, 5.0), (3.0, 5.4), (4.0, 5.6)]
    assert told_at(0.5, *said) == [(0.0, 5.0), (4.0, 5.6)]
    assert told_at(None, *said) == [(0.0, 5.0), (60.0, 5.6)]


def test_the_last_of_many_sudden_values_is_told_a_second_later_though_nothing_follows() -> None:
    said = [(10.0, 0.0), (10.2, 40.0), (10.4, 70.0)]
    assert told_at(1.0, *said) == [(10.0, 0.0), (11.0, 70.0)]


async def heard_after(*said: tuple[float, bytes]) -> tuple[Heard, asyncio.Task[None]]:
    """A driver that was sent bytes at given seconds; it runs on."""
    line = MemoryLine()
    ports = FakePorts(line)
    began_ns = ports.clock_ns
    driver = SerialLine("sensor", SerialLineOptions(port="/dev/fake"), ports=ports)
    heard = Heard()
    running = asyncio.create_task(driver.run(heard.emit))
    for at_s, data in said:
        await asyncio.sleep(0)
        ports.clock_ns = began_ns + int(at_s * S)
        line.send(data)
        for _ in range(10):
            await asyncio.sleep(0)
    return heard, running


async def test_lines_that_never_fit_are_said_to_be_garbled() -> None:
    heard, running = await heard_after(*((n / 2, b"\xe6\x9e\x06\xf8\x80\n") for n in range(20)))
    with pytest.raises(DeviceLost, match="line_garbled"):
        await running
    assert not heard.attached.is_set()


async def test_a_sensor_that_was_understood_once_is_not_garbled_later() -> None:
    lines = [(0.0, b"7\n"), *((n / 2, b"calibrating\n") for n in range(60))]
    heard, running = await heard_after(*lines)
    assert heard.attached.is_set()
    assert heard.values == [7.0]
    assert not running.done()
    running.cancel()


async def test_from_a_serial_port_to_a_measurement_and_to_the_unplugged_cable() -> None:
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    said: asyncio.Queue[Reading] = asyncio.Queue()

    async def emit(*emitted: Reading) -> None:
        for reading in emitted:
            said.put_nowait(reading)

    options = SerialLineOptions.model_validate(
        {"port": os.ttyname(theirs), "pattern": r"CO2 (\d+)", "quantity": "co2", "unit": "ppm",
         "worth_telling": 1, "least_s": 0.1}
    )  # fmt: skip
    driver = SerialLine("air", options, ports=BoardPorts(MemoryPhones()))
    running = asyncio.create_task(driver.run(emit))
    while said.empty():  # what is written before the port is open is lost
        os.write(ours, b"CO2 812 ppm\r\n")
        await asyncio.sleep(0.02)
    assert isinstance(await said.get(), Attached)
    first = await said.get()
    assert isinstance(first, Measurement)
    assert (first.device, first.quantity, first.value, first.unit) == ("air", "co2", 812.0, "ppm")
    os.write(ours, b"CO2 9")
    await asyncio.sleep(0)
    os.write(ours, b"01\r\n")  # too early, and the last thing that it says
    second = await said.get()
    assert isinstance(second, Measurement)
    assert second.value == 901.0
    assert second.mono_ns - first.mono_ns < 60 * S
    os.close(theirs)
    os.close(ours)
    with pytest.raises(DeviceLost):
        await running
