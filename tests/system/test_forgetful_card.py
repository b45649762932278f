"""A card that loses, when the power goes, what it had said was written; the school has it."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from pathlib import Path

import httpx
import pytest

from benchmarks.soak.account import held_upto, newest, received
from benchmarks.soak.chain import Chain
from benchmarks.soak.room import Receivers, settle

TOKENS = """
select json_extract(body, '$.token') from event where kind = 'PressUnasked'
union all
select json_extract(cast(body as text), '$.token') from collision where kind = 'PressUnasked'
"""


async def press(room: Receivers, count: int) -> None:
    for _ in range(count):
        room.press()
    await settle(room, 20)


def held_tokens(database: Path) -> list[str]:
    db = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return [token for (token,) in db.execute(TOKENS)]
    finally:
        db.close()


@pytest.mark.needs("mosquitto", "openssl")
async def test_what_is_pressed_after_the_loss_is_no_repeat_of_what_was_lost(
    tmp_path: Path,
) -> None:
    async with (
        Receivers(1, 8, random.Random(1)) as room,
        Chain(tmp_path, room.ports) as chain,
    ):
        board, old = chain.journal.parent, tmp_path / "old"
        await chain.start()
        await press(room, 20)
        await received(chain.journal, chain.database, 20)
        await chain.agent.stop()
        shutil.copytree(board, old)
        await chain.agent.start()
        await chain.agent.until_ready()
        await press(room, 30)
        await received(chain.journal, chain.database, 20)
        await chain.agent.kill()
        await chain.broker.kill()
        shutil.rmtree(board)
        old.rename(board)
        await chain.agent.start()
        await chain.agent.until_ready()
        await press(room, 15)  # under names that the school knows from others
        first_epoch, _ = newest(chain.journal)
        await chain.broker.start()
        async with asyncio.timeout(30):
            while newest(chain.journal)[0] == first_epoch:
                await asyncio.sleep(0.05)
        await press(room, 10)
        await received(chain.journal, chain.database, 30)
        assert held_upto(chain.database)[0] > first_epoch
        assert sorted(held_tokens(chain.database)) == sorted(room.ticks)
        assert len(room.ticks) == 75
        async with httpx.AsyncClient(trust_env=False) as client:
            cloud = (await client.get(f"{chain.url}/api/v1/health")).json()["cloud"]
        assert cloud["name_taken"] >= 1
        assert cloud["aside"] >= 15
