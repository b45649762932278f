"""The host's side against a virtual receiver, in made-up time: nothing here waits."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.connection import (
    NOTHING_OPEN,
    SILENCE_NS,
    TRANSITIONS,
    Connection,
    ForeignReceiver,
    IllegalTransition,
    SilentReceiver,
    State,
    Trigger,
)
from firmware_bridge.frame import FrameDecoder, encode_frame
from firmware_bridge.message_table import LAYOUT_CRC, MessageType
from firmware_bridge.messages import OutcomeCode, QuestionKind, Show
from tests.firmware_bridge.world import MS, World, cut, garbling, whole


def press_many(world: World, count: int, every_ms: float, seed: int = 0) -> list[tuple[str, str]]:
    """Press so many, one in `every_ms`; what was taken, in order."""
    chance = random.Random(seed)
    taken = []
    for _ in range(count):
        keypad, key = (
            f"{chance.randrange(1 << 32):08X}",
            chance.choice(["A", "AC", "12.5", "", "true"]),
        )
        if world.press(keypad, key):
            taken.append((keypad, key))
        world.run(every_ms)
    return taken


def got(world: World) -> list[tuple[str, str]]:
    return [(press.keypad, press.key) for press in world.presses]


def test_a_press_arrives_with_its_time_and_gets_its_outcome() -> None:
    world = World()
    world.run(500)
    world.press("82E9701B", "A")
    world.run(200)
    assert got(world) == [("82E9701B", "A")]
    assert [(shown.keypad, shown.code) for shown in world.shown] == [("82E9701B", 0)]
    assert world.receiver.waiting == 0
    error_ns = abs(world.times_ns[0] - world.pressed_ns[1, 1])
    (uncertain_ns,) = world.uncertain_ns
    assert uncertain_ns is not None
    assert error_ns <= uncertain_ns


@pytest.mark.parametrize("bytewise", [False, True])
def test_a_full_line_of_720_presses_a_second_loses_nothing(bytewise: bool) -> None:
    world = World(bytewise=bytewise, commit_ns=20 * MS)
    world.run(500)
    taken = press_many(world, 1440, 1000 / 720)
    world.run(1000)
    assert len(taken) == 1440
    assert got(world) == taken
    assert len(world.shown) == 1440


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1 << 32), share=st.floats(0.0005, 0.02), delay_ms=st.integers(0, 60))
def test_on_a_garbled_line_every_press_arrives_once_and_in_order(
    seed: int, share: float, delay_ms: int
) -> None:
    world = World(delay_ns=delay_ms * MS, fault=garbling(seed, share))
    world.run(1000)
    taken = press_many(world, 40, 20, seed)
    world.up.fault = world.down.fault = whole
    world.run(6000)
    assert got(world) == taken
    assert len(world.shown) == len(taken)
    assert [shown.keypad for shown in world.shown] == [keypad for keypad, _ in taken]
    assert world.receiver.waiting == 0


def test_what_was_pressed_while_the_line_was_cut_arrives_with_its_own_times() -> None:
    world = World()
    world.run(3000)
    world.up.fault = world.down.fault = cut
    taken = press_many(world, 30, 100)
    assert world.presses == []
    world.up.fault = world.down.fault = whole
    world.run(5000)
    assert got(world) == taken
    for press, time_ns in zip(world.presses, world.times_ns, strict=True):
        assert abs(time_ns - world.pressed_ns[press.boot, press.seq]) < 5 * MS


def test_no_outcome_without_a_confirmation() -> None:
    world = World()
    world.confirming = False
    world.run(500)
    world.press("00000001", "A")
    world.run(8000)
    assert len(world.presses) == 1
    assert world.host.repeats >= 2
    assert world.shown == []
    assert world.receiver.waiting == 1


def test_a_lost_outcome_is_sent_again_without_asking_anybody() -> None:
    world = World()
    world.run(500)
    world.down.fault = cut
    world.press("00000001", "A")
    world.run(300)
    assert len(world.presses) == 1
    assert world.shown == []
    world.down.fault = whole
    world.run(1500)
    assert len(world.presses) == 1
    assert len(world.shown) == 1


def test_outcomes_go_out_in_order_whatever_order_they_are_confirmed_in() -> None:
    world = World()
    world.confirming = False
    world.run(500)
    press_many(world, 5, 1)
    world.run(100)
    for seq in (3, 5, 2):
        world.host.confirm([(1, seq, OutcomeCode.CHANGED)])
    world.run(100)
    assert world.shown == []
    world.host.confirm([(1, 1, OutcomeCode.ACCEPTED)])
    world.run(100)
    assert [shown.code for shown in world.shown] == [0, 1, 1]
    world.host.confirm([(1, 4, OutcomeCode.QUESTION_CLOSED)])
    world.run(100)
    assert [shown.code for shown in world.shown] == [0, 1, 1, 0x82, 1]


def test_a_new_host_gets_everything_that_is_unacknowledged() -> None:
    world = World()
    world.confirming = False
    world.run(500)
    taken = press_many(world, 10, 5)
    world.run(300)
    world.presses.clear()
    world.confirming = True
    world.new_host()
    world.run(500)
    assert got(world) == taken
    assert len(world.shown) == 10


def test_a_warm_reset_keeps_unacknowledged_presses_under_their_old_names_and_times() -> None:
    world = World(clock_error=0.003)
    world.run(10_000)
    world.up.fault = world.down.fault = cut
    taken = press_many(world, 10, 5)
    world.receiver.warm_reset(outage_ms=80)
    taken += press_many(world, 10, 5)
    world.up.fault = world.down.fault = whole
    world.run(5000)
    assert got(world) == taken
    names = [(press.boot, press.seq) for press in world.presses]
    assert names == [(1, n) for n in range(1, 11)] + [(2, n) for n in range(11, 21)]
    assert [greeted.hello.boot for greeted in world.greetings] == [1, 2]
    assert [greeted.hello.ring_boot for greeted in world.greetings] == [1, 1]
    for name, time_ns in zip(names, world.times_ns, strict=True):
        assert abs(time_ns - world.pressed_ns[name]) < 20 * MS
    assert len(world.shown) == 20


def test_after_a_cold_start_nothing_is_confirmed_by_old_outcomes() -> None:
    world = World()
    world.confirming = False
    world.run(500)
    press_many(world, 3, 5)
    world.run(100)
    world.receiver.cold_start()
    world.run(100)
    press_many(world, 3, 5)
    world.run(100)
    world.host.confirm([(1, seq, OutcomeCode.ACCEPTED) for seq in (1, 2, 3)])
    world.run(100)
    assert world.shown == []
    assert [(press.boot, press.seq) for press in world.presses[3:]] == [(2, 1), (2, 2), (2, 3)]
    world.host.confirm([(2, seq, OutcomeCode.ACCEPTED) for seq in (1, 2, 3)])
    world.run(100)
    assert len(world.shown) == 3


@pytest.mark.parametrize("kind", ["cold", "cold then warm", "warm"])
def test_a_start_whose_hello_was_lost_is_noticed(kind: str) -> None:
    world = World()
    world.run(500)
    first = press_many(world, 3, 50)
    world.up.fault = cut
    if kind != "warm":
        world.receiver.cold_start()
    if kind != "cold":
        world.receiver.warm_reset()
    world.run(100)
    world.up.fault = whole
    second = press_many(world, 3, 50)
    world.run(700)  # before a STATUS would show it too
    assert got(world) == first + second
    assert len(world.shown) == 6


def test_a_full_ring_refuses_and_counts() -> None:
    world = World()
    world.confirming = False
    world.run(500)
    assert len(press_many(world, 100, 1)) == 64
    world.run(3000)
    assert world.receiver.refused == 36
    assert len(world.presses) == 64


def test_keys_of_full_length_fill_the_ring_sooner() -> None:
    world = World()
    world.receiver.press("00000001", "x" * 12)
    refused = sum(world.receiver.press("00000001", "x" * 12) is None for _ in range(63))
    assert refused == 24
    world.run(2000)
    assert len(world.presses) == 40


def test_the_clock_may_wrap() -> None:
    world = World(clock_start_ticks=(1 << 32) - 20_000)
    world.run(1000)
    press_many(world, 40, 50)
    world.run(200)
    assert len(world.presses) == 40
    for press, time_ns in zip(world.presses, world.times_ns, strict=True):
        assert abs(time_ns - world.pressed_ns[press.boot, press.seq]) < 5 * MS


def test_the_receiver_learns_what_is_open_even_over_a_cut_and_a_reset() -> None:
    world = World()
    world.run(500)
    show = Show(7, QuestionKind.SINGLE, 4)
    world.down.fault = cut
    world.host.show(show)
    world.run(100)
    assert world.receiver.question.number == 0
    world.down.fault = whole
    world.run(2500)
    assert world.receiver.question == show
    world.receiver.warm_reset()
    world.run(100)
    assert world.receiver.question == show
    world.host.show(Show(0, QuestionKind.NONE, 0))
    world.run(100)
    assert world.receiver.question.number == 0


def test_another_major_version_is_refused_by_name() -> None:
    world = World(protocol=(2, 3))
    with pytest.raises(ForeignReceiver, match=r"0011223344556677.*2\.3.*1\.x.*update this program"):
        world.run(100)
    assert world.host.state is State.FOREIGN


@pytest.mark.parametrize(
    ("layout_crc", "difference"),
    [
        (LAYOUT_CRC | {MessageType.OUTCOMES: 1}, "OUTCOMES is laid out differently"),
        ({k: v for k, v in LAYOUT_CRC.items() if k != MessageType.LOCATE}, "LOCATE is missing"),
    ],
)
def test_a_different_message_table_is_refused_by_name(
    layout_crc: dict[int, int], difference: str
) -> None:
    world = World(layout_crc=layout_crc)
    with pytest.raises(ForeignReceiver, match=f"{difference}; flash the receiver"):
        world.run(100)


def test_messages_that_only_a_newer_receiver_knows_do_no_harm() -> None:
    world = World(protocol=(1, 9), layout_crc=LAYOUT_CRC | {0x2F: 77})
    world.run(100)
    assert world.host.state is State.OPEN
    world.up.put(encode_frame(b"\x2fnew"), world.now_ns)
    world.run(100)
    assert world.host.unknown == 1


def listen(host: Connection, until_ns: int, noise: bytes = b"") -> None:
    host.start(0)
    while host.deadline_ns < until_ns:
        now_ns = host.deadline_ns
        host.receive(noise, now_ns)
        host.tick(now_ns)


@pytest.mark.parametrize("noise", [b"", random.Random(1).randbytes(4096)])
def test_silence_is_noticed_and_noise_is_silence(noise: bytes) -> None:
    host = Connection()
    listen(host, SILENCE_NS, noise)
    assert bool(host.junk_bytes) == bool(noise)
    with pytest.raises(SilentReceiver):
        host.tick(SILENCE_NS)
    assert host.state is State.SILENT


def test_a_host_that_was_itself_asleep_does_not_blame_the_receiver() -> None:
    world = World()
    world.run(1000)
    world.now_ns += 60_000 * MS
    world.run(1000)
    world.press("00000001", "A")
    world.run(500)
    assert world.host.state is State.OPEN
    assert len(world.shown) == 1


def test_the_states_are_one_table() -> None:
    for state in State:
        assert set(TRANSITIONS[state].values()) <= set(State)
    assert {target for row in TRANSITIONS.values() for target in row.values()} == (
        set(State) - {State.CLOSED}
    )
    host = Connection()
    host.start(0)
    with pytest.raises(IllegalTransition, match="START while GREETING"):
        host.start(1)
    assert Trigger.START not in TRANSITIONS[State.OPEN]


def asked(world: World, duration_ms: int) -> int:
    """How often the host asked for the clock in that time."""
    world.bytes_down = b""
    world.run(duration_ms)
    return sum(
        body[0] == MessageType.TIME_REQUEST for body in FrameDecoder().feed(world.bytes_down)
    )


def test_the_clock_is_asked_every_second_once_it_is_known_well() -> None:
    world = World(delay_ns=MS // 4)
    world.run(10_000)
    assert asked(world, 10_000) == pytest.approx(10, abs=1)


def test_the_clock_is_asked_often_while_little_is_known_of_it_but_not_for_ever() -> None:
    world = World(delay_ns=20 * MS)  # always: more than so much is never known
    world.run(2_000)
    assert asked(world, 2_000) == pytest.approx(33, abs=2)
    world.run(60_000)
    assert asked(world, 10_000) == pytest.approx(10, abs=1)


def test_while_presses_come_the_clock_is_not_asked_more_often() -> None:
    world = World(delay_ns=20 * MS)
    world.run(2_000)
    world.bytes_down = b""
    press_many(world, 100, 50)
    bodies = FrameDecoder().feed(world.bytes_down)
    assert sum(body[0] == MessageType.TIME_REQUEST for body in bodies) <= 8


def test_a_buzz_in_wants_the_clock_known_better() -> None:
    world = World(delay_ns=MS // 4)
    world.run(2_000)
    world.host.show(Show(1, QuestionKind.BUZZ, 0))
    assert asked(world, 5_000) >= 90
    world.host.show(NOTHING_OPEN)
    world.run(1_000)
    assert asked(world, 5_000) <= 6


def test_what_was_pressed_before_a_status_without_more_presses_is_complete() -> None:
    world = World(delay_ns=30 * MS)
    world.host.show(Show(1, QuestionKind.BUZZ, 0))
    world.run(1_000)
    complete_ns = world.complete_ns
    assert world.now_ns - 250 * MS < complete_ns < world.now_ns
    world.run(500)
    assert world.complete_ns > complete_ns


def test_a_press_whose_frames_are_lost_is_not_called_complete() -> None:
    world = World(delay_ns=5 * MS)
    world.host.show(Show(1, QuestionKind.BUZZ, 0))
    world.run(1_000)
    through = world.up.fault
    world.up.fault = lambda data: b"" if data[1:2] == b"\x02" else data
    world.press("82E9701B", "A")
    pressed_ns = world.now_ns
    world.run(400)
    assert got(world) == []
    assert world.complete_ns <= pressed_ns
    world.up.fault = through
    world.run(1_000)
    assert got(world) == [("82E9701B", "A")]
    assert world.complete_ns > pressed_ns


def test_presses_without_their_outcomes_are_complete_once_the_host_has_them() -> None:
    world = World(delay_ns=5 * MS)
    world.confirming = False
    world.host.show(Show(1, QuestionKind.BUZZ, 0))
    world.run(1_000)
    world.press("82E9701B", "A")
    pressed_ns = world.now_ns
    world.run(400)
    assert world.receiver.waiting == 1
    assert world.complete_ns > pressed_ns
