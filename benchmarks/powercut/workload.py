"""A lesson on a real intake and journal, for the recorder: says in the record what it promised.

    python -m benchmarks.powercut.workload DATA_DIR --presses 500 [--pragma NAME=VALUE]

Presses come in small bursts, some twice, as receivers send them; questions open and close, cards
are tapped, notes, snapshots and names are written. A press without a tick is sent again. At the
end the process dies as if killed. Each promise is a mark in the record, a `Promise` as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import logging
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import msgspec

from agent.clock import now_ns
from agent.errors import NotDurable
from agent.identity import KEY_FILE, Identity
from agent.intake import Intake
from agent.journal import snapshot
from agent.journal.roster import RosterStore, StudentName
from agent.journal.store import Journal
from agent.lesson import commands as cmd
from agent.lesson import events as ev
from agent.private_file import make_folder
from agent.web.auth import PinStore
from drivers.capabilities import Outcome
from drivers.readings import CardTap, KeyPress, Token

PLACE = ev.Place(city="3304", county="330402", school="school-1", room="r301")
KEYPADS = 40
PRESSES_A_QUESTION = 120
CLASS_ID = "7-3"
EPOCH = 5


class Promise(msgspec.Struct, omit_defaults=True):
    """What the agent told somebody, and must know after a power cut.

    Attributes:
        ticked: presses (by token) whose light went on.
        newest: the seq up to which pages and school may have seen events.
        file: a small file of the agent; `begun` is what it is about to hold, `kept` what it holds.
        names: how many students' names were saved.
    """

    ticked: list[str] = []
    newest: int = 0
    file: str = ""
    begun: str = ""
    kept: str = ""
    names: int = 0


def mark(promise: Promise) -> None:
    """Say it in the record; nothing when no recorder watches."""
    data = msgspec.json.encode(promise)
    recorder = ctypes.CDLL(None)
    if hasattr(recorder, "powercut_mark"):
        recorder.powercut_mark(data, ctypes.c_size_t(len(data)))


class Lesson:
    """One life of the agent: from a start to a kill."""

    def __init__(
        self, data_dir: Path, rng: random.Random, life: str, *, until_failure: bool
    ) -> None:
        self.until_failure = until_failure
        self.data_dir = data_dir
        self.rng = rng
        self.life = life
        self.sent = 0
        self.unticked: dict[Token, KeyPress | CardTap] = {}
        self.moved = asyncio.Event()
        self.failures = 0

    async def open(self, pragmas: Sequence[str]) -> None:
        self.journal = Journal(self.data_dir / "journal.db", boot_id=f"boot-{self.life}")
        self.journal.open()
        for pragma in pragmas:
            self.journal._db.execute(f"pragma {pragma}")  # noqa: SLF001 (as no agent sets it)
        identity = Identity.load(self.data_dir)
        key = (self.data_dir / KEY_FILE).read_bytes()
        mark(Promise(file=KEY_FILE, kept=key.hex()))
        self.intake = Intake(
            self.journal,
            state=snapshot.recover(self.journal),
            window_s=0,
            now_ns=now_ns,
            name_card=identity.card,
            confirm=self.confirm,
        )
        self.intake.on_commit(self.committed)
        mark(Promise(newest=self.intake.committed.seq))  # a page shows it from here on
        if self.intake.committed.seq == 0:
            await self.intake.begin_epoch(ev.EpochStarted(reason="first_start"), EPOCH)
        self.keep_pin()
        self.add_names(3)

    def confirm(self, device: str, outcomes: Sequence[tuple[Token, Outcome]]) -> None:
        mark(Promise(ticked=[token for token, _ in outcomes]))
        for token, _ in outcomes:
            self.unticked.pop(token, None)

    def committed(self) -> None:
        if self.journal.failure is None:
            mark(Promise(newest=self.intake.committed.seq))
        elif self.until_failure:
            die()
        else:
            self.failures += 1
        self.moved.set()

    # -- what is done -------------------------------------------------------------------------

    def keep_pin(self) -> None:
        """Another PIN; its hash is as good as any text here."""
        pin = f"pin-{self.rng.getrandbits(64):x}"
        mark(Promise(file="teacher-pin.argon2", begun=pin))
        PinStore(self.data_dir).keep(pin)
        mark(Promise(file="teacher-pin.argon2", kept=pin))

    def add_names(self, count: int) -> None:
        rosters = RosterStore(self.data_dir / "roster.db")
        known = len(rosters.names(CLASS_ID))
        new = [
            StudentName(f"{one:016x}", f"2026{one:03d}", "Student")
            for one in range(known, known + count)
        ]
        rosters.add(CLASS_ID, new)
        mark(Promise(names=known + count))

    def press(self) -> KeyPress | CardTap:
        self.sent += 1
        token = f"{self.life}-{self.sent}"
        if self.rng.random() < 0.02:
            uid = f"{self.rng.getrandbits(32):08X}"
            return CardTap(device="reader-1", mono_ns=now_ns(), token=token, uid=uid)
        keypad = f"{self.rng.randrange(KEYPADS):02X}"
        key = self.rng.choice("ABCD")
        return KeyPress(device="receiver-1", mono_ns=now_ns(), token=token, keypad=keypad, key=key)

    async def burst(self, size: int) -> None:
        """Presses at once, sent again until their light goes on; some twice for no reason."""
        for _ in range(size):
            press = self.press()
            assert press.token is not None
            self.unticked[press.token] = press
            await self.intake.emit(press)
            if self.rng.random() < 0.05:
                await self.intake.emit(press)
        failures = self.failures
        while self.unticked:
            self.moved.clear()
            await self.moved.wait()
            if self.failures > failures:
                failures = self.failures
                for press in list(self.unticked.values()):
                    await self.intake.emit(press)

    async def submit(self, command: cmd.Command) -> None:
        while True:
            try:
                await self.intake.submit(command)
            except NotDurable:
                continue
            return

    async def teach(self, presses: int) -> None:
        """Open a lesson, ask and answer; end as a kill would, in the middle of it."""
        lesson = f"lesson-{self.life}"
        if self.intake.committed.lesson is not None:
            await self.submit(cmd.EndLesson(lesson=self.intake.committed.lesson.id))
        await self.submit(cmd.OpenLesson(lesson=lesson, title="", place=PLACE))
        while self.sent < presses:
            ask = cmd.AskQuestion(lesson=lesson, kind="single", options=["", "", "", ""])
            await self.submit(ask)
            upto = min(self.sent + PRESSES_A_QUESTION, presses)
            while self.sent < upto:
                await self.burst(self.rng.choice((1, 1, 1, 2, 3, 8)))
                if self.rng.random() < 0.05:
                    self.journal.note("receipt", f"{EPOCH}:{self.sent}")
                if self.rng.random() < 0.02:
                    self.journal.put_aside(EPOCH, self.sent, "unreadable")
            if self.rng.random() < 0.5:
                snapshot.keep(self.journal, self.intake.committed)
            if self.rng.random() < 0.3:
                self.keep_pin()
                self.add_names(1)


async def live(arguments: argparse.Namespace) -> None:
    make_folder(arguments.data_dir)
    rng = random.Random(f"{arguments.seed}/{arguments.life}")
    lesson = Lesson(arguments.data_dir, rng, arguments.life, until_failure=arguments.until_failure)
    await lesson.open(arguments.pragma)
    await lesson.teach(arguments.presses)
    if arguments.close:
        lesson.intake.stop()
        lesson.journal.close()
    die()


def die() -> NoReturn:
    """Leave behind what a kill does: nothing is closed."""
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--presses", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--life", default="1", help="names tokens and lessons")
    parser.add_argument("--pragma", action="append", default=[], help="for the writer, NAME=VALUE")
    parser.add_argument("--until-failure", action="store_true", help="die at a failed commit")
    parser.add_argument("--close", action="store_true", help="close the journal in the end")
    logging.disable(logging.ERROR)  # commits fail here on purpose
    asyncio.run(live(parser.parse_args()))


if __name__ == "__main__":
    main()
