"""How long from plugging a device in until its first reading is safe?

    ./dev bench replug [--times 10] [--hubs 5]

The real agent, with devices behind names that stay, as those in /dev/serial/by-id do, and an open
question. Each device is pulled, left out for 0.1 to 3 s, and plugged in again, where it is another
terminal than before and speaks at once; the clock stops when what it said stands in the journal.
Then a hub with eight devices, one of each kind and a second receiver of ours, is pulled and plugged
in whole. An i>clicker base needs 5 s to change its frequency: it is measured with and without.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sqlite3
import statistics
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Self

from agent.lesson.events import decode_body, kind_of
from benchmarks.machine import machine
from benchmarks.rig.board import Board
from benchmarks.rig.hub import KINDS, Gadget, SlowIclicker

LOOK_S = 0.005
LONGEST_S = 30.0
GOAL_S = 3.0


class Hub:
    """Devices behind names, and the agent that has them in its settings. A context manager."""

    def __init__(self, folder: Path, kinds: Sequence[type[Gadget]]) -> None:
        """Take everything, start nothing."""
        self._names = folder / "by-id"
        self.gadgets = {f"device-{n}": kind(n) for n, kind in enumerate(kinds, start=1)}
        devices: list[dict[str, Any]] = [
            {"id": name, "driver": one.driver, "port": str(self._names / name), **one.options}
            for name, one in self.gadgets.items()
        ]
        self.board = Board(folder, ports=[], devices=devices, cloud_url=None)

    async def __aenter__(self) -> Self:
        """Start the agent, with nothing plugged in, and ask something."""
        self._names.mkdir()
        await asyncio.to_thread(self.board.__enter__)
        await asyncio.to_thread(self._ask)
        self._journal = sqlite3.connect(f"file:{self.board.journal}?mode=ro", uri=True)
        self._read_to = 0
        return self

    async def __aexit__(self, *_: object) -> None:
        """Pull all, and stop it."""
        for name in self.gadgets:
            await self.pull(name)
        self._journal.close()
        await asyncio.to_thread(self.board.stop)

    def _ask(self) -> None:
        teacher = self.board.teacher()
        teacher.open_lesson()
        teacher.ask()
        teacher.close()

    async def plug(self, name: str) -> None:
        """Plug a device in."""
        await self.gadgets[name].plug(self._names / name)

    async def pull(self, name: str) -> None:
        """Pull it out."""
        await self.gadgets[name].pull(self._names / name)

    def devices(self) -> dict[str, Any]:
        """The cards of all devices. Blocks."""
        teacher = self.board.teacher()
        cards = teacher.client.get("/devices").raise_for_status().json()["devices"]
        teacher.close()
        return {one["id"]: one for one in cards}

    def heard(self) -> set[str]:
        """The devices whose readings have become durable since the last call."""
        rows = self._journal.execute(
            "select id, kind, body from event where id > ? order by id", (self._read_to,)
        ).fetchall()
        found = set()
        for number, kind, body in rows:
            self._read_to = number
            device = getattr(decode_body(kind_of(kind), body), "device", None)
            if device is not None:
                found.add(device)
        return found

    async def first_readings_s(self, names: Collection[str]) -> dict[str, float]:
        """From now until each of these devices was heard; nothing of one that was not."""
        loop = asyncio.get_running_loop()
        began_s, took_s = loop.time(), dict[str, float]()
        while len(took_s) < len(names) and loop.time() < began_s + LONGEST_S:
            for name in self.heard() & set(names):
                took_s.setdefault(name, loop.time() - began_s)
            await asyncio.sleep(LOOK_S)
        return took_s

    async def replug_s(self, names: Collection[str], *, away_s: float) -> dict[str, float]:
        """Pull these, leave them out, plug them in: how long each took to be heard."""
        for name in names:
            await self.pull(name)
        await asyncio.sleep(away_s)
        self.heard()
        for name in names:
            await self.plug(name)
        return await self.first_readings_s(names)


async def each_kind(folder: Path, times: int, chance: random.Random) -> dict[str, list[float]]:
    """By the name of the kind, how long each time took."""
    took: dict[str, list[float]] = {}
    async with Hub(folder, list(KINDS.values())) as hub:
        for kind, name in zip(KINDS, hub.gadgets, strict=True):
            took[kind] = []
            for _ in range(times):
                found = await hub.replug_s([name], away_s=chance.uniform(0.1, 3))
                took[kind].append(found.get(name, float("inf")))
            await hub.pull(name)
    return took


async def hub_of_eight(folder: Path, times: int, chance: random.Random) -> list[float]:
    """How long each of eight devices took that were plugged in at once."""
    kinds = [kind for kind in KINDS.values() if kind is not SlowIclicker]
    took: list[float] = []
    async with Hub(folder, [*kinds, kinds[0]]) as hub:
        for _ in range(times):
            found = await hub.replug_s(hub.gadgets, away_s=chance.uniform(0.1, 3))
            took += [found.get(name, float("inf")) for name in hub.gadgets]
    return took


def row(name: str, took_s: Sequence[float]) -> str:
    """A line of the table."""
    late = sum(one > GOAL_S for one in took_s)
    return (
        f"{name:28} {len(took_s):4} {statistics.median(took_s):8.2f} {max(took_s):8.2f} {late:10}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--hubs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    print(machine())
    print(
        f"{'from plug to first reading, s':28} {'n':>4} {'median':>8} {'worst':>8} {'over 3 s':>10}"
    )
    chance = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="replug-") as folder:
        for kind, took_s in asyncio.run(each_kind(Path(folder), arguments.times, chance)).items():
            print(row(kind, took_s))
    with tempfile.TemporaryDirectory(prefix="replug-") as folder:
        took_s = asyncio.run(hub_of_eight(Path(folder), arguments.hubs, chance))
        print(row("each of eight on a hub", took_s))


if __name__ == "__main__":
    main()
