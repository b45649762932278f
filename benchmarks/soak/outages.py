"""Broker, line and ingest fail while a room answers; is anything lost, and when does it resume?

    ./dev soak outages [--minutes 10] [--seed N]

A broker that is killed every few seconds for so many minutes; broker and ingest away for a
while; a line with 500 ms delay and jitter, one that is cut, one that goes silent; every tenth
packet dropped (in a network namespace of its own; needs root or user namespaces, and iptables).
Real parts as in `kills`. After each outage: the seconds until the school held all that had been
recorded until its end. Exit status 1 if anything was lost, doubled or out of order.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from agent.demo.broker import free_port
from benchmarks.machine import machine
from benchmarks.soak.account import Account, held_upto, newest, received, reckon
from benchmarks.soak.chain import Chain, Member
from benchmarks.soak.room import Receivers, Teacher, settle
from benchmarks.soak.slow_line import SlowLine

RECEIVERS = 2
KEYPADS = 48
AWAY_S = (5.0, 30.0, 120.0)
BAD_LINE_S = 60.0
SETTLE_S = 60.0
RESUME_S = 600.0
IN_NAMESPACE = "SOAK_IN_NAMESPACE"
LOSS = ("INPUT", "-i", "lo", "-m", "statistic", "--mode", "random", "--probability", "0.1")


class Outage(msgspec.Struct, frozen=True):
    """One of them: how long it took, what waited at its end, and how long until that had come."""

    what: str
    lasted_s: float
    waiting: int
    resumed_s: float


class Soak(msgspec.Struct, kw_only=True):
    """What a run came to."""

    outages: list[Outage]
    broker_kills: int
    connections: int
    pressed: int
    refused: int
    unshown: int
    account: Account

    @property
    def good(self) -> bool:
        """Whether nothing was lost, and no clicker waits for ever."""
        return self.account.good and self.unshown == 0


class Weather:
    """Brings the outages one after the other."""

    def __init__(self, chain: Chain, line: SlowLine, rng: random.Random) -> None:
        """Take everything, do nothing."""
        self.outages: list[Outage] = []
        self._chain = chain
        self._line = line
        self._rng = rng

    async def flapping(self, seconds: float) -> None:
        """The broker is killed every few seconds."""
        broker, rng = self._chain.broker, self._rng
        deadline_s = time.monotonic() + seconds
        while time.monotonic() < deadline_s:
            await asyncio.sleep(rng.uniform(1, 5))
            await broker.kill()
            await asyncio.sleep(rng.uniform(0, 2))
            await broker.start()
            await broker.until_ready()

    async def away(self, member: Member, seconds: float) -> None:
        """One of them is killed and comes back after a while."""
        await member.kill()
        await asyncio.sleep(seconds)
        await member.start()
        await member.until_ready()

    async def slow(self, seconds: float) -> None:
        """500 ms each way, and up to 200 ms more."""
        self._line.delay_s, self._line.jitter_s = 0.5, 0.2
        await asyncio.sleep(seconds)
        self._line.delay_s = self._line.jitter_s = 0.0

    async def cutting(self, seconds: float) -> None:
        """Every connection is cut after a few seconds."""
        deadline_s = time.monotonic() + seconds
        while time.monotonic() < deadline_s:
            await asyncio.sleep(self._rng.uniform(1, 5))
            await self._line.cut()

    async def silent(self, seconds: float) -> None:
        """Nothing passes, and nobody is told."""
        self._line.stall()
        await asyncio.sleep(seconds)
        self._line.flow()

    async def lossy(self, seconds: float) -> None:
        """Every tenth packet of this namespace is dropped."""
        await asyncio.to_thread(subprocess.run, ["iptables", "-A", *LOSS, "-j", "DROP"], check=True)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(subprocess.run, ["iptables", "-D", *LOSS, "-j", "DROP"], check=True)

    async def bring(self, what: str, outage: Awaitable[None], say: Callable[[str], None]) -> None:
        """Wait for an outage to end, and then for the school to have caught up."""
        began_s = time.monotonic()
        await outage
        ended_s = time.monotonic()
        mark = newest(self._chain.journal)
        waiting = mark[1] - held_upto(self._chain.database)[1]
        async with asyncio.timeout(RESUME_S):
            while held_upto(self._chain.database) < mark:  # noqa: ASYNC110 (nobody tells)
                await asyncio.sleep(0.05)
        resumed_s = time.monotonic() - ended_s
        one = Outage(what, round(ended_s - began_s, 1), waiting, round(resumed_s, 2))
        self.outages.append(one)
        say(f"{what}: {one.lasted_s} s, {waiting} waited, all there after {one.resumed_s} s")


async def soak(
    folder: Path, *, minutes: float, seed: int, rate: int, lossy: bool, say: Callable[[str], None]
) -> Soak:
    """Run it all; what it came to."""
    rng = random.Random(seed)
    broker_port = free_port()
    async with (
        Receivers(RECEIVERS, KEYPADS, rng) as room,
        SlowLine(broker_port, rng=rng) as line,
        Chain(folder, room.ports, broker_port=broker_port, through=line.port) as chain,
    ):
        await chain.start()
        await chain.until_plugged_in()
        teacher = Teacher(chain.url, chain.pin_path)
        tasks = [asyncio.create_task(room.press_at(rate)), asyncio.create_task(teacher.teach())]
        weather = Weather(chain, line, rng)
        await weather.bring("flapping broker", weather.flapping(minutes * 60), say)
        for seconds in AWAY_S:
            await weather.bring("broker away", weather.away(chain.broker, seconds), say)
        for seconds in AWAY_S:
            await weather.bring("ingest away", weather.away(chain.ingest, seconds), say)
        await weather.bring("slow line", weather.slow(BAD_LINE_S), say)
        await weather.bring("cut line", weather.cutting(BAD_LINE_S), say)
        for seconds in (10.0, 90.0):
            await weather.bring("silent line", weather.silent(seconds), say)
        if lossy:
            await weather.bring("every tenth packet lost", weather.lossy(BAD_LINE_S), say)
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        await settle(room, SETTLE_S)
        await received(chain.journal, chain.database, RESUME_S)
        await teacher.close()
        await chain.agent.stop()
        return Soak(
            outages=weather.outages,
            broker_kills=chain.broker.kills,
            connections=line.connections,
            pressed=room.pressed,
            refused=room.refused,
            unshown=room.waiting,
            account=await reckon(room.ticks, chain.journal, chain.database),
        )


def _enter_namespace() -> None:
    """Run this again in a network of its own; return if that cannot be had."""
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    command = ["unshare", *as_root, "--net"]
    try_it = "ip link set lo up && iptables -L -n >/dev/null"
    may = subprocess.run([*command, "sh", "-c", try_it], capture_output=True, check=False)
    if may.returncode == 0:
        os.environ[IN_NAMESPACE] = "1"
        again = [sys.executable, "-m", "benchmarks.soak.outages", *sys.argv[1:]]
        shell = 'ip link set lo up && exec "$@"'
        os.execvp("unshare", [*command, "sh", "-c", shell, "sh", *again])  # noqa: S606 (our own command)
    print(f"without lost packets: {may.stderr.decode().strip()}", flush=True)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="./dev soak outages", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--minutes", type=float, default=10.0, help="of the flapping broker")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=int, default=60, help="presses a second")
    arguments = parser.parse_args()
    lossy = IN_NAMESPACE in os.environ
    if not lossy:
        _enter_namespace()
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="soak-outages-") as folder:
        result = asyncio.run(
            soak(
                Path(folder),
                minutes=arguments.minutes,
                seed=arguments.seed,
                rate=arguments.rate,
                lossy=lossy,
                say=lambda text: print(text, flush=True),
            )
        )
    print(msgspec.json.format(msgspec.json.encode(result), indent=2).decode())
    print("nothing was lost, doubled or changed" if result.good else "NOT GOOD")
    return 0 if result.good else 1


if __name__ == "__main__":
    sys.exit(main())
