"""When a snapshot is due."""

from __future__ import annotations

import subprocess
import sys

from agent.journal.snapshot import EVERY_EVENTS, Interval, fingerprint

HALF = EVERY_EVENTS // 2


def test_a_snapshot_is_due_after_so_many_events() -> None:
    interval = Interval(5, 1000)
    assert not interval.due(5, 1000 + EVERY_EVENTS - 1)
    assert interval.due(5, 1000 + EVERY_EVENTS)
    assert not interval.due(5, 1001 + EVERY_EVENTS)
    assert interval.due(5, 1000 + 2 * EVERY_EVENTS)


def test_events_of_two_epochs_count_together() -> None:
    interval = Interval(5, 1000)
    assert not interval.due(5, 1000 + HALF)
    assert not interval.due(7, HALF - 1)
    assert interval.due(7, HALF)
    assert not interval.due(7, HALF + 1)


def test_a_snapshot_fits_with_and_without_docstrings() -> None:
    said = "from agent.journal.snapshot import fingerprint; print(fingerprint())"
    bare = subprocess.run(
        [sys.executable, "-OO", "-c", said], capture_output=True, text=True, check=True
    )
    assert bare.stdout.strip() == fingerprint()
