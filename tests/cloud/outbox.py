"""A journal in memory, for tests of the uplink that need no disk."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from agent.lesson.events import ResponseRecorded, encode_body
from agent.wire.payloads import ClockQuality

BOOT = "00000000-0000-4000-8000-000000000001"
EPOCH_START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class MemoryRow(NamedTuple):
    seq: int
    boot: str
    mono_ns: int
    kind: str
    body: bytes


class MemoryOutbox:
    def __init__(self, boot: str = BOOT) -> None:
        self.boot = boot
        self.rows: dict[int, list[MemoryRow]] = {}
        self.notes: dict[str, str] = {}
        self.aside: dict[tuple[int, int], str] = {}
        self.reads = 0

    def add(self, count: int, *, epoch: int = 1) -> tuple[int, int]:
        for _ in range(count):
            number = len(self.rows.get(epoch, [])) + 1
            event = ResponseRecorded(
                lesson="l-1", question=1, device="rx-1", keypad=f"{number:08X}", key="A"
            )
            self.add_body("ResponseRecorded", encode_body(event), epoch=epoch)
        return self.newest()

    def add_body(self, kind: str, body: bytes, *, epoch: int = 1) -> tuple[int, int]:
        rows = self.rows.setdefault(epoch, [])
        rows.append(MemoryRow(len(rows) + 1, self.boot, len(rows) * 1_000_000, kind, body))
        return self.newest()

    def read(self, epoch: int, after: int, limit: int) -> Sequence[MemoryRow]:
        self.reads += 1
        return self.rows.get(epoch, [])[after : after + limit]

    def epochs(self) -> list[int]:
        return sorted(self.rows)

    def newest(self) -> tuple[int, int]:
        if not self.rows:
            return 0, 0
        return max(self.rows), len(self.rows[max(self.rows)])

    def last_seq(self, epoch: int) -> int:
        return len(self.rows.get(epoch, []))

    def noted(self, name: str) -> str | None:
        return self.notes.get(name)

    def note(self, name: str, value: str, *, soon: bool = False) -> None:
        del soon
        self.notes[name] = value

    def put_aside(self, epoch: int, seq: int, reason: str) -> None:
        self.aside[epoch, seq] = reason

    def asides(self) -> int:
        return len(self.aside)


class Clock:
    """Knows the time from the start."""

    def wall(self, boot: str, mono_ns: int) -> tuple[datetime | None, ClockQuality]:
        return EPOCH_START + timedelta(microseconds=mono_ns // 1000), "synced"
