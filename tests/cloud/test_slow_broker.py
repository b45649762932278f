"""A broker that reads slowly, or not at all for a while."""

from __future__ import annotations

import asyncio
import random

import pytest

from agent.demo.broker import BrokerName, LocalBroker
from agent.lesson.events import ResponseRecorded, encode_body
from benchmarks.soak.slow_line import SlowLine
from tests.cloud.board import ADDRESS, uplink_to
from tests.cloud.outbox import MemoryOutbox
from tests.cloud.school import School, until

pytestmark = pytest.mark.needs("mosquitto")

EVENTS = 1000


def fill(outbox: MemoryOutbox, count: int, rng: random.Random) -> None:
    for _ in range(count):
        event = ResponseRecorded(
            lesson="l-1", question=1, device="rx-1", keypad=f"{rng.randrange(1 << 32):08X}", key="A"
        )
        outbox.add_body("ResponseRecorded", encode_body(event))


@pytest.fixture
def broker_name() -> BrokerName:
    return "mosquitto"


async def test_a_slow_line_carries_each_event_once(
    broker: LocalBroker, outbox: MemoryOutbox, school: School
) -> None:
    rng = random.Random(66)
    fill(outbox, EVENTS, rng)
    school.start()
    async with (
        SlowLine(broker.port, rng=rng, bytes_per_s=4000) as line,
        uplink_to(line.url, outbox) as uplink,
    ):
        await until(lambda: uplink.state.waiting == 0, within_s=50)
        assert uplink.state.delivery.resent == 0
        assert line.connections == 1
    assert school.held(ADDRESS.device) == [(1, seq) for seq in range(1, EVENTS + 1)]


async def test_a_broker_that_stops_reading_holds_up_nothing_and_is_left(
    broker: LocalBroker, outbox: MemoryOutbox, school: School
) -> None:
    rng = random.Random(67)
    school.start()
    async with (
        SlowLine(broker.port, rng=rng) as line,
        uplink_to(line.url, outbox, keepalive_s=1) as uplink,
    ):
        fill(outbox, 10, rng)
        uplink.committed(*outbox.newest())
        await until(lambda: uplink.state.waiting == 0)
        line.stall()
        for _ in range(100):
            fill(outbox, 100, rng)
            uplink.committed(*outbox.newest())
            uplink.announce()
            await asyncio.sleep(0)
        sent = uplink.state.delivery
        assert sent.sent + sent.resent < 20  # ten thousand wait where they are
        await until(lambda: uplink.state.link == "connecting")
        assert uplink.state.reason
        line.flow()
        await until(lambda: uplink.state.waiting == 0, within_s=40)
    assert school.held(ADDRESS.device) == [(1, seq) for seq in range(1, 10_011)]
