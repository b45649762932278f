"""How soon does a board with a damaged journal accept a press, durably?

    ./dev bench damaged [--events 1000000]

A lesson with an open question runs on a journal with so many older events. The agent is killed
(-9), the journal is damaged, a key is pressed, the agent is started. The time is from the start of
the process to the light of that clicker, which goes on after the commit. Then the salvage in the
background is waited for.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from agent.clock import now_ns
from agent.demo.broker import free_port
from agent.demo.play import settle
from agent.demo.scene import CLASS_ID, Scene
from agent.journal.damage import pending
from agent.journal.store import PAGE_BYTES
from agent.lesson.events import ResponseRecorded, encode_kept, kept_kind
from benchmarks.machine import machine

CHUNK = 10_000


def destroy(at: Callable[[int], int], size_bytes: int) -> Callable[[Path], None]:
    def way(path: Path) -> None:
        with path.open("rb+") as file:
            file.seek(at(path.stat().st_size) // PAGE_BYTES * PAGE_BYTES)
            file.write(random.Random(1).randbytes(size_bytes))

    return way


def cut_off(path: Path) -> None:
    with path.open("rb+") as file:
        file.truncate(path.stat().st_size * 9 // 10)


WAYS: dict[str, Callable[[Path], None]] = {
    "the first page": destroy(lambda _: 0, PAGE_BYTES),
    "the root of the table": destroy(lambda _: PAGE_BYTES, PAGE_BYTES),
    "300 kB in the middle": destroy(lambda size: size // 2, 300_000),
    "its last tenth is gone": cut_off,
    "no page reads": lambda path: destroy(lambda _: 0, path.stat().st_size)(path),
}


def older(events: int, epoch: int) -> Iterator[tuple[int, int, int, str, bytes]]:
    for seq in range(1, events + 1):
        event = ResponseRecorded(
            lesson="old",
            question=1,
            device="rx-1",
            keypad=f"{seq % 60:08X}",
            key="A",
            token=str(seq),
        )
        yield epoch << 32 | seq, 1, seq * 1000, kept_kind(type(event).__name__), encode_kept(event)


def grow(journal: Path, events: int) -> None:
    """Put older events in front of those of the lesson; the school has them."""
    with closing(sqlite3.connect(journal)) as db:
        epoch = db.execute("select min(id) >> 32 from event").fetchone()[0] - 1
        with db:
            db.executemany("insert into event values(?,?,?,?,?)", older(events, epoch))
        db.execute("pragma wal_checkpoint(truncate)")


def put_back(whole: Path, journal: Path) -> None:
    for left in (*journal.parent.glob("journal.d*"), *journal.parent.glob("journal.db-*")):
        left.unlink(missing_ok=True)
    shutil.copy(whole, journal)


async def measure(folder: Path, events: int) -> None:
    async with Scene(folder, broker="iotcore", port=free_port(), rng=random.Random(1)) as scene:
        stage, ledger = scene.stage, scene.ledger
        lesson = await scene.teacher.call("POST", "/lessons", {"class_id": CLASS_ID})
        body = {"kind": "single", "options": ["", "", "", ""]}
        await scene.teacher.call("POST", f"/lessons/{lesson['id']}/questions", body)
        await stage.agent.kill()
        journal = stage.data_dir / "journal.db"
        grow(journal, events)
        whole = folder / "whole.db"
        shutil.copy(journal, whole)
        print(f"{events} events, {whole.stat().st_size / 1e6:.0f} MB")
        for number, (name, damage) in enumerate(WAYS.items()):
            put_back(whole, journal)
            damage(journal)
            scene.classroom.press(scene.classroom.pupils[number], "A", 1)
            began_ns = now_ns()
            await stage.start_agent([scene.line.path], [])
            await settle(scene)
            newest = list(ledger.presses.values())[-1]
            ticked_s = (newest.ticked_ns - began_ns) / 1e9
            while pending(stage.data_dir):  # noqa: ASYNC110 (another process ends it)
                await asyncio.sleep(0.1)
            saved_s = (now_ns() - began_ns) / 1e9
            with closing(sqlite3.connect(journal)) as db:
                held = db.execute("select count(*) from event").fetchone()[0]
            print(
                f"{name:24} first tick {ticked_s:5.2f} s, all saved {saved_s:6.1f} s, {held} events"
            )
            await stage.agent.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    arguments = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="damaged-") as folder:
        asyncio.run(measure(Path(folder), arguments.events))


if __name__ == "__main__":
    main()
