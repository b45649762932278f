"""Asks a board for the damaged files that it has set aside, and writes them down."""

from __future__ import annotations

import os
import queue
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.wire import topics
from agent.wire.codec import pack, unpack
from agent.wire.errors import PayloadInvalid
from agent.wire.payloads import (
    COLLECT_DAMAGED,
    Job,
    JobReport,
    LogPart,
    decode_job_report,
    decode_log_part,
    encode,
)
from agent.wire.topics import Address
from fleet.broker import properties

TRIES = 3
SILENCE_S = 60.0
"""A board that says nothing for so long is not there."""
CONNECT_S = 10.0


class NotCollected(OSError):
    """The board did not send everything; it may be asked again."""


class _File:
    """A file that comes in parts, in any order, some twice."""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.parts: dict[int, bytes] = {}

    @property
    def whole(self) -> bytes | None:
        data = b"".join(self.parts[offset] for offset in sorted(self.parts))
        return data if len(data) == self.size_bytes else None


def collect(
    client: paho.Client, host: str, port: int, address: Address, folder: Path
) -> list[Path]:
    """The damaged files of a board, written into `folder`, mode 0600; made if there are any.

    Raises:
        NotCollected: the broker or the board does not answer, refuses, or parts are missing.
    """
    heard: queue.Queue[JobReport | LogPart] = queue.Queue()
    ready: queue.Queue[bool] = queue.Queue()

    def connected(_c: object, _d: object, _f: object, code: object, _p: object) -> None:
        filters = [address.up(topics.JOB), address.up(topics.LOG)]
        client.subscribe([(one, SubscribeOptions(qos=1)) for one in filters])

    client.on_connect = connected
    client.on_subscribe = lambda *_: ready.put(True)
    client.on_message = lambda _client, _data, message: _hear(message, heard.put)
    client.connect(host, port, clean_start=True)
    client.loop_start()
    try:
        ready.get(timeout=CONNECT_S)
        job = Job(id=f"collect-{secrets.token_hex(4)}", kind=COLLECT_DAMAGED)
        files: dict[str, _File] = {}
        for _ in range(TRIES):
            _ask(client, address, job)
            report = _gather(job, heard, files)
            if report.state != "SUCCEEDED":
                raise NotCollected(f"{address.device}: {report.state} {report.detail}")
            if all(file.whole is not None for file in files.values()):
                if files:
                    folder.mkdir(parents=True, exist_ok=True)
                return [_write(folder / name, file) for name, file in files.items()]
        raise NotCollected(f"{address.device}: parts are missing; ask again")
    except queue.Empty:
        raise NotCollected(f"{address.device} does not answer") from None
    finally:
        client.disconnect()
        client.loop_stop()


def _ask(client: paho.Client, address: Address, job: Job) -> None:
    packed = pack(encode(job))
    typed = properties(PacketTypes.PUBLISH, ContentType=packed.content_type)
    client.publish(address.dn(topics.JOB), packed.payload, qos=1, properties=typed)


def _hear(message: paho.MQTTMessage, put: Callable[[JobReport | LogPart], None]) -> None:
    kind = topics.parse(message.topic).kind
    try:
        json = unpack(getattr(message.properties, "ContentType", ""), bytes(message.payload))
        put(decode_log_part(json) if kind == topics.LOG else decode_job_report(json))
    except PayloadInvalid:
        return  # what is missing is asked for again


def _gather(
    job: Job, heard: queue.Queue[JobReport | LogPart], files: dict[str, _File]
) -> JobReport:
    """Take parts until the board says how it ended."""
    until_s = time.monotonic() + SILENCE_S
    while True:
        what = heard.get(timeout=max(until_s - time.monotonic(), 0.01))
        until_s = time.monotonic() + SILENCE_S
        if isinstance(what, LogPart) and what.job == job.id:
            file = files.setdefault(what.file, _File(what.size_bytes))
            file.parts[what.offset] = what.data
        elif isinstance(what, JobReport) and what.id == job.id and what.state != "IN_PROGRESS":
            return what


def _write(path: Path, file: _File) -> Path:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(handle, "wb") as out:
        out.write(file.whole or b"")
    return path
