"""The whole way with the real journal: a board that is killed again and again loses nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from agent.demo.broker import LocalBroker
from agent.journal.store import Journal
from tests.cloud.board import ADDRESS, uplink_to
from tests.cloud.outbox import BOOT
from tests.cloud.school import School, until

ROOT = Path(__file__).parents[2]


async def test_a_board_killed_again_and_again_loses_and_doubles_nothing(
    broker: LocalBroker, school: School, tmp_path: Path
) -> None:
    school.start()
    path = tmp_path / "journal.db"
    for _ in range(4):
        board = subprocess.Popen(  # noqa: ASYNC220 (nothing else runs)
            [sys.executable, "-m", "tests.cloud.killed_board", str(path), broker.url], cwd=ROOT
        )
        assert board.wait(30) == -9
    journal = Journal(path, boot_id=BOOT)
    journal.open()
    try:
        _, newest = journal.newest()
        assert newest > 400
        async with uplink_to(broker.url, journal) as uplink:
            await until(lambda: uplink.state.waiting == 0)
        assert school.held(ADDRESS.device) == [(1, seq) for seq in range(1, newest + 1)]
    finally:
        journal.close()
    again = Journal(path, boot_id=BOOT)
    again.open()
    assert again.noted("receipt") == f"1:{newest}"
    again.close()
