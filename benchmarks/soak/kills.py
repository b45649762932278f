"""Agent, broker and ingest are killed at random while a room answers; is anything lost?

    ./dev soak kills [--kills 300] [--answers 100000] [--seed N] [--no-persistence]

Real parts: virtual receivers on pseudo-terminals, phones over HTTP, the agent, mosquitto with
config/broker over TLS, the school's ingest. Each is killed (-9) again and again, also while it
starts and together with another, and started anew. It begins with first starts on an empty disk
that are killed, and a cold start without network: presses, a kill, more presses, another kill, and
only then the network. At the end every press whose
clicker or phone was shown an outcome must be in the school's database exactly once, as what it was
shown: else exit status 1.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from benchmarks.machine import machine
from benchmarks.soak.account import Account, held_upto, newest, received, reckon
from benchmarks.soak.chain import Chain, Member
from benchmarks.soak.phones import Phones
from benchmarks.soak.room import TICKED, Receivers, Teacher, settle

RECEIVERS = 6
KEYPADS = 48
PHONES = 8
LIVES_S = {"agent": 4.0, "broker": 6.0, "ingest": 5.0}
"""How long one lives on average, if it is not killed while it starts."""
EARLY = 0.3
"""So many are killed while they start."""
EARLY_S = 0.9
TOGETHER = 0.15
"""So many take another one with them."""
DOWN_S = 0.8
FIRST_STARTS = 20
RESET_S = 5.0
SETTLE_S = 60.0
RECEIVE_S = 180.0
SAY_S = 10.0

Say = Callable[[str], None]


class Soak(msgspec.Struct, kw_only=True):
    """What a run came to.

    Attributes:
        pressed: presses on clickers that a receiver took.
        refused: presses for which its receiver had no room; the clicker showed no tick.
        unshown: presses whose clicker was shown nothing to the end.
        ticked: clickers were shown that the answer counts.
        shown_refusal: clickers were shown that it does not, since nothing was open.
        phone_answers: answers by phone that were ticked.
    """

    seconds: float
    kills: dict[str, int]
    while_starting: dict[str, int]
    together: int
    receiver_resets: int
    lessons: int
    questions: int
    teacher_retries: int
    pressed: int
    refused: int
    unshown: int
    ticked: int
    shown_refusal: int
    phone_answers: int
    phone_refusals: int
    drained_s: float
    account: Account

    @property
    def good(self) -> bool:
        """Whether nothing was lost, and no clicker waits for ever."""
        return self.account.good and self.unshown == 0


class Storm:
    """Kills the members of a chain until it has had enough."""

    def __init__(
        self, chain: Chain, rng: random.Random, enough: Callable[[], bool], *, pace: float
    ) -> None:
        """Take everything, kill nobody yet. `pace`: so many times as fast as `LIVES_S` says."""
        self.together = 0
        self._chain = chain
        self._rng = rng
        self._enough = enough
        self._pace = pace
        self._doom = {member.name: asyncio.Event() for member in chain.members}

    @property
    def kills(self) -> int:
        """How many so far."""
        return sum(member.kills for member in self._chain.members)

    async def rage(self) -> None:
        """Kill until it is enough; then all run, and are left alone."""
        async with asyncio.TaskGroup() as group:
            for member in self._chain.members:
                group.create_task(self._haunt(member))

    async def _haunt(self, member: Member) -> None:
        rng, doom = self._rng, self._doom[member.name]
        while not self._enough():
            early = rng.random() < EARLY
            mean_s = max(LIVES_S[member.name] / self._pace, 1.0)
            life_s = rng.uniform(0, EARLY_S) if early else 0.5 + rng.expovariate(1 / (mean_s - 0.5))
            doom.clear()
            try:
                async with asyncio.timeout(life_s):
                    await doom.wait()
            except TimeoutError:
                self._drag_along(member)
            await member.kill()
            await asyncio.sleep(rng.choice((0.0, rng.uniform(0, DOWN_S))))
            await member.start()

    def _drag_along(self, member: Member) -> None:
        if self._rng.random() < TOGETHER:
            others = [name for name in self._doom if name != member.name]
            self._doom[self._rng.choice(others)].set()
            self.together += 1


async def first_starts(chain: Chain, rng: random.Random, count: int) -> None:
    """Kill the agent in its very first start, on an empty disk; it must come up all the same.

    Raises:
        RuntimeError: it did not, with its last words.
    """
    agent = chain.agent
    for _ in range(count):
        for _ in range(2):
            await agent.start()
            await asyncio.sleep(rng.uniform(0.1, EARLY_S))
            await agent.kill()
        await agent.start()
        await agent.until_ready()
        chain.pin_path.read_text(encoding="ascii")
        await agent.stop()
        shutil.rmtree(chain.journal.parent)
    agent.kills = agent.early_kills = 0  # those that follow are counted for themselves


async def cold_start(chain: Chain, receivers: Receivers, teacher: Teacher, rate: int) -> None:
    """Teach without network, be killed twice; the network comes last."""
    pressing = asyncio.create_task(receivers.press_at(rate))
    teaching = asyncio.create_task(teacher.teach())
    await chain.agent.start()
    for _ in range(2):
        await chain.agent.until_ready()
        await _pressed(receivers, 2 * rate)
        await chain.agent.kill()
        await chain.agent.start()
    await chain.agent.until_ready()
    await chain.until_plugged_in()
    for task in (teaching, pressing):
        task.cancel()
    await settle(receivers, SETTLE_S)
    if held_upto(chain.database) != (0, 0):
        raise AssertionError("the school has something, without a network")
    await chain.broker.start()
    await chain.ingest.start()
    await received(chain.journal, chain.database, RECEIVE_S)


async def _pressed(receivers: Receivers, more: int) -> None:
    """Wait for so many presses from now on."""
    enough = receivers.pressed + more
    await _until(lambda: receivers.pressed >= enough)


async def _until(reached: Callable[[], bool]) -> None:
    while not reached():  # noqa: ASYNC110 (nobody tells)
        await asyncio.sleep(0.02)


async def soak(
    folder: Path,
    *,
    kills: int,
    answers: int,
    seed: int,
    rate: int,
    persistence: bool = True,
    pace: float = 1.0,
    starts: int = FIRST_STARTS,
    say: Say = lambda _: None,
) -> Soak:
    """Run it all; what it came to."""
    rng = random.Random(seed)
    began_s = time.monotonic()
    async with (
        Receivers(RECEIVERS, KEYPADS, rng) as room,
        Chain(folder, room.ports, persistence=persistence) as chain,
    ):
        await first_starts(chain, rng, starts)
        say(f"first starts on an empty disk, each killed twice: {starts}, all came up")
        phones = Phones(chain.url, PHONES, rng)
        teacher = Teacher(chain.url, chain.pin_path, phones.asked)
        await cold_start(chain, room, teacher, rate)
        say(f"cold start without network: {room.pressed} presses, all received")

        def enough() -> bool:
            return storm.kills >= kills and len(room.ticks) - room.shown_refusal >= answers

        storm = Storm(chain, rng, enough, pace=pace)
        tasks = [
            asyncio.create_task(room.press_at(rate)),
            asyncio.create_task(teacher.teach()),
            asyncio.create_task(room.reset_often(RESET_S)),
            asyncio.create_task(_report(storm, room, chain, say)),
        ]
        raging = asyncio.create_task(storm.rage())
        await asyncio.wait([raging, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in (*tasks, raging):
            if task.done():
                task.result()
            elif task is not raging:
                task.cancel()
        say(f"{storm.kills} kills; now all are left alone")
        for member in chain.members:
            await member.until_ready()
        await chain.until_plugged_in()
        quiet_s = time.monotonic()
        await settle(room, SETTLE_S)
        async with asyncio.timeout(SETTLE_S):
            await phones.settle()
        await received(chain.journal, chain.database, RECEIVE_S)
        drained_s = time.monotonic() - quiet_s
        await teacher.close()
        await phones.close()
        await chain.agent.stop()
        ticks = room.ticks | phones.ticks
        account = await reckon(ticks, chain.journal, chain.database, made=phones.made)
        return Soak(
            seconds=round(time.monotonic() - began_s, 1),
            kills={member.name: member.kills for member in chain.members},
            while_starting={member.name: member.early_kills for member in chain.members},
            together=storm.together,
            receiver_resets=room.resets,
            lessons=teacher.lessons,
            questions=teacher.asked,
            teacher_retries=teacher.retries,
            pressed=room.pressed,
            refused=room.refused,
            unshown=room.waiting,
            ticked=len(room.ticks) - room.shown_refusal,
            shown_refusal=room.shown_refusal,
            phone_answers=sum(code in TICKED for code in phones.ticks.values()),
            phone_refusals=phones.gave_up + sum(c not in TICKED for c in phones.ticks.values()),
            drained_s=round(drained_s, 1),
            account=account,
        )


async def _report(storm: Storm, room: Receivers, chain: Chain, say: Say) -> None:
    began_s = time.monotonic()
    while True:
        await asyncio.sleep(SAY_S)
        behind = newest(chain.journal)[1] - held_upto(chain.database)[1]
        say(
            f"{time.monotonic() - began_s:5.0f} s: {storm.kills} kills, {room.pressed} presses, "
            f"{room.refused} without room, {room.waiting} wait for a light, {behind} for a receipt"
        )


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="./dev soak kills", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--answers", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=int, default=360, help="presses a second")
    parser.add_argument("--no-persistence", action="store_true", help="the broker keeps nothing")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep all files there")
    arguments = parser.parse_args()
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="soak-kills-") as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        result = asyncio.run(
            soak(
                folder,
                kills=arguments.kills,
                answers=arguments.answers,
                seed=arguments.seed,
                rate=arguments.rate,
                persistence=not arguments.no_persistence,
                say=lambda text: print(text, flush=True),
            )
        )
    print(msgspec.json.format(msgspec.json.encode(result), indent=2).decode())
    print("nothing was lost, doubled or changed" if result.good else "NOT GOOD")
    return 0 if result.good else 1


if __name__ == "__main__":
    sys.exit(main())
