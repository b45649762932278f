"""One suite for every receiver we have: the virtual one, and the real firmware on a simulated chip.

The host is the real driver on a real serial port.
"""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from drivers.capabilities import Outcome, QuestionView
from tests.firmware_bridge.host import Host
from tests.firmware_bridge.rigs import ChipRig, Rig, VirtualRig, boottime_ns, build, until
from tests.firmware_bridge.world import cut, garbling, whole

KEYS = ["A", "AC", "12.5", "true", "", "B", "-7", "ABCDEFGHIJKL"]


@pytest.fixture(
    params=["virtual", pytest.param("chip", marks=pytest.mark.needs("avr-gcc", "simavr"))]
)
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    if request.param == "chip":
        build()
    made: Rig = ChipRig() if request.param == "chip" else VirtualRig()
    async with made:
        yield made


def some_presses(count: int, seed: int = 1) -> list[tuple[str, str]]:
    chance = random.Random(seed)
    return [(f"{chance.randrange(1 << 32):08X}", chance.choice(KEYS)) for _ in range(count)]


async def press_all(rig: Rig, presses: list[tuple[str, str]], every_s: float = 0.002) -> None:
    for keypad, key in presses:
        await rig.press(keypad, key)
        await asyncio.sleep(every_s)


async def test_hello_says_who_it_is(rig: Rig) -> None:
    async with Host(rig.path) as host:
        facts = host.attached[0].facts
    assert facts["serial"] == "0011223344556677"
    assert facts["boot"] == "1"
    assert facts["protocol"] == "1.1"
    assert (facts["kept"], facts["capacity"], facts["refused"]) == ("no", "64", "0")


async def test_presses_arrive_in_order_once_and_every_clicker_gets_its_outcome(rig: Rig) -> None:
    presses = some_presses(200)
    async with Host(rig.path) as host:
        before_ns = boottime_ns()
        for first in range(0, 200, 40):  # no faster than the host takes them: the ring holds 64
            await press_all(rig, presses[first : first + 40])
            await until(lambda: len(rig.shown) >= first + 40)  # noqa: B023 (awaited at once)
        after_ns = boottime_ns()
    assert host.answers == presses
    assert rig.shown == [(keypad, 0) for keypad, _ in presses]
    times_ns = [press.mono_ns for press in host.presses]
    assert times_ns == sorted(times_ns)
    assert before_ns - 50_000_000 <= times_ns[0]
    assert times_ns[-1] <= after_ns
    assert [press.token for press in host.presses[:2]] == [
        "0011223344556677:1:1",
        "0011223344556677:1:2",
    ]


async def test_each_clicker_is_shown_its_own_outcome(rig: Rig) -> None:
    outcomes = [
        (Outcome("accepted"), 0x00),
        (Outcome("changed"), 0x01),
        (Outcome("rejected", "no_question_open"), 0x81),
        (Outcome("rejected", "first_answer_counts"), 0x86),
        (Outcome("rejected", "of_a_later_version"), 0x80),
    ]
    async with Host(rig.path) as host:
        host.judge = lambda press: outcomes[int(press.keypad, 16)][0]
        for number in range(5):
            await rig.press(f"{number:08X}", "A")
        await until(lambda: len(rig.shown) == 5)
    assert rig.shown == [(f"{number:08X}", code) for number, (_, code) in enumerate(outcomes)]


async def test_over_a_garbled_line_nothing_is_lost_or_doubled(rig: Rig) -> None:
    presses = some_presses(60)
    async with Host(rig.path) as host:
        host.ports.fault = garbling(5, 0.002)
        await press_all(rig, presses, every_s=0.01)
        await until(lambda: len(host.presses) >= 60)
        host.ports.fault = whole
        await until(lambda: len(rig.shown) >= 60)
    assert host.answers == presses
    assert rig.shown == [(keypad, 0) for keypad, _ in presses]


async def test_over_a_line_that_gives_three_bytes_at_a_time_nothing_is_lost(rig: Rig) -> None:
    presses = some_presses(40)
    async with Host(rig.path) as host:
        host.ports.portion_bytes, host.ports.pause_s = 3, 0.001
        await press_all(rig, presses)
        await until(lambda: len(rig.shown) >= 40)
    assert host.answers == presses


async def test_presses_during_a_cut_come_afterwards(rig: Rig) -> None:
    presses = some_presses(30)
    async with Host(rig.path) as host:
        host.ports.fault = cut
        await press_all(rig, presses)
        assert host.presses == []
        host.ports.fault = whole
        await until(lambda: len(rig.shown) >= 30)
    assert host.answers == presses


async def test_unconfirmed_presses_are_sent_again_and_lit_only_when_confirmed(rig: Rig) -> None:
    async with Host(rig.path) as host:
        host.judge = lambda press: None
        await rig.press("82E9701B", "A")
        await until(lambda: host.driver.counters()["repeats"] >= 1)
        assert rig.shown == []
        assert len(host.presses) == 1
        host.confirm([("0011223344556677:1:1", Outcome("accepted"))])
        await until(lambda: rig.shown == [("82E9701B", 0)])


async def test_a_confirmation_for_another_receiver_lights_nothing(rig: Rig) -> None:
    async with Host(rig.path) as host:
        host.judge = lambda press: None
        await rig.press("82E9701B", "A")
        await until(lambda: len(host.presses) == 1)
        host.confirm([("FFFFFFFFFFFFFFFF:1:1", Outcome("accepted"))])
        host.confirm([("0011223344556677:9:1", Outcome("accepted"))])
        await until(lambda: host.driver.counters()["repeats"] >= 1)
        assert rig.shown == []


async def test_a_full_ring_refuses_counts_and_lights_nothing(rig: Rig) -> None:
    presses = [(f"{number:08X}", "A") for number in range(80)]
    async with Host(rig.path) as host:
        host.judge = lambda press: None
        await press_all(rig, presses, every_s=0.001)
        await until(lambda: host.driver.counters().get("receiver_refused", 0) == 16)
        assert host.answers == presses[:64]
        assert rig.shown == []
        host.confirm([(press.token or "", Outcome("accepted")) for press in host.presses])
        await until(lambda: len(rig.shown) == 64)
        await rig.press("0000FFFF", "B")
        await until(lambda: len(host.presses) == 65)


async def test_a_warm_reset_keeps_presses_with_their_names_and_times(rig: Rig) -> None:
    presses = some_presses(20)
    async with Host(rig.path) as host:
        host.ports.fault = cut
        before_ns = boottime_ns()
        await press_all(rig, presses[:10])
        await rig.settled()
        between_ns = boottime_ns()
        await rig.warm_reset()
        await press_all(rig, presses[10:])
        host.ports.fault = whole
        await until(lambda: len(rig.shown) >= 20)
    assert host.answers == presses
    names = [(press.token or "").split(":")[1:] for press in host.presses]
    assert names == [["1", f"{n}"] for n in range(1, 11)] + [["2", f"{n}"] for n in range(11, 21)]
    assert (host.attached[-1].facts["boot"], host.attached[-1].facts["kept"]) == ("2", "yes")
    for press in host.presses[:10]:
        off_ns = 50_000_000 if press.uncertainty_ns is None else press.uncertainty_ns
        assert before_ns - 50_000_000 <= press.mono_ns <= between_ns + off_ns


async def test_presses_survive_a_restart_of_the_host_and_a_warm_reset_meanwhile(rig: Rig) -> None:
    presses = some_presses(20)
    async with Host(rig.path) as host:
        host.judge = lambda press: None
        await press_all(rig, presses[:10])
        await until(lambda: len(host.presses) == 10)
        before_ns = boottime_ns()
    await press_all(rig, presses[10:])
    await rig.settled()
    await rig.warm_reset()
    async with Host(rig.path) as again:
        await until(lambda: len(rig.shown) == 20)
        assert again.answers == presses
        assert [p.token for p in again.presses[:10]] == [p.token for p in host.presses]
        assert all(press.mono_ns <= before_ns for press in again.presses[:10])


async def test_a_cold_start_begins_with_an_empty_ring_and_a_higher_boot(rig: Rig) -> None:
    async with Host(rig.path) as host:
        host.judge = lambda press: None
        await press_all(rig, some_presses(3))
        await until(lambda: len(host.presses) == 3)
        await rig.cold_start()
        await until(lambda: len(host.attached) == 2)
        facts = host.attached[1].facts
        assert (facts["boot"], facts["kept"], facts["waiting"]) == ("2", "no", "0")
        await rig.press("82E9701B", "A")
        await until(lambda: len(host.presses) == 4)
        assert host.presses[3].token == "0011223344556677:2:1"


async def test_every_start_counts(rig: Rig) -> None:
    async with Host(rig.path) as host:
        for boot in range(2, 6):
            await (rig.warm_reset() if boot % 2 else rig.cold_start())
            facts = await host.greeted(boot)
            assert facts["boot"] == str(boot)


async def test_the_receiver_is_told_what_is_open(rig: Rig) -> None:
    async with Host(rig.path) as host:
        host.driver.show(QuestionView(question=3, kind="single", options=4, answered=0))
        host.driver.locate()
        if isinstance(rig, VirtualRig):
            receiver = rig.receiver
            await until(lambda: (receiver.question.number, receiver.question.options) == (3, 4))
            await until(lambda: receiver.locate_s == 5)
        elif isinstance(rig, ChipRig):
            reports = rig.reports
            await until(lambda: {"lamp question 1", "lamp locate 1"} <= set(reports))
        host.driver.show(None)
        if isinstance(rig, VirtualRig):
            await until(lambda: receiver.question.number == 0)
        elif isinstance(rig, ChipRig):
            await until(lambda: reports.index("lamp question 1") < len(reports) - 1)
            await until(lambda: "lamp question 0" in reports[reports.index("lamp question 1") :])


async def test_counters_say_what_happened_on_the_line(rig: Rig) -> None:
    async with Host(rig.path) as host:
        left = iter([b"\0\x05junk\0"] * 10)
        host.ports.fault = lambda data: next(left, b"") + data
        await rig.press("82E9701B", "A")
        await until(lambda: host.driver.counters()["bad_frames"] > 0)
        await until(lambda: host.driver.counters().get("receiver_bad_frames", 0) > 0)
        assert host.driver.counters()["junk_bytes"] > 0
