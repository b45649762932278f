"""Board, broker and school in a network that somebody else has made bad: FOLDER DROPS.

Teaches until the network has dropped so many packets, however fast the machine is.
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

# One packet in ten is dropped: a network that is still well after so many lots drops none.
MAX_LOTS = 300


def dropped() -> int:
    """How many packets the network has dropped so far."""
    command = ["iptables", "-L", "INPUT", "-v", "-x", "-n"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return int(next(line for line in listed.splitlines() if " DROP " in line).split()[0])


async def main(folder: Path, drops: int) -> None:
    outbox = MemoryOutbox()
    with LocalBroker("mosquitto", folder / "broker") as broker:
        school = School(broker.url, folder / "school.db")
        try:
            school.start()
            async with uplink_to(broker.url, outbox) as uplink:
                for _ in range(MAX_LOTS):
                    await teach(uplink, outbox, 5)
                    await until(lambda: uplink.state.waiting == 0, within_s=40)
                    if await asyncio.to_thread(dropped) >= drops:
                        break
                else:
                    sys.exit(f"the network has dropped {dropped()} packets in {MAX_LOTS} lots")
            school.check_all_of(ADDRESS.device, outbox.newest()[1])
        finally:
            school.stop()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
