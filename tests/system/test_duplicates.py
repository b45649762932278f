"""What comes again is stored once, and whoever listens can count it: real brokers and ingests."""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.demo.broker import HOST, LocalBroker
from agent.demo.play import receive, settle
from agent.demo.stage import Part, journal_newest
from agent.lesson.events import LessonEnded
from agent.wire import topics
from agent.wire.codec import Packed, pack, unpack
from agent.wire.payloads import decode_batch, encode
from agent.wire.topics import Address
from tests.fleet.batch import batch_of
from tests.system.clicker_room import ClickerRoom

pytestmark = pytest.mark.needs("mosquitto")

PAGE = Path(__file__).parents[2] / "docs/mqtt/counting.md"


def snippet() -> str:
    """The consumer on the page."""
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


class Consumer:
    """The page's consumer as a process of its own. `counts`: by (device, epoch)."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.counts: dict[tuple[str, int], dict[str, int]] = {}

    async def listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            self.counts[said.pop("device"), said.pop("epoch")] = said

    async def until_taken(self, items: int) -> None:
        """Wait until so many items have come, new or not."""
        while sum(one["new"] + one["repeated"] for one in self.counts.values()) < items:
            assert self._process.returncode is None
            await asyncio.sleep(0.02)


@asynccontextmanager
async def consumer(folder: Path, port: int) -> AsyncIterator[Consumer]:
    program = folder / "consumer.py"
    program.write_text(snippet(), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(program), HOST, str(port)), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    one = Consumer(process)
    listening = asyncio.create_task(one.listen())
    try:
        yield one
    finally:
        process.kill()
        await process.wait()
        await listening


class Client:
    """A client of the broker that publishes, and keeps what others say on `up/b`."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, Packed]] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._ready = threading.Event()
        options = SubscribeOptions(qos=1, noLocal=True)
        self._client.on_connect = lambda client, *_: client.subscribe(
            topics.every_board(topics.BATCH), options=options
        )
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._arrived
        self._client.on_socket_open = _at_once
        self._client.connect(HOST, port)
        self._client.loop_start()
        assert self._ready.wait(10)

    def _arrived(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        content_type = getattr(message.properties, "ContentType", "")
        self.heard.append((message.topic, Packed(content_type, bytes(message.payload))))

    def publish(self, topic: str, packed: Packed) -> None:
        properties = Properties(PacketTypes.PUBLISH)
        properties.ContentType = packed.content_type
        self._client.publish(topic, packed.payload, 1, properties=properties)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def _at_once(_client: paho.Client, _data: Any, sock: Any) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


@contextmanager
def client(port: int) -> Iterator[Client]:
    with closing(Client(port)) as one:
        yield one


def batch(epoch: int, first: int, last: int) -> Packed:
    seqs = range(first, last + 1)
    return pack(encode(batch_of(seqs, lambda seq: LessonEnded(lesson=f"l-{seq}"), epoch=epoch)))


class Link(NamedTuple):
    """What a link delivers of one epoch, and what was done to it on the way."""

    deliveries: list[tuple[int, int]]
    injected: dict[str, int]


def bad_link(rng: random.Random) -> Link:
    """(first, last) of each batch as it arrives; every fault keeps clear of the others."""
    sent: list[tuple[int, int]] = []
    while len(sent) < 30:
        first = sent[-1][1] + 1 if sent else 1
        sent.append((first, first + rng.randrange(9)))
    arriving: list[tuple[int, int]] = []
    injected: Counter[str] = Counter()
    fate = iter(range(len(sent)))
    for place in fate:
        one, last = sent[place], len(sent) - 2
        size = one[1] - one[0] + 1
        what = rng.choice(
            ["through", "drop", "late", "repeat", "overlap"] if place < last else ["through"]
        )
        if what == "drop":
            injected["missing"] += size
            continue
        if what == "late":  # overtaken by the next
            arriving.append(sent[next(fate)])
            injected["late"] += size
        arriving.append(one)
        if what == "repeat":
            for _ in range(rng.randint(1, 3)):
                arriving.append(one)
                injected["repeated"] += size
        elif (
            what == "overlap"
        ):  # the board cut its batches anew: the old ones, and the next with them
            arriving.append((one[0], sent[next(fate)][1]))
            injected["repeated"] += size
    for old in rng.sample(arriving[:5], 2):  # a broker that comes back with what it had kept
        arriving.append(old)
        injected["repeated"] += old[1] - old[0] + 1
    injected["new"] = sent[-1][1] - injected["missing"]
    return Link(arriving, {name: injected[name] for name in ("new", "repeated", "late", "missing")})


async def test_any_consumer_counts_loss_repeats_and_order(tmp_path: Path) -> None:
    rng = random.Random(64)
    boards = [Address("4403", "440305", "s012", "r301", f"board-{one}") for one in (1, 2, 3)]
    links = {(board, epoch): bad_link(rng) for board in boards for epoch in (5, 6)}
    assert all(sum(one.injected[name] for one in links.values()) for name in ("late", "missing"))
    with LocalBroker("mosquitto", tmp_path) as broker, client(broker.port) as boards_client:
        async with consumer(tmp_path, broker.port) as one:
            for epoch in (5, 6):
                waiting = {board: iter(links[board, epoch].deliveries) for board in boards}
                while waiting:
                    board = rng.choice(list(waiting))
                    bounds = next(waiting[board], None)
                    if bounds is None:
                        del waiting[board]
                        continue
                    boards_client.publish(board.up(topics.BATCH), batch(epoch, *bounds))
            delivered = [bounds for link in links.values() for bounds in link.deliveries]
            await one.until_taken(sum(last - first + 1 for first, last in delivered))
            assert one.counts == {
                (board.device, epoch): link.injected for (board, epoch), link in links.items()
            }


async def test_two_ingests_and_a_link_that_repeats_store_each_event_once(tmp_path: Path) -> None:
    rng = random.Random(65)
    async with ClickerRoom(tmp_path, rng=rng, clickers=20) as scene:
        stage, classroom = scene.stage, scene.classroom
        while stored(stage.database)["upto"] < journal_newest(stage.data_dir)[1]:
            await asyncio.sleep(0.02)
        await stage.ingest.stop()
        before = stored(stage.database)
        port = int(stage.broker_url.rsplit(":", 1)[1])
        arguments = ["--broker", stage.broker_url, "--database", str(stage.database)]
        workers = [
            Part(name, "fleet", ["ingest", *arguments, "--share", "school"], tmp_path)
            for name in ("worker-1", "worker-2")
        ]
        for worker in workers:
            await worker.start()
        try:
            while not all(worker.says("ready") for worker in workers):
                await asyncio.sleep(0.02)
            with client(port) as repeater:
                async with consumer(tmp_path, port) as other:
                    repeating = asyncio.create_task(repeat(repeater, rng))
                    await scene.open_lesson()
                    for number in range(3):
                        await scene.ask()
                        for pupil in classroom.pupils:
                            classroom.press(pupil, "ABC"[number], number + 1)
                            await asyncio.sleep(0.003)
                        await settle(scene)
                    await receive(scene)
                    repeating.cancel()
                    surplus = await repeating
                    items = sum(map(size_of, repeater.heard)) + surplus
                    await other.until_taken(items)
                    while not counted(stored(stage.database), before["events"], items):
                        await asyncio.sleep(0.02)
            after = stored(stage.database)
            new = after["events"] - before["events"]
            assert after["events"] == after["upto"]
            if not after["gaps"]:  # else a worker has given up waiting for the other
                assert after["duplicates"] == items - new
            assert surplus > 0
            assert list(other.counts.values()) == [
                {"new": new, "repeated": items - new, "late": 0, "missing": before["events"]}
            ]
            held = scene.ledger.compare(stage.database, scene.receipts)
            assert sorted(one.token for one in held) == sorted(scene.ledger.presses)
        finally:
            for worker in workers:
                await worker.stop()


def counted(now: dict[str, int], before: int, items: int) -> bool:
    """Whether the workers have dealt with so many items; one behind a gap is not counted."""
    return now["gaps"] > 0 or now["duplicates"] + now["events"] - before >= items


async def repeat(repeater: Client, rng: random.Random) -> int:
    """Say again what a board said, until cancelled; how many items were so said."""
    surplus, place = 0, 0
    try:
        while True:
            while place < len(repeater.heard):
                place += 1
                for one in rng.sample(repeater.heard[:place], min(place, rng.randrange(3))):
                    surplus += size_of(one)
                    repeater.publish(*one)
            await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        return surplus


def size_of(said: tuple[str, Packed]) -> int:
    """How many items a batch has."""
    return len(decode_batch(unpack(*said[1])).items)


def stored(database: Path) -> dict[str, int]:
    """What the school's database says of the one board."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        row = db.execute(
            "select (select count(*) from event), (select sum(upto) from upto), "
            "(select sum(duplicates) from device), (select sum(gaps) from device)"
        ).fetchone()
    names = ("events", "upto", "duplicates", "gaps")
    return {name: value or 0 for name, value in zip(names, row, strict=True)}
