"""classroom-fleet ingest as an operator runs it, beside a real broker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agent.cloud.uplink import Uplink
from agent.demo.broker import LocalBroker
from agent.wire.payloads import BadBatch, Receipt, decode_ack
from tests.cloud.board import ADDRESS
from tests.cloud.outbox import MemoryOutbox
from tests.cloud.school import School, until
from tests.cloud.visitor import Visitor

MakeUplink = Callable[[], Uplink]


async def test_it_waits_for_a_broker_and_ends_when_asked(
    broker: LocalBroker, school: School, make_uplink: MakeUplink, outbox: MemoryOutbox
) -> None:
    broker.stop()
    school.start(wait=False)
    outbox.add(5)
    async with make_uplink() as uplink:
        await until(lambda: uplink.state.mqtt.losses >= 1)
        broker.start()
        await until(lambda: uplink.state.waiting == 0, within_s=30)
    assert school.stop() == 0
    assert len(school.held(ADDRESS.device)) == 5


async def test_workers_share_the_boards_and_one_may_die(
    broker: LocalBroker, tmp_path: Path, make_uplink: MakeUplink, outbox: MemoryOutbox
) -> None:
    database = tmp_path / "school.db"
    workers = [School(broker.url, database, "--share", "ingest") for _ in range(2)]
    try:
        for worker in workers:
            worker.start()
        outbox.add(2000)
        async with make_uplink() as uplink:
            await until(lambda: uplink.state.waiting == 0)
            workers[0].kill()
            uplink.committed(*outbox.add(200))
            await until(lambda: uplink.state.waiting == 0, within_s=30)
    finally:
        for worker in workers:
            worker.stop()
    assert workers[0].held(ADDRESS.device) == [(1, seq) for seq in range(1, 2201)]


async def test_a_birth_that_was_kept_is_answered_when_the_ingest_starts(
    broker: LocalBroker, school: School, make_uplink: MakeUplink, outbox: MemoryOutbox
) -> None:
    outbox.add(3)
    async with make_uplink() as uplink:
        await until(lambda: uplink.state.link == "connected")
        with Visitor(broker.port, ADDRESS.dn("ack")) as visitor:
            school.start()
            await until(lambda: Receipt(epoch=1, upto=3) in acks(visitor))
            visitor.say(ADDRESS.up("b"), b"junk")
            await until(lambda: any(isinstance(one, BadBatch) for one in acks(visitor)))


def acks(visitor: Visitor) -> list[Receipt | BadBatch]:
    return [decode_ack(json) for json in visitor.raw]
