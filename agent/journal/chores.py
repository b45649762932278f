"""Long work of the journal's writer in short steps: deleting, taking over from another file."""

from __future__ import annotations

import logging
import sqlite3
from collections import deque
from collections.abc import Callable

from agent.journal.damage import is_damage

log = logging.getLogger(__name__)

QUIET_S = 0.02
"""A step is taken when so long nothing was written, so that no answer waits behind many."""

Chore = Callable[[sqlite3.Connection], bool]
"""One step, in a transaction of its own; whether more is left to do. Called in the writer's thread.
"""


class Chores:
    """What waits to be done, in order."""

    def __init__(self, on_damage: Callable[[], None]) -> None:
        """`on_damage`: told, in the writer's thread, that a step met damage in the journal."""
        self._on_damage = on_damage
        self._waiting: deque[Chore] = deque()

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self._waiting)

    def __contains__(self, chore: Chore) -> bool:
        """Whether this is not all done yet."""
        return chore in self._waiting

    def add(self, chore: Chore) -> None:
        """Do this too."""
        self._waiting.append(chore)

    def step(self, db: sqlite3.Connection) -> None:
        """Take one step. What fails is dropped: whoever wants it asks again."""
        chore, more = self._waiting[0], False
        try:
            db.execute("begin immediate")
            more = chore(db)
            db.execute("commit")
        except sqlite3.Error as error:
            if db.in_transaction:
                db.execute("rollback")
            more = False
            if is_damage(error):
                self._on_damage()
            log.warning("a chore of the journal was given up: %s", error)
        if not more:
            self._waiting.popleft()
