"""A board as the line to its school knows it: an uplink over a journal, mostly one in memory."""

from __future__ import annotations

import asyncio
from typing import Any

from agent.cloud.delivery import Outbox
from agent.cloud.mqtt import CloudOptions
from agent.cloud.uplink import Uplink
from agent.wire.topics import Address
from tests.cloud.outbox import BOOT, Clock, MemoryOutbox

ADDRESS = Address("4403", "440305", "s012", "r301", "board-1")


def uplink_to(url: str, outbox: Outbox, *, keepalive_s: int = 30, **changed: Any) -> Uplink:
    """Not started yet. `changed`: what `Uplink` is to take instead of what is usual here."""
    options = CloudOptions(url=url, will_delay_s=0, keepalive_s=keepalive_s)
    usual: dict[str, Any] = {"boot": BOOT, "versions": {"agent": "0.1.0"}}
    return Uplink(options, ADDRESS, outbox, Clock(), **usual | changed)


async def teach(uplink: Uplink, outbox: MemoryOutbox, groups: int, pause_s: float = 0.01) -> None:
    """Record groups of five events, with a pause behind each."""
    for _ in range(groups):
        uplink.committed(*outbox.add(5))
        await asyncio.sleep(pause_s)
