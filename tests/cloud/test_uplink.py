"""The uplink against real brokers and the school's real ingest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from agent.cloud.uplink import Uplink
from tests.cloud.conftest import ADDRESS
from tests.cloud.outbox import MemoryOutbox
from tests.cloud.school import School, until

MakeUplink = Callable[[], Uplink]


def seqs(count: int, epoch: int = 1) -> list[tuple[int, int]]:
    return [(epoch, seq) for seq in range(1, count + 1)]


async def test_events_reach_the_school_and_its_receipt_comes_back(
    make_uplink: MakeUplink, outbox: MemoryOutbox, school: School
) -> None:
    school.start()
    outbox.add(30)
    async with make_uplink() as uplink:
        await until(lambda: uplink.state.waiting == 0)
        for _ in range(20):
            uplink.committed(*outbox.add(1))
            await asyncio.sleep(0)
        await until(lambda: uplink.state.waiting == 0)
        assert uplink.state.link == "connected"
        assert uplink.state.delivery.resent == 0
    assert outbox.notes["receipt"] == "1:50"
    assert school.held(ADDRESS.device) == seqs(50)
