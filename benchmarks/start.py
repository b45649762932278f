"""How soon after its start does the agent accept the first press, durably?

    ./dev bench start [--runs 10]

A lesson with an open question runs; the agent is killed (-9), a key is pressed, the agent is
started. The time is from the start of the process to the light of that clicker, which goes on after
the commit. The receiver's time to be found again is in it.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
from pathlib import Path

from agent.clock import now_ns
from agent.demo.broker import free_port
from agent.demo.play import settle
from agent.demo.scene import CLASS_ID, Scene
from benchmarks.machine import machine


async def measure(folder: Path, runs: int) -> list[float]:
    took_s = []
    async with Scene(folder, broker="iotcore", port=free_port(), rng=random.Random(1)) as scene:
        stage, ledger = scene.stage, scene.ledger
        lesson = await scene.teacher.call("POST", "/lessons", {"class_id": CLASS_ID})
        body = {"kind": "single", "options": ["", "", "", ""]}
        await scene.teacher.call("POST", f"/lessons/{lesson['id']}/questions", body)
        for pupil in scene.classroom.pupils[:runs]:
            await stage.agent.kill()
            scene.classroom.press(pupil, "A", 1)
            began_ns = now_ns()
            await stage.start_agent([scene.line.path], [])
            await settle(scene)
            newest = list(ledger.presses.values())[-1]
            took_s.append((newest.ticked_ns - began_ns) / 1e9)
    return took_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    arguments = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="start-") as folder:
        took_s = asyncio.run(measure(Path(folder), arguments.runs))
    print(f"start to first tick      {statistics.median(took_s):.2f} s median")
    print(f"                         {max(took_s):.2f} s at most, of {len(took_s)} starts")


if __name__ == "__main__":
    main()
