"""A board with a real journal that is killed while it teaches: JOURNAL BROKER."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from agent.journal.errors import JournalError
from agent.journal.store import Journal
from agent.lesson.events import ResponseRecorded
from agent.lesson.replay import Stamped
from tests.cloud.board import uplink_to
from tests.cloud.outbox import BOOT


async def main(path: Path, url: str) -> None:
    journal = Journal(path, boot_id=BOOT)
    journal.open()
    _, seq = journal.newest()
    async with uplink_to(url, journal) as uplink:
        for _ in range(60):
            group = []
            for _ in range(3):
                seq += 1
                event = ResponseRecorded(
                    lesson="l-1", question=1, device="rx-1", keypad=f"{seq:08X}", key="A"
                )
                group.append(Stamped(1, seq, journal.boot, seq * 1000, event))

            def done(error: JournalError | None, seq: int = seq) -> None:
                assert error is None
                uplink.committed(1, seq)

            journal.append(group, done)
            await asyncio.sleep(0.004)
        os.kill(os.getpid(), 9)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
