"""Devices are pulled and plugged in beside a receiver whose class goes on answering."""

from __future__ import annotations

import asyncio
from pathlib import Path

from benchmarks.replug import Hub
from benchmarks.rig.hub import KINDS, Reference, SlowIclicker

STEADY = "device-1"


async def test_a_hub_of_eight_comes_back_and_the_receiver_beside_it_notices_nothing(
    tmp_path: Path,
) -> None:
    """Each device comes back as another terminal behind the same name, with the right driver."""
    kinds = [kind for kind in KINDS.values() if kind is not SlowIclicker]
    async with Hub(tmp_path, [Reference, *kinds, Reference]) as hub:
        assert len(hub.gadgets) == 9
        await hub.plug(STEADY)
        assert await hub.first_readings_s([STEADY])
        before = await asyncio.to_thread(hub.devices)
        rest = [name for name in hub.gadgets if name != STEADY]
        for name in rest:
            await hub.plug(name)
        assert set(await hub.first_readings_s(rest)) == set(rest)
        assert set(await hub.replug_s(rest, away_s=0.0)) == set(rest)
        after = await asyncio.to_thread(hub.devices)
        assert {name: one["state"] for name, one in after.items()} == dict.fromkeys(
            hub.gadgets, "ready"
        )
        kept = ("junk_bytes", "bad_frames", "repeats", "gaps", "receiver_lost", "receiver_resent")
        for name in kept:
            assert after[STEADY]["counters"][name] == before[STEADY]["counters"][name] == 0
        assert after[STEADY]["facts"] == before[STEADY]["facts"]
        steady = hub.gadgets[STEADY]
        assert isinstance(steady, Reference)
        assert steady.refused == 0
