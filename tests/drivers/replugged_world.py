"""Pulls and plugs in devices that umockdev imitates, and prints how the agent's supervisor sees it.

umockdev-run ... -- python -m tests.drivers.replugged_world NODE NEW_NODE DRIVER PORT

The files of the device are put aside and back again, as kernel and udev do; the second time under
another name, as happens when a device is plugged into another socket.
"""

import asyncio
import os
import sys
from pathlib import Path

from agent.ports import BoardPorts
from agent.supervisor import DevicePlan, Supervisor
from tests.drivers.fake_ports import MemoryPhones

MADE_UP = Path(os.environ["UMOCKDEV_DIR"])


async def main(node: str, new_node: str, driver: str, port: str) -> None:
    folder = MADE_UP / "sys" / "class" / ("hidraw" if node.startswith("hidraw") else "input")
    dev = MADE_UP / "dev" if node.startswith("hidraw") else MADE_UP / "dev" / "input"
    aside = MADE_UP / "aside"
    aside.mkdir()
    told: asyncio.Queue[str] = asyncio.Queue()

    async def emit(*_: object) -> None:
        return

    def say() -> None:
        [one] = supervisor.devices()
        told.put_nowait(f"{one.state} {one.code}".strip())

    def move(link: Path, file: Path, to_link: Path, to_file: Path) -> None:
        link.rename(to_link)
        file.rename(to_file)

    async def until(state: str) -> None:
        while await told.get() != state:
            pass
        sys.stdout.write(f"{state}\n")
        sys.stdout.flush()

    plan = DevicePlan("replugged", driver, {"port": port})
    supervisor = Supervisor([plan], ports=BoardPorts(MemoryPhones()), emit=emit)
    supervisor.on_change(say)
    move(folder / node, dev / node, aside / "link", aside / "file")
    async with supervisor:
        await until("lost port_missing")
        move(aside / "link", aside / "file", folder / new_node, dev / new_node)
        await until("ready")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
