"""More than the board can take in: it holds up who can wait, counts and shows what cannot."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import random
import socket
import sqlite3
import subprocess
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.clock import now_ns
from agent.demo.browser import Phone
from agent.demo.ledger import count_duplicates
from agent.demo.play import receive, settle
from agent.web.device_views import DeviceView
from agent.web.views import TeacherView
from drivers.sim.receiver import PtyLine, Shown, VirtualReceiver
from tests.system.clicker_room import ClickerRoom

pytestmark = pytest.mark.needs("gcc", "mosquitto")

SOURCE = Path(__file__).with_name("slow_disk.c")
CLICKERS = 40
WATCHDOG_S = 9


class SlowDisk:
    """A disk under the agent that is as slow as one says. `environment`: for its process."""

    def __init__(self, folder: Path) -> None:
        preloaded = folder / "slow_disk.so"
        subprocess.run(
            ["gcc", "-shared", "-fPIC", "-O2", "-o", str(preloaded), str(SOURCE)], check=True
        )
        self._says = folder / "slow_disk"
        self.environment = {"LD_PRELOAD": str(preloaded), "SLOW_DISK": str(self._says)}

    def takes(self, ms: int) -> None:
        self._says.write_text(str(ms), encoding="ascii")


@contextlib.contextmanager
def systemd(folder: Path) -> Iterator[tuple[socket.socket, dict[str, str]]]:
    """Where the agent's word for systemd goes, and how it is told of it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(folder / "notify"))
        listener.setblocking(False)
        seconds = str(WATCHDOG_S * 1_000_000)
        yield listener, {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": seconds}


def heard(listener: socket.socket) -> list[bytes]:
    """All that was said so far."""
    words = []
    with contextlib.suppress(BlockingIOError):
        while True:
            words.append(listener.recv(100))
    return words


def device(view: TeacherView, name: str) -> DeviceView:
    return next(one for one in view.devices if one.id == name)


async def test_a_slow_disk_makes_ticks_late_and_nothing_else(tmp_path: Path) -> None:
    disk = SlowDisk(tmp_path)
    with systemd(tmp_path) as (listener, told):
        async with ClickerRoom(
            tmp_path,
            rng=random.Random(71),
            clickers=CLICKERS,
            agent_environment=disk.environment | told,
        ) as scene:
            stage, ledger, classroom = scene.stage, scene.ledger, scene.classroom
            phone = Phone(stage.url)
            await scene.begin()
            await phone.join(scene.room_code)
            heard(listener)
            disk.takes(1000)
            for turn in range(2):  # more than its memory holds: the rest is refused, visibly
                for pupil in classroom.pupils * 2:
                    classroom.press(pupil, "ABC"[turn], 1)
                answered = await phone.answer(1, "ABC"[turn], f"attempt-{turn}")
                assert answered == ("changed" if turn else "accepted")
                await settle(scene)
            assert ledger.unticked == 0
            assert ledger.refused > 0
            while b"WATCHDOG=1" not in heard(listener):
                await asyncio.sleep(0.05)
            disk.takes(0)
            await phone.close()
            await receive(scene)
            held = ledger.compare(stage.database, scene.receipts)
            assert set(ledger.presses) < {one.token for one in held}  # the phone's are there too
            assert len(held) == len(ledger.presses) + 2
            assert count_duplicates(held) == 0
            view = await scene.teacher.until(
                lambda view: device(view, "receiver-1").refused == ledger.refused
            )
            assert view.lesson is not None
            assert view.lesson.question is not None
            assert view.lesson.question.answered == CLICKERS + 1
            health = await scene.teacher.call("GET", "/health")
            assert health["devices"][0]["refused"] == ledger.refused
            await until_reported(stage.database, ledger.refused)


async def until_reported(database: Path, refused: int) -> None:
    """Wait until the board's state at the school says so."""
    while True:
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
            [body] = db.execute("select body from board_state").fetchone()
        if json.loads(body)["devices"][0].get("refused") == refused:
            return
        await asyncio.sleep(0.05)


async def until_flagged(database: Path, presses: int) -> None:
    """Wait until the school was told of so many presses that were held back."""
    told = 0
    while told != presses:
        await asyncio.sleep(0.05)
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
            query = "select sum(body ->> 'presses') from event where kind = 'KeypadFlagged'"
            told = db.execute(query).fetchone()[0] or 0


async def test_a_flood_and_a_broken_line_beside_a_class_hold_up_nobody(tmp_path: Path) -> None:
    rng = random.Random(72)
    shown: list[Shown] = []
    flooded = VirtualReceiver("00000000000F1000", now_ns=now_ns, on_shown=shown.append)
    async with (
        PtyLine(flooded, now_ns) as flooded_line,
        ClickerRoom(tmp_path, rng=rng, clickers=CLICKERS) as scene,
    ):
        stage, ledger = scene.stage, scene.ledger
        with broken_line() as (broken, broken_path):
            await stage.agent.stop()
            await stage.start_agent([scene.line.path, flooded_line.path, broken_path], [])
            await scene.begin()
            flooding = asyncio.create_task(flood(flooded, broken, rng))
            for turn in range(5):
                scene.press_all("ABCDA"[turn])
                await settle(scene)
            assert ledger.unticked == 0
            while flooded.refused < 100 or len(shown) < 500:
                await asyncio.sleep(0.01)
            flooding.cancel()
            pressed = await flooding
            while flooded.waiting:
                await asyncio.sleep(0.01)
            await scene.teacher.until(
                lambda view: device(view, "receiver-2").alarms == ["keypad_flood"]
            )
            tokens = await scene.tokens_received()
            assert tokens >= set(ledger.presses)
            taken = tokens - set(ledger.presses)
            assert taken < pressed  # the keypad's first of each second
            view = await scene.teacher.until(
                lambda view: (
                    device(view, "receiver-2").refused == flooded.refused
                    and device(view, "receiver-2").counters["flood_presses"]
                    == len(pressed) - len(taken)
                )
            )
            assert device(view, "receiver-1").refused == ledger.refused
            assert device(view, "receiver-1").alarms == []
            assert device(view, "receiver-3").state in ("starting", "lost", "misconfigured")
            await until_flagged(stage.database, len(pressed) - len(taken))


@contextlib.contextmanager
def broken_line() -> Iterator[tuple[int, str]]:
    """A serial port whose far end nobody reads; where junk is put in, and its path."""
    far, near = pty.openpty()
    tty.setraw(near)
    os.set_blocking(far, False)
    try:
        yield far, os.ttyname(near)
    finally:
        os.close(far)
        os.close(near)


async def flood(receiver: VirtualReceiver, broken: int, rng: random.Random) -> set[str]:
    """One clicker pressed without end, and junk on another line, until cancelled; its presses."""
    pressed: set[str] = set()
    try:
        while True:
            for _ in range(20):
                token = receiver.press("0000F100", rng.choice("ABCD"))
                if token is not None:
                    pressed.add(token)
            with contextlib.suppress(BlockingIOError):
                os.write(broken, rng.randbytes(1000))
            await asyncio.sleep(0.005)
    except asyncio.CancelledError:
        return pressed
