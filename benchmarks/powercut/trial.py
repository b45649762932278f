"""A trial: a few lives of the agent are recorded, then the power is cut at many places of them."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from benchmarks.powercut import record as rec
from benchmarks.powercut.disk import Disk, Node, look_at
from benchmarks.powercut.record import Entry, environment, read_record, run_watched
from benchmarks.powercut.verdict import Promises, faults
from benchmarks.powercut.workload import Promise

Mode = Literal["synced", "torn"]
MODES: tuple[Mode, ...] = ("synced", "torn")
DEEP_EVERY = 10
"""Every so many cuts the whole journal is replayed, beside the snapshot."""
DATA = "board"
_decode = msgspec.json.Decoder(Promise).decode


class Run(NamedTuple):
    """One process of a life. The next one starts on what this one left, as after a kill.

    Attributes:
        presses: how many.
        pragmas: set on the writer's connection, such as "synchronous=normal".
        until_failure: it dies at a failed commit.
        rules: calls that fail, as recorder.c reads them.
        close: in the end the journal is closed.
    """

    presses: int
    pragmas: tuple[str, ...] = ()
    until_failure: bool = False
    rules: str = ""
    close: bool = False


class Life(NamedTuple):
    """The disk before it, what was done to it, and what had been promised in the lives before."""

    before: Node
    entries: list[Entry]
    heard: list[Promise]


@dataclass
class Result:
    """What was found at the cuts of one mode. `bad`: each bad cut with what is wrong there."""

    cuts: int = 0
    ticks: int = 0
    bad: list[str] = field(default_factory=list)


class Trial:
    """Records lives into a folder, and cuts them."""

    def __init__(self, folder: Path, library: Path, *, seed: int) -> None:
        """Take everything. `library`: the recorder."""
        self.folder = folder
        self.library = library
        self.seed = seed
        self.lives: list[Life] = []

    def record(self, *runs: Run) -> Life:
        """One more life: the first begins on an empty disk, each other where a cut left the last.

        That cut comes at the last life's end, and is torn.
        """
        number = len(self.lives) + 1
        disk = self.folder / f"disk-{number}"
        disk.mkdir()
        heard: list[Promise] = []
        if self.lives:
            last = self.lives[-1]
            cut = Disk(last.before, seed=self.seed, torn=True)
            for entry in last.entries:
                cut.advance(entry)
            cut.cut(disk)
            heard = [*last.heard, *_promises(last.entries)]
        before = look_at(disk)
        record, rules = self.folder / f"record-{number}", self.folder / f"rules-{number}"
        watched = environment(self.library, disk, record=record, faults=rules)
        for place, run in enumerate(runs, start=1):
            rules.write_text(run.rules, encoding="utf-8")
            arguments = [str(disk / DATA), "--presses", str(run.presses)]
            arguments += ["--life", f"{number}.{place}", "--seed", str(self.seed)]
            arguments += [f"--pragma={one}" for one in run.pragmas]
            arguments += ["--until-failure"] if run.until_failure else []
            arguments += ["--close"] if run.close else []
            run_watched("benchmarks.powercut.workload", arguments, watched)
        life = Life(before, list(read_record(record)), heard)
        self.lives.append(life)
        shutil.rmtree(disk)
        record.unlink()
        return life

    async def cut(
        self, mode: Mode, cuts: int, *, tell: Callable[[int], None] = lambda _: None
    ) -> Result:
        """Cut the power so often, spread over all lives; `tell` is called after each cut."""
        result = Result()
        for number, life in enumerate(self.lives):
            share = cuts // len(self.lives) + (number < cuts % len(self.lives))
            places = cut_places(life.entries, share, random.Random(f"{self.seed}/{mode}/{number}"))
            for place, disk, promises in self._replay(number, mode, places):
                with tempfile.TemporaryDirectory(prefix="cut-", dir=_quick_folder()) as folder:
                    disk.cut(Path(folder))
                    deep = result.cuts % DEEP_EVERY == 0
                    wrong = await faults(Path(folder) / DATA, promises, deep=deep)
                result.cuts += 1
                result.ticks += len(promises.ticked)
                if wrong:
                    result.bad.append(f"life {number + 1}, entry {place}: {'; '.join(wrong)}")
                tell(result.cuts)
        return result

    def _replay(
        self, number: int, mode: Mode, places: Sequence[int]
    ) -> Iterator[tuple[int, Disk, Promises]]:
        """The disk and what was promised, at each of these places."""
        life = self.lives[number]
        promises = Promises()
        for promise in life.heard:
            promises.hear(promise)
        disk = Disk(life.before, seed=self.seed * 1_000 + number, torn=mode == "torn")
        wanted = iter([*sorted(places), -1])
        place = next(wanted)
        for done in range(len(life.entries) + 1):
            while done == place:
                yield done, disk, promises
                place = next(wanted)
            if done < len(life.entries):
                entry = life.entries[done]
                disk.advance(entry)
                if entry.op == rec.MARK:
                    promises.hear(_decode(entry.data))


def cut_places(entries: Sequence[Entry], count: int, rng: random.Random) -> list[int]:
    """Where to cut: so many entries are done by then.

    A third of the cuts come just after a promise, a third just before or after a sync, the rest
    anywhere; one at the end, when all was promised.
    """
    after_marks = [n + 1 for n, entry in enumerate(entries) if entry.op == rec.MARK]
    syncs = [n for n, entry in enumerate(entries) if entry.op in (rec.SYNC, rec.SYNC_FAILED)]
    around_syncs = [*syncs, *(n + 1 for n in syncs)]
    places = [len(entries)]
    for kind in (after_marks, around_syncs):
        places += rng.choices(kind, k=count // 3) if kind else []
    places += [rng.randrange(len(entries) + 1) for _ in range(count - len(places))]
    return places[:count]


def _promises(entries: Sequence[Entry]) -> list[Promise]:
    return [_decode(entry.data) for entry in entries if entry.op == rec.MARK]


def _quick_folder() -> Path | None:
    """In memory where possible: a cut disk is there for a moment only."""
    memory = Path("/dev/shm")  # noqa: S108 (folders of random names)
    return memory if memory.is_dir() else None


def count_syncs(lives: Sequence[Life]) -> tuple[int, int, int]:
    """How many syncs, checkpoints and restarts of its log the journal had in a record."""
    syncs = checkpoints = restarts = 0
    for life in lives:
        name_of = {number: name for name, number in _inodes("", life.before)}
        written_back = False
        for entry in life.entries:
            if entry.op == rec.CREATE:
                name_of[entry.inode] = entry.data.decode()
            name = name_of.get(entry.inode, "")
            if entry.op == rec.SYNC and name.endswith("journal.db-wal"):
                syncs += 1
            elif entry.op == rec.SYNC and name.endswith("journal.db"):
                checkpoints += written_back
                written_back = False
            elif entry.op == rec.WRITE:
                written_back = written_back or name.endswith("journal.db")
                restarts += name.endswith("journal.db-wal") and entry.offset == 0
    return syncs, checkpoints, restarts


def _inodes(name: str, node: Node) -> Iterator[tuple[str, int]]:
    yield name, node.inode
    if isinstance(node.content, dict):
        for part, one in node.content.items():
            yield from _inodes(f"{name}/{part}", one)
