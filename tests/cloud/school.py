"""The school's ingest as the process it is in the field."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from fleet.store import Store

PATIENT = """\
import sys
import fleet.ingest
fleet.ingest.EARLY_S = 3600.0
from fleet.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


class School:
    """`patient`: one worker waits for the other's batches as long as it takes."""

    def __init__(
        self, broker_url: str, database: Path, *options: str, patient: bool = False
    ) -> None:
        self.database = database
        self._command = [
            *(sys.executable, *(("-c", PATIENT) if patient else ("-m", "fleet"))),
            *("ingest", "--broker", broker_url),
            *("--database", str(database), *options),
        ]
        self._process: subprocess.Popen[str] | None = None

    def start(self, *, wait: bool = True) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        if wait:
            assert self._process.stdout is not None
            assert self._process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._end()

    def stop(self) -> int:
        if self._process is None:
            return 0
        self._process.terminate()
        return self._end()

    def _end(self) -> int:
        assert self._process is not None
        code = self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
        return code

    def held(self, device: str) -> list[tuple[int, int]]:
        """(epoch, seq) of what is held of a board."""
        if not self.database.exists():
            return []
        store = Store(self.database)
        store.open()
        try:
            return [(event.epoch, event.seq) for event in store.events(device)]
        finally:
            store.close()

    def check_all_of(self, device: str, newest: int) -> None:
        """All events of the one epoch are here, once, and came in the order of their numbers."""
        assert self.held(device) == [(1, seq) for seq in range(1, newest + 1)]
        with closing(sqlite3.connect(self.database)) as db:
            told = db.execute("select received_ns from event order by epoch, seq").fetchall()
            gaps = db.execute("select gaps from device").fetchone()
        assert told == sorted(told)
        assert gaps == (0,)


async def until(reached: Callable[[], bool], *, within_s: float = 20.0) -> None:
    """Wait until something is so; the limit is for a test that fails."""
    deadline = time.monotonic() + within_s
    while not reached():
        assert time.monotonic() < deadline, "it did not come about"
        await asyncio.sleep(0.01)
