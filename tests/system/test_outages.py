"""What lies between a board and its school fails in every way; nothing is lost, order is kept."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.cloud.uplink import Uplink
from agent.demo.broker import BrokerName, LocalBroker
from benchmarks.soak.slow_line import SlowLine
from tests.cloud.board import ADDRESS, teach, uplink_to
from tests.cloud.outbox import MemoryOutbox
from tests.cloud.school import School, until
from tests.system.forgetful_broker import ForgetfulBroker

pytestmark = pytest.mark.needs("mosquitto")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def broker_name() -> BrokerName:
    return "mosquitto"


@asynccontextmanager
async def over_a_line(
    broker: LocalBroker,
    outbox: MemoryOutbox,
    *,
    seed: int,
    keepalive_s: int = 30,
    **faults: float,
) -> AsyncIterator[tuple[SlowLine, Uplink]]:
    """A board, and the line that lies between it and the broker. `faults`: of the line."""
    async with (
        SlowLine(broker.port, rng=random.Random(seed), **faults) as line,
        uplink_to(line.url, outbox, keepalive_s=keepalive_s) as uplink,
    ):
        yield line, uplink


async def lost(uplink: Uplink, times: int) -> None:
    """Until it has lost its connection so often."""
    await until(lambda: uplink.state.mqtt.losses >= times)


async def passed(line: SlowLine, more_bytes: int) -> None:
    """Until more than so many bytes came through from now on."""
    before_bytes = line.passed_bytes
    await until(lambda: line.passed_bytes > before_bytes + more_bytes)


async def test_a_broker_that_comes_and_goes(
    broker: LocalBroker, school: School, outbox: MemoryOutbox
) -> None:
    school.start()
    async with uplink_to(broker.url, outbox) as uplink:
        for turn in range(4):
            await until(lambda: uplink.state.link == "connected")
            await teach(uplink, outbox, 10)
            broker.kill()
            await teach(uplink, outbox, 5)
            await lost(uplink, turn + 1)
            await asyncio.to_thread(broker.start)
        await until(lambda: uplink.state.waiting == 0)
    school.check_all_of(ADDRESS.device, outbox.newest()[1])


async def test_a_line_that_is_slow_and_uneven(
    broker: LocalBroker, school: School, outbox: MemoryOutbox
) -> None:
    school.start()
    async with over_a_line(
        broker, outbox, seed=1, delay_s=0.5, jitter_s=0.2, bytes_per_s=20_000
    ) as (line, uplink):
        await teach(uplink, outbox, 30, pause_s=0.02)
        await until(lambda: uplink.state.waiting == 0)
        assert line.connections == 1
    school.check_all_of(ADDRESS.device, outbox.newest()[1])


async def test_a_line_that_is_cut_in_the_middle_of_a_batch(
    broker: LocalBroker, school: School, outbox: MemoryOutbox
) -> None:
    school.start()
    outbox.add(1500)
    async with over_a_line(broker, outbox, seed=2) as (line, uplink):
        for cut in range(3):
            await until(lambda: uplink.state.link == "connected")
            line.bytes_per_s = 20_000
            uplink.committed(*outbox.add(500))
            await passed(line, 6_000)
            await line.cut()
            await lost(uplink, cut + 1)
        line.bytes_per_s = 0
        await until(lambda: uplink.state.waiting == 0)
    school.check_all_of(ADDRESS.device, outbox.newest()[1])


async def test_a_line_that_goes_silent_without_a_word(
    broker: LocalBroker, school: School, outbox: MemoryOutbox
) -> None:
    """As behind a router that forgot the connection: nobody is told, keep-alive finds out."""
    school.start()
    async with over_a_line(broker, outbox, seed=3, keepalive_s=1) as (line, uplink):
        await teach(uplink, outbox, 5)
        await until(lambda: uplink.state.waiting == 0)
        line.stall()
        await teach(uplink, outbox, 5)
        await until(lambda: uplink.state.mqtt.losses == 1)
        line.flow()
        await until(lambda: uplink.state.waiting == 0)
        assert line.connections == 2
    school.check_all_of(ADDRESS.device, outbox.newest()[1])


async def test_a_broker_that_acknowledges_and_delivers_nothing(
    broker: LocalBroker, school: School, outbox: MemoryOutbox
) -> None:
    broker.stop()
    async with uplink_to(broker.url, outbox) as uplink:
        async with ForgetfulBroker(broker.port) as forgetful:
            await teach(uplink, outbox, 20)
            await until(lambda: uplink.state.link == "connected")
            await until(lambda: uplink.state.delivery.resent >= 1)
            assert forgetful.taken >= 2
            assert uplink.state.waiting == 100
        await asyncio.to_thread(broker.start)
        school.start()
        await until(lambda: uplink.state.waiting == 0)
    school.check_all_of(ADDRESS.device, outbox.newest()[1])


async def test_a_broker_that_forgets_what_it_kept_for_an_ingest_that_was_away(
    broker: LocalBroker, school: School, outbox: MemoryOutbox
) -> None:
    """The PUBACK says that nobody listens, then the broker loses all it held."""
    school.start()
    async with uplink_to(broker.url, outbox) as uplink:
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
    school.check_all_of(ADDRESS.device, outbox.newest()[1])


def lossy(program: str, *arguments: str) -> list[str]:
    """A command in a network of its own whose loopback drops every tenth packet."""
    drop = "iptables -A INPUT -i lo -m statistic --mode random --probability 0.1 -j DROP"
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    shell = f'ip link set lo up && {drop} && exec "$@"'
    command = ["unshare", *as_root, "--net", "sh", "-c", shell, "sh"]
    return [*command, sys.executable, "-m", program, *arguments]


@pytest.mark.needs("iptables")
def test_a_network_that_drops_every_tenth_packet(tmp_path: Path) -> None:
    may = subprocess.run(lossy("this"), capture_output=True, text=True, check=False, cwd=ROOT)
    if may.returncode != 0:
        pytest.skip(f"cannot run here: no network namespace with iptables: {may.stderr.strip()}")
    run = subprocess.run(
        lossy("tests.system.lossy_lesson", str(tmp_path), "20"),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=50,
    )
    assert run.returncode == 0, run.stderr
