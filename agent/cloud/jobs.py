"""What the school asks a board to do; so far: send the damaged files that were set aside.

Parts of a file go out slowly, behind everything else. The broker's word is not the school's:
whoever misses a part asks for the job again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from agent.wire import topics
from agent.wire.payloads import (
    COLLECT_DAMAGED,
    MAX_PART_BYTES,
    Job,
    JobReport,
    LogPart,
    Payload,
)

log = logging.getLogger(__name__)

PAUSE_S = 0.25
"""Between two parts: 130 kB a second at most."""
MAX_WAITING = 8
"""Jobs; whoever asks hears nothing of more, and asks again."""


class Saying(NamedTuple):
    """What is to be published, and as which kind."""

    kind: str
    payload: Payload


class Jobs:
    """Takes jobs and says, piece by piece, what they give. Sends nothing itself."""

    def __init__(self, damaged: Callable[[], Sequence[Path]]) -> None:
        """`damaged`: the files that were set aside."""
        self._damaged = damaged
        self._waiting: dict[str, Iterator[Saying]] = {}
        self._next: Saying | None = None

    def take(self, job: Job) -> None:
        """Do it; one that is being done goes on, one that is done is done again.

        One too many is dropped, unanswered: an answer too would wait, behind all that is said.
        """
        if job.id in self._waiting:
            return
        if len(self._waiting) >= MAX_WAITING:
            log.debug("job %s is dropped: %d wait", job.id, MAX_WAITING)
            return
        if job.kind != COLLECT_DAMAGED:
            self._waiting[job.id] = iter([_report(job, "REJECTED", "this kind is not known")])
        else:
            self._waiting[job.id] = self._collect(job)

    @property
    def next(self) -> Saying | None:
        """What is to be said now; the same until `said`."""
        while self._next is None and self._waiting:
            first = next(iter(self._waiting))
            self._next = next(self._waiting[first], None)
            if self._next is None:
                del self._waiting[first]
        return self._next

    def said(self) -> None:
        """It is on its way."""
        self._next = None

    def _collect(self, job: Job) -> Iterator[Saying]:
        yield _report(job, "IN_PROGRESS")
        try:
            names = []
            for path in self._damaged():
                names.append(path.name)
                yield from _parts(job, path)
        except OSError as error:
            yield _report(job, "FAILED", str(error)[:200])
            return
        yield _report(job, "SUCCEEDED", f"{len(names)} files")


def _parts(job: Job, path: Path) -> Iterator[Saying]:
    size_bytes = path.stat().st_size
    for offset in range(0, max(size_bytes, 1), MAX_PART_BYTES):
        with path.open("rb") as file:  # it is read over minutes: not held open
            file.seek(offset)
            data = file.read(min(MAX_PART_BYTES, size_bytes - offset))
        part = LogPart(job=job.id, file=path.name, offset=offset, size_bytes=size_bytes, data=data)
        yield Saying(topics.LOG, part)


def _report(
    job: Job, state: Literal["IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED"], detail: str = ""
) -> Saying:
    return Saying(topics.JOB, JobReport(id=job.id, state=state, detail=detail))
