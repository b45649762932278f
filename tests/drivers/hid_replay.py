"""Runs a HID driver by its USB id and prints what it says, until it has said so many presses.

umockdev-run ... -- python -m tests.drivers.hid_replay DRIVER USB_ID PRESSES [OPTIONS AS JSON]
"""

import asyncio
import json
import sys

from agent.commands import decode
from agent.ports import BoardPorts
from drivers.readings import KeyPress, Reading
from drivers.registry import load
from tests.drivers.fake_ports import MemoryPhones


async def main(driver: str, usb: str, presses: str, options: str = "{}") -> None:
    driver_class = load(driver)
    wanted = driver_class.Options.model_validate({"port": usb, **json.loads(options)})
    heard: list[Reading] = []
    enough = asyncio.Event()

    async def emit(*readings: Reading) -> None:
        heard.extend(readings)
        if sum(isinstance(one, KeyPress) for one in heard) >= int(presses):
            enough.set()

    ports = BoardPorts(MemoryPhones())
    running = asyncio.create_task(driver_class("recorded", wanted, ports=ports).run(emit))
    waiting = asyncio.create_task(enough.wait())
    await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
    running.cancel()
    for reading in heard:
        sys.stdout.write(decode.line(reading) + "\n")
    if running.done():
        await running


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
