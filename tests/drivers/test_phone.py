"""The phones as a device."""

import asyncio

from drivers.api import Options
from drivers.capabilities import Confirms, Outcome
from drivers.phone import Phone
from drivers.readings import Attached, KeyPress, Reading
from tests.drivers.fake_ports import FakePorts


async def test_presses_of_the_page_become_this_devices() -> None:
    ports = FakePorts()
    emitted: asyncio.Queue[Reading] = asyncio.Queue()

    async def emit(*readings: Reading) -> None:
        for reading in readings:
            emitted.put_nowait(reading)

    running = asyncio.create_task(Phone("phones", Options(), ports=ports).run(emit))
    assert await emitted.get() == Attached(device="phones", mono_ns=ports.clock_ns)
    press = KeyPress(device="", mono_ns=7, token="a1", keypad="S3", item=2, key="AC")
    ports.memory_phones.press(press)
    assert await emitted.get() == KeyPress(
        device="phones", mono_ns=7, token="a1", keypad="S3", item=2, key="AC"
    )
    running.cancel()


def test_outcomes_reach_the_page() -> None:
    ports = FakePorts()
    driver = Phone("phones", Options(), ports=ports)
    assert isinstance(driver, Confirms)
    told = [("a1", Outcome("accepted")), ("a2", Outcome("rejected", "question_closed"))]
    driver.confirm(told)
    assert ports.memory_phones.told == told
    assert driver.counters() == {"late": 0}
