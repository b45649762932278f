"""Runs a driver of an input device on this machine's devices, and prints what it says.

`python -m tests.drivers.replayed_input DRIVER PORT COUNT` ends after COUNT readings. Run by a test
within umockdev-run, which puts devices and their events in the place of the machine's.
"""

import asyncio
import sys

from agent.commands import decode
from agent.ports import BoardPorts
from drivers.readings import Attached, Reading
from drivers.registry import load
from tests.drivers.fake_ports import MemoryPhones


async def run(name: str, port: str, count: int) -> None:
    said: asyncio.Queue[Reading] = asyncio.Queue()

    async def emit(*readings: Reading) -> None:
        for reading in readings:
            if not isinstance(reading, Attached):
                said.put_nowait(reading)

    driver_class = load(name)
    options = driver_class.Options.model_validate({"port": port})
    driver = driver_class("replayed", options, ports=BoardPorts(MemoryPhones()))
    running = asyncio.create_task(driver.run(emit))
    for _ in range(count):
        reading = asyncio.create_task(said.get())
        await asyncio.wait([reading, running], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
        sys.stdout.write(decode.line(await reading) + "\n")
        sys.stdout.flush()
    running.cancel()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3])))
