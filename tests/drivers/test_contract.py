"""What every driver keeps to. A new driver's file is found here by itself."""

import asyncio
import random
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress

import pytest

from agent.commands import decode
from benchmarks.decoders import fuzz, recordings
from benchmarks.decoders.recordings import Recording
from drivers import registry
from drivers.api import Decoder, Driver
from drivers.errors import DeviceLost, DriverError
from drivers.readings import Attached, CardTap, Reading
from drivers.usb import BRIDGES, is_usb_id
from tests.drivers.fake_ports import (
    Delivery,
    FakePorts,
    MemoryLine,
    MemorySlot,
    bytewise,
    delayed,
    lossy,
    whole,
)

NAMES = registry.names()
WITH_BYTES = [name for name in NAMES if registry.load(name).decoder("x") is not None]
RECORDINGS = [one for name in WITH_BYTES for one in recordings.of_driver(name)]
JUNK_BYTES = 65_536
HELD_BYTES = 16_384
"""A decoder holds less than this, whatever it was fed."""

WITHOUT_CHECK = {"card.keyboard", "sensor.serial_line", "whiteboard.touch"}
"""A lost byte may be a lost digit there, and nothing can tell. Of the kernel's records none is lost
without its saying so; of a sensor's line the pattern in the settings is the only check."""
FUZZED_BYTES = 1_000_000
RECOVERIES = 200
FRAMES_TO_RECOVER = 2

recorded = pytest.mark.parametrize(
    "recording", RECORDINGS, ids=lambda one: f"{one.driver}/{one.name}"
)
checked = pytest.mark.parametrize(
    "recording",
    [one for one in RECORDINGS if one.driver not in WITHOUT_CHECK],
    ids=lambda one: f"{one.driver}/{one.name}",
)
every_driver = pytest.mark.parametrize("name", NAMES)
every_decoder = pytest.mark.parametrize("name", WITH_BYTES)


def decoder_of(name: str) -> Decoder:
    return decode.decoder_of(name, "recorded")


def lines_of(name: str, *chunks: bytes) -> list[str]:
    return [decode.line(one) for one in decode.readings(decoder_of(name), chunks)]


def junk(kind: str) -> bytes:
    if kind == "random":
        return random.Random(7).randbytes(JUNK_BYTES)
    return bytes((int(kind, 16),)) * JUNK_BYTES


def make(name: str, ports: FakePorts) -> Driver:
    """The driver with the least options: it may need a port and nothing else."""
    driver_class = registry.load(name)
    needed = {"port": "/dev/fake"} if "port" in driver_class.Options.model_fields else {}
    return driver_class("recorded", driver_class.Options.model_validate(needed), ports=ports)


class Heard:
    """What a driver emitted."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []

    async def emit(self, *readings: Reading) -> None:
        self.readings.extend(readings)
        await asyncio.sleep(0)

    @property
    def lines(self) -> list[str]:
        return [decode.line(one) for one in self.readings if not isinstance(one, Attached)]

    def check_attached_first(self) -> None:
        assert isinstance(self.readings[0], Attached)


# -- the decoder ------------------------------------------------------------------------------


@every_decoder
def test_a_driver_comes_with_a_recording(name: str) -> None:
    found = recordings.of_driver(name)
    assert any(one.data and one.lines for one in found), f"tests/recordings/{name}/ holds none"


@recorded
def test_a_recording_is_decoded_whole(recording: Recording) -> None:
    assert lines_of(recording.driver, recording.data) == recording.lines


@recorded
def test_a_recording_is_decoded_byte_by_byte(recording: Recording) -> None:
    assert lines_of(recording.driver, *bytewise(recording.data)) == recording.lines


@recorded
@pytest.mark.parametrize("seed", range(5))
def test_a_recording_is_decoded_in_any_pieces(recording: Recording, seed: int) -> None:
    assert lines_of(recording.driver, *delayed(seed)(recording.data)) == recording.lines


@recorded
@pytest.mark.parametrize("seed", range(5))
def test_noise_in_front_is_counted_and_skipped(recording: Recording, seed: int) -> None:
    noise = random.Random(seed).randbytes(100)
    decoder = decoder_of(recording.driver)
    found = decode.readings(decoder, [noise, recording.data])
    assert [decode.line(one) for one in found][-len(recording.lines) :] == recording.lines
    quiet = decoder_of(recording.driver)
    list(decode.readings(quiet, [recording.data]))
    assert decoder.junk_bytes > quiet.junk_bytes


@recorded
def test_a_frame_cut_anywhere_costs_itself_alone(recording: Recording) -> None:
    for cut in range(len(recording.data)):
        found = lines_of(recording.driver, recording.data[:cut], recording.data)
        assert set(found) == set(recording.lines), f"cut at byte {cut}"


@recorded
@pytest.mark.parametrize("kind", ["random", "00", "02", "ff"])
def test_after_64_kib_of_junk_it_goes_on(recording: Recording, kind: str) -> None:
    again = recording.data * (1024 // len(recording.data) + 2)
    found = lines_of(recording.driver, junk(kind), again)
    assert set(recording.lines) <= set(found)


@every_decoder
@pytest.mark.parametrize("kind", ["random", "00", "02", "ff"])
def test_junk_is_counted_and_not_kept(name: str, kind: str) -> None:
    data = junk(kind)
    tracemalloc.start()
    try:
        decoder = decoder_of(name)
        before, _ = tracemalloc.get_traced_memory()
        for at in range(0, JUNK_BYTES, 512):
            said = decoder.feed(data[at : at + 512], 0)
            assert not said or kind == "random", "a weak check may be met by chance alone"
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held - before < HELD_BYTES
    assert decoder.junk_bytes <= JUNK_BYTES
    if kind == "random":  # a byte repeated may be what a line says when it is idle
        assert decoder.junk_bytes > JUNK_BYTES - HELD_BYTES


@every_decoder
def test_a_million_fuzzed_bytes_give_no_wrong_reading(name: str) -> None:
    """`./dev soak decoders` gives ten million. No exception, and nothing that no frame says."""
    tally = fuzz.fuzz(name, FUZZED_BYTES)
    assert tally.fed_bytes >= FUZZED_BYTES
    assert tally.readings > 0
    assert not tally.wrong, f"{tally.wrong} readings that no intact frame justifies"


@every_decoder
def test_fuzzed_bytes_are_not_kept(name: str) -> None:
    tally = fuzz.fuzz(name, 2 * fuzz.BLOCK_BYTES, seed=2, memory=True)
    assert tally.held_bytes < fuzz.MOST_HELD_BYTES


@recorded
def test_a_frame_after_garbage_is_read_again_within_two_frames(recording: Recording) -> None:
    chance = random.Random(5)
    frames = fuzz.segments(recording)
    for trial in range(RECOVERIES):
        at = chance.randrange(len(frames))
        after = [*frames[at:], *frames[:at]] * FRAMES_TO_RECOVER
        before = fuzz.garbage(recording.data, chance)
        took = fuzz.frames_to_recover(recording.driver, before, after, FRAMES_TO_RECOVER)
        assert took <= FRAMES_TO_RECOVER, f"trial {trial}: after {before.hex()}"


# -- the driver -------------------------------------------------------------------------------


@every_driver
def test_the_constructor_opens_nothing(name: str) -> None:
    ports = FakePorts()
    driver = make(name, ports)
    assert not ports.opened
    assert all(isinstance(count, int) for count in driver.counters().values())


@every_driver
def test_every_option_is_described(name: str) -> None:
    for option, field in registry.load(name).Options.model_fields.items():
        assert field.description, option


@every_decoder
async def test_it_says_on_which_bus_its_device_is_found(name: str) -> None:
    ports = FakePorts()
    with suppress(DriverError):
        await make(name, ports).run(Heard().emit)
    assert {registry.load(name).FITS.bus} == set(ports.asked)


@every_driver
def test_what_it_is_known_by_stands_for_nothing_else(name: str) -> None:
    """A bridge chip's id is that of anything which somebody soldered behind it."""
    driver = registry.load(name)
    fits, port = driver.FITS, driver.Options.model_fields.get("port")
    for usb in fits.usb:
        assert is_usb_id(usb)
        assert usb == usb.lower()
        assert usb not in BRIDGES
    if port is not None and not port.is_required():
        only_one = fits.bus == "smartcard" and port.default == ""
        assert only_one or port.default in fits.usb, "its usual port is known to be its own"
    if fits.bus == "hid":
        assert fits.usb, "a HID device is known by its USB id"
    if fits.bus == "input":
        assert fits.keys or fits.axes, "an input device is known by what it can do"


@every_decoder
def test_a_device_of_cards_says_so_that_nobody_is_shown_its_bytes(name: str) -> None:
    said = [
        reading
        for one in recordings.of_driver(name)
        for reading in decoder_of(name).feed(one.data, 0)
    ]
    if any(isinstance(one, CardTap) for one in said):
        assert registry.load(name).CARD_NUMBERS


def deliveries() -> Iterator[tuple[str, Delivery]]:
    yield "whole", whole
    yield "bytewise", bytewise
    yield "delayed", delayed(3)


@recorded
@pytest.mark.parametrize(
    "delivery", [one for _, one in deliveries()], ids=[n for n, _ in deliveries()]
)
async def test_it_attaches_first_and_emits_what_was_recorded(
    recording: Recording, delivery: Delivery
) -> None:
    line, heard = MemoryLine(delivery), Heard()
    line.send(recording.data)
    line.unplug()
    with pytest.raises(DeviceLost):
        await make(recording.driver, FakePorts(line)).run(heard.emit)
    heard.check_attached_first()
    assert heard.lines == recording.lines
    assert line.closed


@checked
@pytest.mark.parametrize("seed", range(5))
async def test_a_lossy_line_invents_nothing(recording: Recording, seed: int) -> None:
    line, heard = MemoryLine(lossy(seed)), Heard()
    for _ in range(20):
        line.send(recording.data)
    line.unplug()
    with pytest.raises(DeviceLost):
        await make(recording.driver, FakePorts(line)).run(heard.emit)
    assert set(heard.lines) <= set(recording.lines)


@every_decoder
@pytest.mark.parametrize("kind", ["random", "00", "02", "ff"])
async def test_junk_on_the_line_is_survived(name: str, kind: str) -> None:
    line, heard = MemoryLine(), Heard()
    line.send(junk(kind))
    line.unplug()
    driver = make(name, FakePorts(line))
    with pytest.raises(DeviceLost):
        await driver.run(heard.emit)
    if kind != "random":
        assert not heard.lines
    else:
        assert driver.counters()["junk_bytes"] > JUNK_BYTES - HELD_BYTES


@every_decoder
async def test_a_port_that_is_not_there_is_a_lost_device(name: str) -> None:
    with pytest.raises(DriverError) as refused:
        await make(name, FakePorts()).run(Heard().emit)
    assert isinstance(refused.value, DeviceLost)


@every_driver
async def test_it_ends_when_cancelled_and_runs_again(name: str) -> None:
    data = b"".join(one.data for one in recordings.of_driver(name)[:1])
    lines, slots = [MemoryLine(), MemoryLine()], [MemorySlot(), MemorySlot()]
    ports = FakePorts(*lines)
    ports.slots.extend(slots)
    driver = make(name, ports)
    for line, slot in zip(lines, slots, strict=True):
        heard, attached = Heard(), asyncio.Event()

        async def emit(
            *readings: Reading, heard: Heard = heard, done: asyncio.Event = attached
        ) -> None:
            await heard.emit(*readings)
            done.set()

        running = asyncio.create_task(driver.run(emit))
        line.send(data)
        await attached.wait()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        assert running.cancelled()
        heard.check_attached_first()
        assert line.closed or name not in WITH_BYTES
        assert slot.closed or slot in ports.slots
