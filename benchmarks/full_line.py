"""720 presses a second for 60 s, a full 115,200-baud line: nothing lost, how much processor?

    ./dev bench full_line [--seconds 60] [--rate 720]

The whole chain: a virtual receiver on a serial port, the agent with a teacher's page open, a real
broker, the school's ingest. The agent's processor time is the kernel's account of its process.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
from pathlib import Path

from agent.demo.broker import free_port
from agent.demo.classroom import Classroom
from agent.demo.ledger import count_duplicates
from agent.demo.play import receive, settle
from agent.demo.scene import CLASS_ID, Scene
from agent.demo.stage import journal_bytes
from benchmarks.machine import machine

STEP_S = 0.01


async def press_all(classroom: Classroom, rate: int, seconds: float) -> int:
    """Press at a steady rate, round the class; how many were pressed."""
    loop = asyncio.get_running_loop()
    began_s, pressed = loop.time(), 0
    while (gone_s := loop.time() - began_s) < seconds:
        while pressed < gone_s * rate:
            pupil = classroom.pupils[pressed % len(classroom.pupils)]
            classroom.press(pupil, "ABCD"[pressed // len(classroom.pupils) % 4], 1)
            pressed += 1
        await asyncio.sleep(STEP_S)
    return pressed


async def measure(folder: Path, rate: int, seconds: float, broker: str) -> None:
    async with Scene(folder, broker=broker, port=free_port(), rng=random.Random(1)) as scene:
        stage, ledger, teacher = scene.stage, scene.ledger, scene.teacher
        lesson = await teacher.call("POST", "/lessons", {"class_id": CLASS_ID, "title": "line"})
        body = {"kind": "single", "options": ["", "", "", ""], "key": None}
        await teacher.call("POST", f"/lessons/{lesson['id']}/questions", body)
        bytes_before, cpu_before_s = journal_bytes(stage.data_dir), stage.agent.cpu_s()
        pressed = await press_all(scene.classroom, rate, seconds)
        cpu_s = stage.agent.cpu_s() - cpu_before_s
        await settle(scene)
        await receive(scene)
        held = ledger.compare(stage.database, scene.receipts)
        growth_bytes = journal_bytes(stage.data_dir) - bytes_before
        memory_mb = stage.agent.peak_rss_mb()
    received = {one.token for one in held}
    lost = sum(token not in received for token in ledger.presses)
    print(f"pressed                  {pressed} in {seconds:.0f} s")
    print(f"refused (ring full)      {ledger.refused}")
    print(f"unticked                 {ledger.unticked}")
    print(f"lost                     {lost}")
    print(f"duplicates               {count_duplicates(held)}")
    print(f"agent's processor        {100 * cpu_s / seconds:.1f} % of one core")
    print(f"                         {1e6 * cpu_s / pressed:.0f} us a press")
    print(f"journal                  {growth_bytes / pressed:.0f} bytes a press")
    print(f"press to tick            {ledger.latency_ms('ticked_ns')} ms")
    print(f"press to receipt         {ledger.latency_ms('received_ns')} ms")
    print(f"agent's memory           {memory_mb:.1f} MB at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=720)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--broker", default="iotcore")
    arguments = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="full-line-") as folder:
        asyncio.run(measure(Path(folder), arguments.rate, arguments.seconds, arguments.broker))


if __name__ == "__main__":
    main()
