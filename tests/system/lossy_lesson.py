"""Board, broker and school in a network that somebody else has made bad: FOLDER.

Prints how many packets the network has dropped.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from agent.demo.broker import LocalBroker
from tests.cloud.board import ADDRESS, teach, uplink_to
from tests.cloud.outbox import MemoryOutbox
from tests.cloud.school import School, until


async def main(folder: Path) -> None:
    outbox = MemoryOutbox()
    with LocalBroker("mosquitto", folder / "broker") as broker:
        school = School(broker.url, folder / "school.db")
        try:
            school.start()
            async with uplink_to(broker.url, outbox) as uplink:
                await teach(uplink, outbox, 200)
                await until(lambda: uplink.state.waiting == 0, within_s=40)
            school.check_all_of(ADDRESS.device, outbox.newest()[1])
        finally:
            school.stop()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
    listed = subprocess.run(
        ["iptables", "-L", "INPUT", "-v", "-x", "-n"], capture_output=True, text=True, check=True
    )
    drops = next(line for line in listed.stdout.splitlines() if " DROP " in line)
    sys.stdout.write(drops.split()[0])
