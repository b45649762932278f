"""What lies between a board and its school fails in every way; nothing is lost, order is kept."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cloud.mqtt import CloudOptions
from agent.cloud.uplink import Uplink
from agent.demo.broker import LocalBroker
from benchmarks.soak.slow_line import SlowLine
from tests.cloud.conftest import ADDRESS
from tests.cloud.outbox import BOOT, Clock, MemoryOutbox
from tests.cloud.school import School, until
from tests.system.forgetful_broker import ForgetfulBroker

MOSQUITTO = pytest.mark.needs("mosquitto")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[LocalBroker]:
    with LocalBroker("mosquitto", tmp_path / "broker") as running:
        yield running


@pytest.fixture
def school(broker: LocalBroker, tmp_path: Path) -> Iterator[School]:
    """Not started yet."""
    one = School(broker.url, tmp_path / "school.db")
    yield one
    one.stop()


@pytest.fixture
def outbox() -> MemoryOutbox:
    return MemoryOutbox()


def board(port: int, outbox: MemoryOutbox) -> Uplink:
    options = CloudOptions(url=f"mqtt://127.0.0.1:{port}", will_delay_s=0)
    return Uplink(options, ADDRESS, outbox, Clock(), boot=BOOT, versions={})


async def teach(uplink: Uplink, outbox: MemoryOutbox, groups: int, pause_s: float = 0.01) -> None:
    """Record groups of five events."""
    for _ in range(groups):
        uplink.committed(*outbox.add(5))
        await asyncio.sleep(pause_s)


def check(school: School, outbox: MemoryOutbox) -> None:
    """All is there, once, and came in the order of its numbers."""
    _, newest = outbox.newest()
    assert school.held(ADDRESS.device) == [(1, seq) for seq in range(1, newest + 1)]
    db = sqlite3.connect(school.database)
    try:
        arrivals = [at for (at,) in db.execute("select received_ns from event order by epoch, seq")]
        gaps = db.execute("select gaps from device").fetchone()
    finally:
        db.close()
    assert arrivals == sorted(arrivals)
    assert gaps == (0,)


@MOSQUITTO
async def test_a_broker_that_comes_and_goes(
    broker: LocalBroker, school: School, outbox: MemoryOutbox
) -> None:
    school.start()
    async with board(broker.port, outbox) as uplink:
        for turn in range(4):
            await until(lambda: uplink.state.link == "connected")
            await teach(uplink, outbox, 10)
            broker.kill()
            await teach(uplink, outbox, 5)
            await until(lambda turn=turn: uplink.state.mqtt.losses > turn)  # type: ignore[misc]
            await asyncio.to_thread(broker.start)
        await until(lambda: uplink.state.waiting == 0)
    check(school, outbox)


@MOSQUITTO
async def test_a_line_that_is_slow_and_uneven(
    broker: LocalBroker, school: School, outbox: MemoryOutbox
) -> None:
    school.start()
    rng = random.Random(1)
    async with (
        SlowLine(broker.port, rng=rng, delay_s=0.5, jitter_s=0.2, bytes_per_s=20_000) as line,
        board(line.port, outbox) as uplink,
    ):
        await teach(uplink, outbox, 30, pause_s=0.02)
        await until(lambda: uplink.state.waiting == 0)
        assert line.connections == 1
    check(school, outbox)


@MOSQUITTO
async def test_a_line_that_is_cut_in_the_middle_of_a_batch(
    broker: LocalBroker, school: School, outbox: MemoryOutbox
) -> None:
    school.start()
    outbox.add(1500)
    async with (
        SlowLine(broker.port, rng=random.Random(2)) as line,
        board(line.port, outbox) as uplink,
    ):
        for cut in range(3):
            await until(lambda: uplink.state.link == "connected")
            line.bytes_per_s = 20_000
            passed_bytes = line.passed_bytes
            uplink.committed(*outbox.add(500))
            await until(lambda before=passed_bytes: line.passed_bytes > before + 6_000)  # type: ignore[misc]
            await line.cut()
            await until(lambda cut=cut: uplink.state.mqtt.losses > cut)  # type: ignore[misc]
        line.bytes_per_s = 0
        await until(lambda: uplink.state.waiting == 0)
    check(school, outbox)


@MOSQUITTO
async def test_a_line_that_goes_silent_without_a_word(
    broker: LocalBroker, school: School, outbox: MemoryOutbox
) -> None:
    """As behind a router that forgot the connection: nobody is told, keep-alive finds out."""
    school.start()
    async with SlowLine(broker.port, rng=random.Random(3)) as line:
        options = CloudOptions(url=f"mqtt://127.0.0.1:{line.port}", will_delay_s=0, keepalive_s=1)
        uplink = Uplink(options, ADDRESS, outbox, Clock(), boot=BOOT, versions={})
        async with uplink:
            await teach(uplink, outbox, 5)
            await until(lambda: uplink.state.waiting == 0)
            line.stall()
            await teach(uplink, outbox, 5)
            await until(lambda: uplink.state.mqtt.losses == 1)
            line.flow()
            await until(lambda: uplink.state.waiting == 0)
            assert line.connections == 2
    check(school, outbox)


@MOSQUITTO
async def test_a_broker_that_acknowledges_and_delivers_nothing(
    broker: LocalBroker, school: School, outbox: MemoryOutbox
) -> None:
    broker.stop()
    async with board(broker.port, outbox) as uplink:
        async with ForgetfulBroker(broker.port) as forgetful:
            await teach(uplink, outbox, 20)
            await until(lambda: uplink.state.link == "connected")
            await until(lambda: uplink.state.delivery.resent >= 1)
            assert forgetful.taken >= 2
            assert uplink.state.waiting == 100
        await asyncio.to_thread(broker.start)
        school.start()
        await until(lambda: uplink.state.waiting == 0)
    check(school, outbox)


@MOSQUITTO
async def test_a_broker_that_forgets_what_it_kept_for_an_ingest_that_was_away(
    broker: LocalBroker, school: School, outbox: MemoryOutbox
) -> None:
    """The PUBACK says that nobody listens, then the broker loses all it held."""
    school.start()
    async with board(broker.port, outbox) as uplink:
        await teach(uplink, outbox, 5)
        await until(lambda: uplink.state.waiting == 0)
        school.kill()
        await teach(uplink, outbox, 20)
        await until(lambda: uplink.state.nobody_listens)
        broker.kill()
        await teach(uplink, outbox, 5)
        await asyncio.to_thread(broker.start)
        await until(lambda: uplink.state.link == "connected")
        assert uplink.state.waiting >= 100
        school.start()
        await until(lambda: uplink.state.waiting == 0)
        assert not uplink.state.nobody_listens
    check(school, outbox)


def lossy(program: str, *arguments: str) -> list[str]:
    """A command in a network of its own whose loopback drops every tenth packet."""
    drop = "iptables -A INPUT -i lo -m statistic --mode random --probability 0.1 -j DROP"
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    shell = f'ip link set lo up && {drop} && exec "$@"'
    command = ["unshare", *as_root, "--net", "sh", "-c", shell, "sh"]
    return [*command, sys.executable, "-m", program, *arguments]


@pytest.mark.needs("mosquitto", "iptables")
def test_a_network_that_drops_every_tenth_packet(tmp_path: Path) -> None:
    may = subprocess.run(lossy("this"), capture_output=True, text=True, check=False, cwd=ROOT)
    if may.returncode != 0:
        pytest.skip(f"cannot run here: no network namespace with iptables: {may.stderr.strip()}")
    run = subprocess.run(
        lossy("tests.system.lossy_lesson", str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=50,
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 20
