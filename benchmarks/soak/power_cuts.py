"""The power is cut at a thousand places: no ticked answer is lost, every database opens.

    ./dev soak power_cuts [--cuts 1000] [--seed 1]

A few lives of the real intake and journal are recorded call by call; then the disk is rebuilt as a
cut leaves it, `--cuts` times with only what was synced, and as often with a torn part of the rest.
On each the journal must open, be sound, and hold all that was promised before the cut. Then the
same is done to journals with known flaws, whose losses the model must find.
`benchmarks/powercut/disk.py` says what is believed of the disk.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.powercut.record import build
from benchmarks.powercut.trial import MODES, Mode, Result, Run, Trial, count_syncs

PRESSES = 6_000
FAILING = (
    "sync EIO *journal.db-wal 300 2\nsync EIO *journal.db 1 1\n"
    "write ENOSPC *journal.db-wal 2000 9\nsync EIO *journal.db-wal 900 1"
)
LIVES: dict[str, list[Run]] = {
    "an empty disk": [Run(PRESSES)],
    "after a cut, with syncs and writes that fail": [Run(PRESSES, rules=FAILING)],
    "after a cut, killed at a failed sync, started again": [
        Run(PRESSES, until_failure=True, rules="sync EIO *journal.db-wal 500 1"),
        Run(PRESSES // 2),
    ],
    "after a cut, stopped in order": [Run(PRESSES // 2, close=True)],
}
FLAWS = ("normal", "off")
FLAW_CUTS = 50
SHOWN = 5


def progress(cuts: int, began_s: float) -> None:
    if cuts % 100 == 0:
        print(f"    {cuts} cuts, {time.monotonic() - began_s:.0f} s", flush=True)


async def cut(trial: Trial, mode: Mode, cuts: int) -> Result:
    began_s = time.monotonic()
    return await trial.cut(mode, cuts, tell=lambda done: progress(done, began_s))


def count(result: Result, text: str) -> int:
    return sum(text in bad for bad in result.bad)


async def soak(folder: Path, cuts: int, seed: int) -> bool:
    library = build(folder)
    trial = Trial(folder, library, seed=seed)
    for name, runs in LIVES.items():
        life = trial.record(*runs)
        print(f"recorded: {name}: {len(life.entries)} calls and promises", flush=True)
    syncs, checkpoints, restarts = count_syncs(trial.lives)
    print(f"in them: {syncs} syncs of the log, {checkpoints} checkpoints, {restarts} new logs")
    good = True
    rows = []
    for mode in MODES:
        print(f"cutting the power, what is kept: {mode}", flush=True)
        result = await cut(trial, mode, cuts)
        rows.append((f"{mode:8}", result))
        good = good and not result.bad
    for flaw in FLAWS:
        flawed = Trial(folder / flaw, library, seed=seed)
        flawed.folder.mkdir()
        flawed.record(Run(PRESSES, pragmas=(f"synchronous={flaw}",)))
        for mode in MODES:
            result = await flawed.cut(mode, FLAW_CUTS)
            rows.append((f"{mode:8} synchronous={flaw}", result))
            good = good and count(result, "ticked answers are lost") > 0
    print(f"\n{'mode':32} {'cuts':>6} {'ticks checked':>14} {'lost ticks':>11} {'damaged':>8}  bad")
    for name, result in rows:
        lost, damaged = count(result, "are lost"), count(result, "does not open")
        damaged += count(result, "damage")
        print(f"{name:32} {result.cuts:>6} {result.ticks:>14} {lost:>11} {damaged:>8}", end="")
        print(f"  {len(result.bad)}")
    for name, result in rows[: len(MODES)]:
        for bad in result.bad[:SHOWN]:
            print(f"{name}: {bad}")
    print("all is well: nothing lost, and each flaw was found" if good else "NOT all is well")
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=1_000, help="in each mode")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    logging.disable(logging.ERROR)  # flawed journals are damaged on purpose
    print(machine())
    with tempfile.TemporaryDirectory(prefix="power-cuts-") as folder:
        good = asyncio.run(soak(Path(folder), arguments.cuts, arguments.seed))
    sys.exit(not good)


if __name__ == "__main__":
    main()
