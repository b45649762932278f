"""The school asks a board for the damaged files that it has set aside."""

from __future__ import annotations

import asyncio
import random
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.cloud.jobs import MAX_WAITING, Jobs
from agent.cloud.mqtt import CloudOptions
from agent.cloud.uplink import Uplink
from agent.demo.broker import LocalBroker
from agent.journal.damage import damaged_files
from agent.wire.payloads import (
    COLLECT_DAMAGED,
    MAX_PART_BYTES,
    Job,
    JobReport,
    LogPart,
    decode_log_part,
    encode,
)
from tests.cloud.board import ADDRESS
from tests.cloud.outbox import BOOT, Clock, MemoryOutbox
from tests.cloud.school import until


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    content = random.Random(1).randbytes(2 * MAX_PART_BYTES + 77)
    (folder / "journal.damaged-1.db").write_bytes(content)
    (folder / "journal.damaged-1.db-wal").write_bytes(b"log")
    (folder / "roster.damaged-2.db").write_bytes(b"names stay on the board")
    return folder


def collect(broker: LocalBroker, folder: Path) -> subprocess.CompletedProcess[str]:
    board = "/".join(ADDRESS)
    command = [sys.executable, "-m", "fleet", "collect", "--broker", broker.url, board, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


async def test_the_damaged_files_arrive_whole_and_without_names(
    broker: LocalBroker, outbox: MemoryOutbox, data_dir: Path, tmp_path: Path
) -> None:
    async with Uplink(
        CloudOptions(url=broker.url),
        ADDRESS,
        outbox,
        Clock(),
        boot=BOOT,
        versions={},
        damaged=lambda: damaged_files(data_dir),
    ) as uplink:
        await until(lambda: uplink.state.link == "connected")
        out = tmp_path / "out"
        done = await asyncio.to_thread(collect, broker, out)
    assert done.returncode == 0, done.stderr
    names = {"journal.damaged-1.db", "journal.damaged-1.db-wal"}
    assert {path.name for path in out.iterdir()} == names
    for name in names:
        assert (out / name).read_bytes() == (data_dir / name).read_bytes()
        assert stat.S_IMODE((out / name).stat().st_mode) == 0o600


def said(jobs: Jobs) -> list[JobReport | LogPart]:
    told: list[JobReport | LogPart] = []
    while (saying := jobs.next) is not None:
        assert isinstance(saying.payload, JobReport | LogPart)
        told.append(saying.payload)
        jobs.said()
    return told


def states(told: Sequence[JobReport | LogPart]) -> list[str]:
    return [one.state for one in told if isinstance(one, JobReport)]


def test_a_job_asked_for_twice_at_once_is_done_once_and_again_when_asked_later(
    data_dir: Path,
) -> None:
    jobs = Jobs(lambda: damaged_files(data_dir))
    job = Job(id="job-1", kind=COLLECT_DAMAGED)
    jobs.take(job)
    jobs.take(job)
    told = said(jobs)
    assert states(told) == ["IN_PROGRESS", "SUCCEEDED"]
    assert len(told) == 2 + 3 + 1
    jobs.take(job)
    assert said(jobs) == told


def test_what_is_not_known_is_rejected_and_what_does_not_read_fails(tmp_path: Path) -> None:
    jobs = Jobs(lambda: [tmp_path / "gone"])
    jobs.take(Job(id="job-1", kind="wipe"))
    assert states(said(jobs)) == ["REJECTED"]
    jobs.take(Job(id="job-2", kind=COLLECT_DAMAGED))
    assert states(said(jobs)) == ["IN_PROGRESS", "FAILED"]


def test_jobs_behind_a_long_one_are_few_whatever_they_are(data_dir: Path) -> None:
    jobs = Jobs(lambda: damaged_files(data_dir))
    for number in range(1000):
        jobs.take(Job(id=f"job-{number}", kind="wipe" if number % 2 else COLLECT_DAMAGED))
    told = said(jobs)
    assert len({one.id for one in told if isinstance(one, JobReport)}) == MAX_WAITING
    jobs.take(Job(id="later", kind="wipe"))
    assert states(said(jobs)) == ["REJECTED"]


def test_a_part_is_read_back_as_it_was_sent() -> None:
    part = LogPart(
        job="j", file="journal.damaged-1.db", offset=0, size_bytes=3, data=b"\x00\xff\x01"
    )
    assert decode_log_part(encode(part)) == part
