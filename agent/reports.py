"""What people and the school are told of the parts: from the words of one to those of the other."""

from __future__ import annotations

from collections.abc import Mapping

from agent.cloud.uplink import UplinkState
from agent.journal.roster import RosterStore
from agent.lesson.model import ClassRoll
from agent.storage import StorageState
from agent.web.views import CloudHealth, StorageHealth
from agent.wire.payloads import StorageReport


def cloud_health(state: UplinkState) -> CloudHealth:
    """The line to the school, for pages and health."""
    return CloudHealth(
        state=state.link,
        waiting=state.waiting,
        reason=state.reason,
        nobody_listens=state.nobody_listens,
        malformed=state.malformed,
        aside=state.aside,
        name_taken=state.delivery.name_taken,
    )


def storage_health(
    state: StorageState, rosters: RosterStore, classes: Mapping[str, ClassRoll]
) -> StorageHealth:
    """The store, for pages and health. `classes`: whose names it should hold."""
    space = state.space
    return StorageHealth(
        room=space.room,
        reason=space.reason,
        used_percent=space.used_percent,
        salvage=state.salvage,
        missing=state.missing,
        names_lost=any(rosters.lacks(name, roll.students) for name, roll in classes.items()),
        used_bytes=space.used_bytes,
        bound_bytes=space.bound_bytes,
        free_bytes=space.free_bytes,
        damaged_files=state.damaged_files,
    )


def storage_report(state: StorageState) -> StorageReport:
    """The store, for the school."""
    return StorageReport(
        room=state.space.room,
        reason=state.space.reason,
        used_percent=state.space.used_percent,
        salvage=state.salvage,
        missing=state.missing,
        damaged_files=state.damaged_files,
    )
