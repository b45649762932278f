"""A board in a virtual machine is cut off in mid-lesson, again and again; no ticked answer is lost.

    ./dev soak vm_power_cuts [--cuts 20] [--boots 5] [--seed 1] [--flaw]

A Debian with the installed agent boots under software emulation; a class presses, a teacher asks.
Its memory is saved once, and for each cut it goes on from there for a second or more, until qemu
is killed, every other time just after a light went on. Then three disks are looked at: as it is in
qemu's file (what the host had taken), as it was at the last flush (a disk that forgets its cache),
and that with a random torn part of what was in the cache. Each is checked and mounted, and the
agent's own recovery must find every press whose clicker had been shown its outcome. For `--boots`
of the cuts the forgetful disk boots again, and the agent on it must say the same and go on with
the lesson. With `--flaw` the agent does not sync its commits, and losses must be found.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from agent.journal import snapshot
from agent.journal.errors import JournalError
from agent.journal.recovery import open_journal
from benchmarks.machine import machine
from benchmarks.vm import image, write_log
from benchmarks.vm.image import Image, ImageFailed
from benchmarks.vm.qemu import BoardFailed, VirtualBoard, logged, plain

BOOT_S = 300.0
FIRST_TICKS = 30
"""So many before the memory is saved."""
TICKS_AFTER_BOOT = 20
TICKED_S = 120.0
LIVE_S = (0.5, 4.0)


def shown(board: VirtualBoard, start: str = "K ") -> set[str]:
    return {line[2:] for line in board.lines() if line.startswith(start)}


@contextmanager
def mounted(disk: Path, folder: Path) -> Iterator[Path]:
    """A disk after a repair as at a boot; the agent's data on it."""
    repair = subprocess.run(["e2fsck", "-fy", disk], capture_output=True, text=True, check=False)
    if repair.returncode > 1:
        raise BoardFailed(f"e2fsck: {repair.returncode}: {repair.stdout[-500:]}")
    folder.mkdir()
    subprocess.run(["mount", "-o", "loop", disk, folder], check=True)
    try:
        yield folder / "var/lib/classroom-agent"
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


async def faults(data_dir: Path, ticked: set[str]) -> list[str]:
    """What is wrong with the agent's data, by its own recovery."""
    try:
        opened = open_journal(data_dir / "journal.db", boot_id="after-the-cut")
    except JournalError as error:
        return [f"the journal does not open: {error}"]
    journal = opened.journal
    found = ["a power cut is taken for damage"] if opened.salvaged else []
    with closing(sqlite3.connect(f"file:{journal.path}?mode=ro", uri=True)) as db:
        if (said := db.execute("pragma integrity_check").fetchone()) != ("ok",):
            found.append(f"the database is damaged: {said}")
    events = list(journal.after(0, 0))
    if [one.seq for one in events] != list(range(1, len(events) + 1)):
        found.append("the numbers of the events have gaps")
    if lost := ticked - {getattr(one.event, "token", None) for one in events}:
        found.append(f"{len(lost)} of {len(ticked)} ticked answers are lost")
    if snapshot.recover(journal).seq != len(events):
        found.append("the state does not end with the journal")
    journal.close()
    return found


class Soak:
    """All cuts of one run."""

    def __init__(self, work: Path, made: Image, rng: random.Random) -> None:
        self.work = work
        self.made = made
        self.rng = rng
        self.ticks = 0
        self.bad = 0
        self.boots = 0

    def begin(self) -> None:
        """Boot, wait for the lesson, save its memory."""
        began_s = time.monotonic()
        board = self._board("first", plain(self.made.disk))
        try:
            board.until(1, "UP", BOOT_S)
            print(f"booted, the agent answers after {time.monotonic() - began_s:.0f} s", flush=True)
            board.until(FIRST_TICKS, "K ", BOOT_S)
            board.save(self.work / "memory")
        finally:
            board.pull_the_plug()
        self.before = shown(board)

    def cut(self, number: int, *, boot: bool) -> None:
        """One cut, and all that is looked at after it."""
        began_s = time.monotonic()
        overlay, log = self.work / "overlay", self.work / "log"
        disk = logged(self.made.disk, overlay, log)
        board = self._board(f"cut-{number}", disk, state=self.work / "memory")
        try:
            board.until(1, "K ", TICKED_S)
            time.sleep(self.rng.uniform(*LIVE_S))
            if number % 2:  # just after a light went on
                board.until(len(shown(board)) + 1, "K ", TICKED_S)
        finally:
            board.pull_the_plug()
        ticked = self.before | shown(board)
        self.ticks += len(ticked)
        done = write_log.read_log(log)
        text = f"cut {number}: {len(ticked)} ticked, {done.flushes} flushes, "
        text += f"{len(done.cached)} writes in the cache"
        taken = self.work / "taken"
        subprocess.run(["qemu-img", "convert", "-O", "raw", overlay, taken], check=True)
        text += self._look("as taken", taken, ticked)
        forgetful, torn = self.work / "forgetful", self.work / "torn"
        self._copy(self.made.disk, forgetful)
        write_log.apply(forgetful, done.kept)
        self._copy(forgetful, torn)
        write_log.apply(torn, write_log.some_of(done.cached, self.rng))
        text += self._look("torn", torn, ticked)
        if boot:
            text += self._boot(number, forgetful, ticked)
        text += self._look("forgetful", forgetful, ticked)
        for file in (overlay, log, taken, forgetful, torn):
            file.unlink()
        print(f"{text} ({time.monotonic() - began_s:.0f} s)", flush=True)

    def _look(self, name: str, disk: Path, ticked: set[str]) -> str:
        try:
            with mounted(disk, self.work / "mounted") as data_dir:
                wrong = asyncio.run(faults(data_dir, ticked))
        except BoardFailed as error:
            wrong = [str(error)]
        self.bad += bool(wrong)
        return f"; {name}: {'; '.join(wrong) or 'all there'}"

    def _boot(self, number: int, disk: Path, ticked: set[str]) -> str:
        """The board starts again on what its disk has kept."""
        board = self._board(f"boot-{number}", plain(disk))
        try:
            board.until(1, "UP", BOOT_S)
            board.until(TICKS_AFTER_BOOT, "K ", TICKED_S)
        except BoardFailed as error:
            self.bad += 1
            return f"; booted: {error}"
        finally:
            board.pull_the_plug()
        self.boots += 1
        lost = ticked - shown(board, "H ")
        self.bad += bool(lost)
        return f"; booted: {f'{len(lost)} are lost' if lost else 'all there, and goes on'}"

    def _board(
        self, name: str, disk: list[dict[str, object]], state: Path | None = None
    ) -> VirtualBoard:
        folder = self.work / name
        folder.mkdir()
        board = VirtualBoard(folder, self.made.kernel, disk, state=state)
        board.start()
        return board

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        subprocess.run(["cp", "--sparse=always", source, target], check=True)


def run(arguments: argparse.Namespace, work: Path) -> bool:
    print("making the board's disk", flush=True)
    soak = Soak(work, image.make(work, flaw=arguments.flaw), random.Random(arguments.seed))
    print("booting it under software emulation: this takes about a minute", flush=True)
    soak.begin()
    every = max(1, arguments.cuts // max(1, arguments.boots))
    for number in range(1, arguments.cuts + 1):
        boot = number % every == 0 and soak.boots < arguments.boots
        soak.cut(number, boot=boot)
    print(
        f"\n{arguments.cuts} cuts, {3 * arguments.cuts} disks looked at, {soak.boots} booted again"
    )
    print(f"{soak.ticks} ticks looked for; {soak.bad} bad disks")
    wanted: bool = arguments.flaw
    return (soak.bad > 0) == wanted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--boots", type=int, default=5, help="cuts after which it boots again")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--flaw", action="store_true", help="do not sync: losses must be found")
    lock = (image.cache_folder() / "lock").open("wb")
    fcntl.flock(lock, fcntl.LOCK_EX)  # two at once would install into one tree
    print(machine())
    work = Path(tempfile.mkdtemp(prefix="vm-power-cuts-", dir=image.cache_folder()))
    try:
        good = run(parser.parse_args(), work)
    except (ImageFailed, BoardFailed) as error:
        print(f"!!! {error}", file=sys.stderr)
        good = False
    finally:
        shutil.rmtree(work)
    sys.exit(not good)


if __name__ == "__main__":
    main()
