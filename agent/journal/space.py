"""How much room there is for answers, and from where on new ones are refused.

What is given up first, when room gets short: pictures of old lessons, and lessons that the school
has and that are older than `keep_days`; then all that the school has, but for the newest lessons
(`retention`); then new answers, visibly. An answer without the school's receipt is never given up,
and neither is a damaged file that was set aside.
"""

from __future__ import annotations

import os
import sqlite3
from typing import Literal

import msgspec

from agent.journal.store import Journal

MB = 1_000_000
LOW_SHARE = 0.8
"""Of the bound: from here on people are told, and received lessons are deleted before their age."""
ROOM_AGAIN_SHARE = 0.98
"""Of the bound: what was full takes answers again below this, so that it does not flicker."""
LOW_RESERVES = 2.0
ROOM_AGAIN_RESERVES = 1.1

Room = Literal["ok", "low", "full"]
Reason = Literal["", "journal", "disk"]


class Space(msgspec.Struct, frozen=True, kw_only=True):
    """The room for answers at one moment.

    Attributes:
        room: "low": a person should act; "full": new answers are refused.
        reason: "journal": its own bound is near; "disk": the rest of the disk is nearly used up.
        used_bytes: of the journal's file; what was deleted there is free for new events.
        bound_bytes: what `used_bytes` may reach.
        free_bytes: of the file system.
    """

    room: Room = "ok"
    reason: Reason = ""
    used_bytes: int = 0
    bound_bytes: int = 0
    free_bytes: int = 0

    @property
    def used_percent(self) -> int:
        """Of the bound, 0 to 100."""
        return min(100, 100 * self.used_bytes // max(self.bound_bytes, 1))


def measured(journal: Journal, *, bound_mb: int, reserve_mb: int, before: Room) -> Space:
    """Look how much room there is. `before`: how it was until now."""
    bound_bytes, reserve_bytes = bound_mb * MB, reserve_mb * MB
    used_bytes = journal.used_bytes()
    disk = os.statvfs(journal.path.parent)
    free_bytes = disk.f_bavail * disk.f_frsize
    room: Room = "ok"
    reason: Reason = ""
    if free_bytes < reserve_bytes * LOW_RESERVES:
        room, reason = "low", "disk"
    if used_bytes >= bound_bytes * LOW_SHARE:
        room, reason = "low", "journal"
    full = before == "full"
    if free_bytes < reserve_bytes * (ROOM_AGAIN_RESERVES if full else 1.0):
        room, reason = "full", "disk"
    if used_bytes >= bound_bytes * (ROOM_AGAIN_SHARE if full else 1.0):
        room, reason = "full", "journal"
    return Space(
        room=room,
        reason=reason,
        used_bytes=used_bytes,
        bound_bytes=bound_bytes,
        free_bytes=free_bytes,
    )


def look(journal: Journal, before: Space, *, bound_mb: int, reserve_mb: int) -> Space:
    """As `measured`; as it was before, while the disk cannot be asked."""
    try:
        return measured(journal, bound_mb=bound_mb, reserve_mb=reserve_mb, before=before.room)
    except (OSError, sqlite3.Error):
        return before
