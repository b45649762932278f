"""Looks after the journal while the board works: room, old lessons, damaged files.

Nothing of it is on an answer's path: it looks about once a second, and what it deletes or takes
over goes through the journal's writer in short steps, when nothing else waits.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from agent.errors import NotDurable, StartAgain
from agent.intake import Intake
from agent.journal import ballast, damage, receipt, retention, snapshot, space
from agent.journal.errors import JournalDamaged
from agent.journal.recovery import TakeOver
from agent.journal.space import Space
from agent.journal.store import Journal
from agent.lesson import commands as cmd
from agent.lesson.model import Moment, Position
from agent.pictures import PictureStore
from agent.settings import JournalSection

log = logging.getLogger(__name__)

LOOK_S = 1.0
TIDY_S = 600.0
"""Old lessons are looked for so often; at once when room gets short."""
SHORT_TIDY_S = 2.0
PROBE_S = 5.0
BALLASTS_FREE = 5
"""So many times the ballast must be free before some is laid in again."""
PROBE_NOTE = "probe"


Salvage = Literal["", "running", "ended"]


class StorageState(msgspec.Struct, frozen=True, kw_only=True):
    """What people are told.

    Attributes:
        salvage: whether a damaged journal is being taken over, or was since the start.
        missing: events that the salvage could not read.
        damaged_files: damaged files in the data folder.
    """

    space: Space = Space()
    salvage: Salvage = ""
    missing: int = 0
    damaged_files: int = 0


class Storage:
    """Watches over the journal."""

    def __init__(
        self,
        journal: Journal,
        intake: Intake,
        settings: JournalSection,
        *,
        whole: bool,
        received: Callable[[], Position],
        wall: Callable[[Moment], datetime | None],
        now: Callable[[], datetime | None],
        pictures: PictureStore,
    ) -> None:
        """Take everything, start nothing.

        Args:
            journal: open.
            intake: told when answers must be refused.
            settings: the bounds.
            whole: False: a replay of what a salvage takes over will say more than the state does.
            received: up to here the school has everything.
            wall: when a moment was, None if nobody knows.
            now: what time it is, None if nobody knows.
            pictures: of the lessons.
        """
        self._journal = journal
        self._intake = intake
        self._settings = settings
        self._whole = whole
        self._received = received
        self._wall = wall
        self._now = now
        self._pictures = pictures
        self._watchers: list[Callable[[], None]] = []
        self._deletion: retention.Deletion | None = None
        self._looked_back = False
        self._tidy_due_s = 0.0
        self._probe_due_s = 0.0
        self._probes = 0
        self._take_over = TakeOver(journal)
        self.state = StorageState(salvage="running" if self._take_over.running else "")
        self.look()

    def on_change(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` when people must be told something else."""
        self._watchers.append(watcher)

    def _changed(self) -> None:
        for watcher in self._watchers:
            watcher()

    @property
    def salvages(self) -> bool:
        """Whether damaged journals are not all taken over yet."""
        return self._take_over.running

    # -- room ---------------------------------------------------------------------------------

    def look(self) -> None:
        """See how much room there is; intake refuses answers while there is none."""
        bounds = self._settings
        seen = space.look(
            self._journal, self.state.space, bound_mb=bounds.max_mb, reserve_mb=bounds.reserve_mb
        )
        before = self.state
        self._intake.full = seen.room == "full"
        damaged_files = before.damaged_files
        with suppress(OSError):  # the disk may fail, or a file be gone meanwhile
            damaged_files = len(damage.aside_files(self._folder))
        self.state = msgspec.structs.replace(before, space=seen, damaged_files=damaged_files)
        if seen.room == "ok" and seen.free_bytes > BALLASTS_FREE * ballast.BALLAST_BYTES:
            ballast.lay_in(self._folder)
        if seen.room != before.space.room:
            self._tidy_due_s = 0.0
            level = logging.INFO if seen.room == "ok" else logging.WARNING
            log.log(
                level, "room for answers: %s %s (journal %d of %d MB, %d MB free on the disk)",
                seen.room, seen.reason, seen.used_bytes // space.MB, bounds.max_mb,
                seen.free_bytes // space.MB,
            )  # fmt: skip
        if _shown(self.state) != _shown(before):
            self._changed()

    async def watch(self) -> None:
        """Look after the journal for ever.

        Raises:
            JournalDamaged: it must be salvaged, at the next start.
            StartAgain: the next start knows more, and no lesson is open.
        """
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()
            if self._journal.damaged:
                hint = "it takes no events any more; the agent starts again and saves what it can"
                raise JournalDamaged("journal_damaged", str(self._journal.path), hint)
            lesson = self._intake.committed.lesson
            if not self._whole and not self.salvages and lesson is None:
                raise StartAgain("what was salvaged says more than the state does")
            if not self._journal.ok and loop.time() >= self._probe_due_s:
                self._probe_due_s = loop.time() + PROBE_S
                self._probes += 1
                self._journal.note(PROBE_NOTE, str(self._probes))  # is it writable again?
            if loop.time() >= self._tidy_due_s:
                short = self.state.space.room != "ok"
                self._tidy_due_s = loop.time() + (SHORT_TIDY_S if short else TIDY_S)
                if self.tidy():
                    self._tidy_due_s = loop.time() + LOOK_S
                await self.tidy_pictures()

    @property
    def _folder(self) -> Path:
        return self._journal.path.parent

    # -- old lessons --------------------------------------------------------------------------

    def tidy(self) -> bool:
        """Begin to delete what may be deleted, if there is anything.

        Whether there may be more: a snapshot must be written first, or what an earlier run began
        must be finished. Try again soon.
        """
        at_work = self._deletion is not None and self._deletion in self._journal.chores
        if at_work or self._take_over.running:
            return False
        if self._deletion is not None and not self._deletion.complete:  # the disk refused it
            self._delete(self._deletion.end)
            return False
        spans = list(self._intake.committed.spans.values())
        try:
            received, covered = self._receipt_on_disk(), self._journal.covered()
        except sqlite3.Error as error:
            if damage.is_damage(error):
                raise
            log.warning("old lessons are looked for later: %s", error)
            return False
        limit = min(received, covered)
        if self._whole and not self._looked_back:
            self._looked_back = True
            end = retention.left_over(spans, limit=limit)
            if end is not None:
                self._delete(end)
                return True
        now = self._now()
        before = None if now is None else retention.cutoff(now, self._settings.keep_days)
        short = self.state.space.room != "ok"
        if before is None and not short:
            return False
        old = retention.old_lessons(
            spans, received=received, wall=self._wall, before=None if short else before
        )
        if not old:
            return False
        if old[-1].last > covered:
            snapshot.keep(self._journal, self._intake.committed)
            return True
        end = retention.oldest_kept(spans, old, limit=limit)
        self._intake.forget_lessons([span.id for span in old])
        log.info("%d old lessons are deleted here; the school has them", len(old))
        self._delete(end)
        return False

    def _delete(self, end: Position) -> None:
        self._deletion = retention.Deletion(end)
        self._journal.do(self._deletion)

    def _receipt_on_disk(self) -> Position:
        """What the school said may be newer than what a start after a kill would know of it."""
        noted = receipt.read(self._journal.noted(receipt.NOTE))
        return Position(0, 0) if noted is None else min(noted, self._received())

    async def tidy_pictures(self) -> None:
        """Delete pictures that no lesson names, and old ones while the disk has no room."""
        seen, short_bytes = self.state.space, 0
        if seen.reason == "disk":
            wanted = self._settings.reserve_mb * space.MB * space.LOW_RESERVES
            short_bytes = max(0, int(wanted) - seen.free_bytes)
        try:
            await self._pictures.tidy(free_bytes=short_bytes)
        except OSError as error:
            log.warning("old pictures are looked for later: %s", error)

    # -- damaged files ------------------------------------------------------------------------

    async def salvage(self) -> None:
        """Take over what can be read of damaged journals, and say so.

        It is over on return even where the disk did not take the note of it.
        """
        gave = await self._take_over.run()
        if gave is not None:
            self.state = msgspec.structs.replace(self.state, salvage="ended", missing=gave.missing)
            try:
                await self._intake.submit(cmd.NoteSalvage(kept=gave.kept, missing=gave.missing))
            except NotDurable as error:
                log.warning("what the salvage gave is not noted in the journal: %s", error)
            self._changed()


def _shown(state: StorageState) -> tuple[object, ...]:
    return state.space.room, state.space.reason, state.salvage, state.missing, state.damaged_files
