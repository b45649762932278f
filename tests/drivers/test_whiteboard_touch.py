"""The touched board: who draws which line, what is no line, and the kernel's own way."""

import asyncio
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from drivers.anonymous_contacts import (
    ABS_MT_POSITION_X,
    ABS_MT_POSITION_Y,
    ABS_MT_PRESSURE,
    ABS_MT_TOOL_TYPE,
    ABS_MT_TOUCH_MAJOR,
    ABS_MT_TRACKING_ID,
)
from drivers.contacts import (
    ABS_PRESSURE,
    ABS_X,
    ABS_Y,
    BTN_TOUCH,
    MAX_POINTS,
    MAX_TRACKS,
    SYN_MT_REPORT,
    TOOL_PALM,
)
from drivers.errors import DeviceLost
from drivers.evdev import ABS_MT_SLOT, EV_ABS, EV_KEY, EV_SYN, SYN_DROPPED, InputEvent
from drivers.ports import Axis, SlotState
from drivers.readings import Attached, Reading, Stroke
from drivers.whiteboard.touch import Surface, Touch, TouchDecoder, TouchOptions
from tests.drivers.fake_ports import FakePorts, MemoryLine
from tests.drivers.input_world import World, record

Said = tuple[int, int, int]
SLOT, ID, X, Y = ABS_MT_SLOT, ABS_MT_TRACKING_ID, ABS_MT_POSITION_X, ABS_MT_POSITION_Y
SQUARE = Surface(Axis(0, 0, 1000), Axis(0, 0, 1000), 1000, 1000)
"""A unit is a millimetre."""
DROPPED: Said = (EV_SYN, SYN_DROPPED, 0)


def at(code: int, value: int) -> Said:
    return EV_ABS, code, value


def packets(*said: Iterable[Said], began_us: int = 5_000_000) -> list[InputEvent]:
    """Packets 10 ms apart, each ended by a SYN_REPORT."""
    events = []
    for number, packet in enumerate(said):
        time_us = began_us + 10_000 * number
        events += [InputEvent(time_us, *one) for one in (*packet, (EV_SYN, 0, 0))]
    return events


def strokes(decoder: TouchDecoder, events: Iterable[InputEvent]) -> list[list[tuple[float, float]]]:
    """The lines drawn, without their times."""
    said = decoder.feed(b"".join(map(record, events)), 0)
    return [[(x, y) for x, y, _ in stroke.points] for stroke in said]


def square(*, slots: bool = True, wipes_from_mm: float | None = None) -> TouchDecoder:
    return TouchDecoder("board", SQUARE, slots=slots, wipes_from_mm=wipes_from_mm)


def test_an_axis_that_does_not_change_keeps_its_value_from_touch_to_touch() -> None:
    first = packets([at(ID, 1), at(X, 10), at(Y, 20)], [at(X, 30)], [at(ID, -1)])
    second = packets([at(ID, 2)], [at(Y, 40)], [at(ID, -1)], began_us=6_000_000)
    assert strokes(square(), first + second) == [[(10, 20), (30, 20)], [(30, 20), (30, 40)]]


def test_the_touch_said_once_more_as_a_single_one_is_one_stroke() -> None:
    down = [(EV_KEY, BTN_TOUCH, 1), at(ABS_X, 10), at(ABS_Y, 20), at(ID, 1), at(X, 10), at(Y, 20)]
    up: list[Said] = [(EV_KEY, BTN_TOUCH, 0), at(ID, -1)]
    for slots in (True, False):
        events = packets(down, [at(ABS_X, 50), at(X, 50)], up)
        assert strokes(square(slots=slots), events) == [[(10, 20), (50, 20)]]


def test_a_slot_taken_over_without_a_lift_is_two_strokes() -> None:
    events = packets([at(ID, 1), at(X, 10), at(Y, 20)], [at(ID, 2), at(X, 500)], [at(ID, -1)])
    assert strokes(square(), events) == [[(10, 20)], [(500, 20)]]


def test_what_the_kernel_had_no_room_for_is_not_drawn() -> None:
    decoder = square()
    decoder.resume(0, {})
    before = packets([at(ID, 1), at(X, 10), at(Y, 20)], [at(X, 30)], [DROPPED, at(X, 900)])
    assert strokes(decoder, before) == [[(10, 20), (30, 20)]]
    assert decoder.wants_state
    decoder.resume(3, {3: SlotState(8, 910, 70), 0: SlotState(None, 30, 20)})
    after = packets([at(X, 950)], [at(ID, -1), at(SLOT, 0), at(ID, 9)], began_us=7_000_000)
    assert strokes(decoder, after) == [[(950, 70)]]
    end = packets([at(Y, 99)], [at(ID, -1)], began_us=8_000_000)
    assert strokes(decoder, end) == [[(30, 20), (30, 99)]]


def test_opened_in_mid_touch_the_line_goes_on_from_what_the_kernel_knows() -> None:
    decoder = square()
    decoder.resume(1, {1: SlotState(5, 100, 200)})
    assert strokes(decoder, packets([at(Y, 300)], [at(ID, -1)])) == [[(100, 300)]]
    unknown = square()
    assert strokes(unknown, packets([at(Y, 300)], [at(ID, -1)])) == []


def test_a_palm_draws_nothing_and_a_fist_wipes() -> None:
    decoder = square(wipes_from_mm=40)
    touch = [at(ID, 1), at(ABS_MT_TOOL_TYPE, TOOL_PALM), at(X, 10), at(Y, 20)]
    assert not strokes(decoder, packets(touch, [at(ID, -1)]))
    assert decoder.palms == 1
    wide = packets(
        [at(ID, 2), at(ABS_MT_TOUCH_MAJOR, 12), at(X, 9)], [at(ABS_MT_TOUCH_MAJOR, 60)],
        [at(ID, -1)], [at(ID, 3), at(ABS_MT_TOUCH_MAJOR, 12)], [at(ID, -1)], began_us=6_000_000,
    )  # fmt: skip
    said = decoder.feed(b"".join(map(record, wide)), 0)
    assert [one.tool for one in said] == ["eraser", "pen"]


def test_a_long_line_is_several_that_join() -> None:
    steps = [[at(X, number % 1000), at(Y, number // 1000)] for number in range(0, 2 * MAX_POINTS)]
    events = packets([at(ID, 1)], *steps, [at(ID, -1)])
    parts = strokes(square(), events)
    assert [len(part) for part in parts] == [MAX_POINTS, MAX_POINTS, 2]
    assert [part[-1] for part in parts[:-1]] == [part[0] for part in parts[1:]]


def test_more_contacts_than_are_followed_are_counted() -> None:
    decoder = square()
    for number in range(MAX_TRACKS + 3):
        touch = [at(SLOT, number), at(ID, number), at(X, number), at(Y, 5)]
        assert not strokes(decoder, packets(touch, began_us=1_000_000 * (number + 1)))
    assert decoder.contacts_skipped == 3
    off = packets([at(X, 5_000)], [at(SLOT, 4_000), at(X, 5)], began_us=90_000_000)
    assert not strokes(decoder, off)
    assert decoder.contacts_skipped == 5


ANONYMOUS: Said = (EV_SYN, SYN_MT_REPORT, 0)


def contact(x: int, y: int, *more: Said) -> list[Said]:
    return [at(X, x), at(Y, y), *more, ANONYMOUS]


def test_a_device_without_slots_says_each_contact_once_more_as_a_single_touch() -> None:
    down = [*contact(10, 20), (EV_KEY, BTN_TOUCH, 1), at(ABS_X, 10), at(ABS_Y, 20)]
    up: Said = (EV_KEY, BTN_TOUCH, 0)
    for slots in (True, False):
        for end in ([ANONYMOUS, up], [up], [at(ABS_PRESSURE, 0)]):
            events = packets(down, [*contact(80, 20), at(ABS_X, 80)], [at(ABS_X, 81)], end)
            assert strokes(square(slots=slots), events) == [[(10, 20), (80, 20)]]


def test_contacts_without_slots_are_told_apart_by_where_they_were_or_by_their_name() -> None:
    hands = packets(
        [*contact(100, 100), *contact(160, 100)], [*contact(190, 100), *contact(130, 100)],
        [*contact(900, 900), *contact(150, 100)], [ANONYMOUS],
    )  # fmt: skip
    assert strokes(square(), hands) == [
        [(160, 100), (190, 100)], [(900, 900)], [(100, 100), (130, 100), (150, 100)],
    ]  # fmt: skip
    named = packets(
        [*contact(100, 100, at(ID, 7)), *contact(160, 100, at(ID, 8))],
        [*contact(160, 100, at(ID, 7)), *contact(100, 100, at(ID, 8))], [ANONYMOUS],
    )  # fmt: skip
    crossed = [[(100, 100), (160, 100)], [(160, 100), (100, 100)]]
    assert strokes(square(slots=False), named) == crossed


def test_without_slots_what_the_kernel_had_no_room_for_is_not_drawn() -> None:
    decoder = square()
    decoder.resume(0, {})
    events = packets(contact(10, 20), contact(30, 20), [at(X, 50), DROPPED, at(Y, 20), ANONYMOUS])
    assert strokes(decoder, events) == [[(10, 20), (30, 20)]]
    assert decoder.wants_state
    decoder.resume(0, {})
    after = packets(contact(60, 20), contact(80, 20), [ANONYMOUS], began_us=7_000_000)
    assert strokes(decoder, after) == [[(60, 20), (80, 20)]]
    assert decoder.contacts_skipped == 0


def test_contacts_without_slots_are_bounded_and_half_a_contact_is_none() -> None:
    decoder = square()
    crowd = [one for number in range(MAX_TRACKS + 3) for one in contact(number * 40, 5)]
    drawn = strokes(decoder, packets(crowd, [at(X, 5), ANONYMOUS]))
    assert len(drawn) == MAX_TRACKS
    assert decoder.contacts_skipped == 4
    endless = [one for number in range(1_000) for one in contact(number, 5)]
    assert strokes(decoder, packets(endless, [ANONYMOUS], began_us=6_000_000))
    assert decoder.contacts_skipped == 4 + 1_000 - MAX_TRACKS


def test_one_taken_for_a_device_without_slots_is_read_again_after_the_next_lift() -> None:
    events = packets([ANONYMOUS], [at(ID, 3), at(X, 9), at(Y, 9)], [at(ID, -1)])
    again = packets([at(ID, 4), at(X, 10), at(Y, 20)], [at(ID, -1)], began_us=6_000_000)
    decoder = square()
    strokes(decoder, events)
    assert strokes(decoder, again) == [[(10, 20)]]


def test_how_hard_is_pressed_is_a_share_of_its_axis_and_left_out_where_it_is_not_told() -> None:
    axes = {ABS_MT_PRESSURE: Axis(0, 20, 220), ABS_PRESSURE: Axis(0, 0, 100)}
    surface = SQUARE._replace(pressures=axes)

    def told(*said: Iterable[Said]) -> list[tuple[float, ...]]:
        decoder = TouchDecoder("board", surface, slots=True)
        decoder.resume(0, {0: SlotState(None, 5, 5, 120)})
        data = b"".join(map(record, packets(*said)))
        return [one.pressures for one in decoder.feed(data, 0)]

    first, up = [at(ID, 1), at(X, 10), at(Y, 20)], [at(ID, -1)]
    press = ABS_MT_PRESSURE
    assert told(first, [at(X, 30), at(press, 220)], [at(X, 50), at(press, 999)], up) == [
        (0.5, 1, 1)
    ]
    assert told([*first, at(press, 20)], [at(X, 30)], up) == [()]
    assert told(contact(10, 20, at(press, 70)), [ANONYMOUS]) == [(0.25,)]
    assert told(contact(10, 20, at(press, 70)), contact(30, 20), [ANONYMOUS]) == [()]


async def facts_of(
    line: MemoryLine, options: dict[str, int]
) -> tuple[dict[str, str], list[Stroke]]:
    said: list[Reading] = []

    async def emit(*readings: Reading) -> None:
        said.extend(readings)
        await asyncio.sleep(0)

    driver = Touch(
        "board",
        TouchOptions.model_validate({"port": "6615:0084", **options}),
        ports=FakePorts(line),
    )
    with pytest.raises(DeviceLost):
        await driver.run(emit)
    attached, *strokes_said = said
    assert isinstance(attached, Attached)
    return attached.facts, [one for one in strokes_said if isinstance(one, Stroke)]


async def test_the_size_is_set_or_told_or_assumed() -> None:
    for per_mm, options, size in (
        (0, {}, ("1600", "900")),
        (20, {}, ("100", "50")),
        (20, {"width_mm": 3000, "height_mm": 1200}, ("3000", "1200")),
    ):
        line = MemoryLine()
        line.axes = {X: Axis(0, 1000, 3000, per_mm), Y: Axis(0, 0, 1000, per_mm)}
        line.slot_states = 0, {0: SlotState(4, 2000, 500)}
        line.send(b"".join(map(record, packets([at(X, 3000)], [at(ID, -1)]))))
        line.unplug()
        facts, drawn = await facts_of(line, options)
        assert (facts["width_mm"], facts["height_mm"]) == size
        assert drawn[0].points == ((float(size[0]), float(size[1]) / 2, 0),)


@pytest.mark.needs("umockdev")
def test_from_an_input_device_to_its_strokes(tmp_path: Path) -> None:
    down = [at(SLOT, 0), at(ID, 1), at(X, 0), at(Y, 500), (EV_KEY, BTN_TOUCH, 1), at(ABS_X, 0)]
    up: list[Said] = [at(ID, -1), (EV_KEY, BTN_TOUCH, 0)]
    pair = [at(SLOT, 1), at(ID, 2), at(X, 100), at(Y, 100)]
    events = packets(
        down, [at(X, 1000), at(ABS_X, 1000)], pair, [at(Y, 200)], [at(ID, -1), at(SLOT, 0), *up],
        began_us=200_000,
    )  # fmt: skip
    world = World(tmp_path)
    axis = Axis(0, 0, 1000, 2)
    axes = {ABS_X: axis, ABS_Y: axis, X: axis, Y: axis, SLOT: Axis(0, 0, 9)}
    world.add("6615:0084", "an infrared frame", [BTN_TOUCH], events, axes)
    program = "tests.drivers.replayed_input", "whiteboard.touch", "6615:0084", "2"
    done = subprocess.run(
        world.command(sys.executable, "-m", *program),
        capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip
    said = [
        f'{{"kind":"Stroke","device":"replayed","tool":"pen","points":{points}}}'
        for points in ("[[50.0,50.0,0],[50.0,100.0,10]]", "[[0.0,250.0,0],[500.0,250.0,10]]")
    ]
    assert done.stdout.splitlines() == said, done.stderr
