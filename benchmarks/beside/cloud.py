"""The upstream of all peers: a real mosquitto that can go away, and who listens behind it."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from array import array
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import msgspec

from agent.demo.broker import HOST, free_port
from agent.lesson.events import ResponseRecorded
from agent.wire.codec import unpack
from agent.wire.payloads import decode_batch
from benchmarks.beside.text import FRAME
from benchmarks.rig.school import RECORD

START_S = 10.0
CONF = """\
listener {port} {host}
allow_anonymous true
persistence true
persistence_location {folder}/
user root
max_queued_messages 0
max_inflight_messages 0
set_tcp_nodelay true
log_type error
"""
_TIME = re.compile(rb"(\d+\.\d+) ")


class Arrivals(Protocol):
    """What has come, by the number of the press."""

    at_ns: dict[int, int]
    messages: int
    repeats: int
    reordered: int

    def look(self) -> int:
        """Take in what is new; how many presses are there now."""


class _Came:
    """Counts presses, each by its number."""

    def __init__(self, path: Path) -> None:
        self.at_ns: dict[int, int] = {}
        self.messages = self.repeats = self.reordered = 0
        self._path = path
        self._read_to = 0
        self._latest = 0

    def _press(self, number: int, at_ns: int) -> None:
        if number in self.at_ns:
            self.repeats += 1
            return
        self.at_ns[number] = at_ns
        self.reordered += number < self._latest
        self._latest = max(self._latest, number)


class TextArrivals(_Came):
    """From the log of mosquitto_sub: seconds since 1970, payload."""

    def look(self) -> int:
        """Take in what is new."""
        with self._path.open("rb") as file:
            file.seek(self._read_to)
            lines, _, rest = file.read().rpartition(b"\n")
            self._read_to = file.tell() - len(rest)
        ahead_ns = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        for line in lines.split(b"\n"):
            stamp = _TIME.match(line)
            if stamp is not None:
                self.messages += 1
                at_ns = int(float(stamp[1]) * 1e9) - ahead_ns
                for number in FRAME.findall(line, stamp.end()):
                    self._press(int(number), at_ns)
        return len(self.at_ns)


class BatchArrivals(_Came):
    """From the file of `benchmarks.beside.collector`. Repeats are by (epoch, seq)."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._names: set[tuple[int, int]] = set()
        self._decode = msgspec.json.Decoder(ResponseRecorded).decode

    def look(self) -> int:
        """Take in what is new."""
        with self._path.open("rb") as file:
            file.seek(self._read_to)
            data = file.read()
        place = 0
        while len(data) >= place + RECORD.size:
            at_ns, type_bytes, payload_bytes = RECORD.unpack_from(data, place)
            start = place + RECORD.size
            end = start + type_bytes + payload_bytes
            if len(data) < end:
                break
            content_type = data[start : start + type_bytes].decode()
            self._batch(at_ns, unpack(content_type, data[start + type_bytes : end]))
            place = end
        self._read_to += place
        return len(self.at_ns)

    def _batch(self, at_ns: int, json: bytes) -> None:
        self.messages += 1
        batch = decode_batch(json)
        for item in batch.items:
            name = (batch.epoch, item.seq)
            if name in self._names:
                self.repeats += 1
                continue
            self._names.add(name)
            if item.kind == "ResponseRecorded":
                token = self._decode(item.body).token or ""
                self._press(int(token.rpartition(":")[2]), at_ns)


class Cloud:
    """Upstream broker and collectors. A context manager."""

    def __init__(self, folder: Path, *, text: bool) -> None:
        """Take everything, start nothing. `text`: a peer that sends lines, not our batches."""
        folder.mkdir()
        self.port = free_port()
        self._folder = folder
        self._text = text
        self._log = folder / "came"
        self._log.touch()
        self.arrivals: Arrivals = TextArrivals(self._log) if text else BatchArrivals(self._log)
        self._broker: subprocess.Popen[bytes] | None = None
        self._listeners: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Cloud:
        """Start broker and collectors; return when they listen."""
        conf = CONF.format(port=self.port, host=HOST, folder=self._folder)
        (self._folder / "mosquitto.conf").write_text(conf, encoding="utf-8")
        self.come()
        port = str(self.port)
        if self._text:
            topics = ["-t", "class/#", "-t", "v1/gateway/telemetry"]
            client = ["mosquitto_sub", "-h", HOST, "-p", port, "-q", "1", "-c", "-i", "collector"]
            self._listen([*client, *topics, "-F", "%U %p"], stdout=True)
            self._listen([sys.executable, "-m", "benchmarks.beside.limits_stub", port])
        else:
            command = [sys.executable, "-m", "benchmarks.beside.collector", port, str(self._log)]
            self._listen(command)
        time.sleep(1.0)
        for process in self._listeners:
            if process.poll() is not None:
                raise RuntimeError(f"{process.args!r} did not start")
        return self

    def __exit__(self, *_: object) -> None:
        """End them."""
        for process in [*self._listeners, *([self._broker] if self._broker else [])]:
            process.kill()
            process.wait()

    def come(self) -> None:
        """The broker is there (again)."""
        self._broker = subprocess.Popen(
            ["mosquitto", "-c", str(self._folder / "mosquitto.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline_s = time.monotonic() + START_S
        while time.monotonic() < deadline_s:
            with suppress(OSError), socket.create_connection((HOST, self.port), 1):
                return
            time.sleep(0.02)
        raise TimeoutError("the upstream broker did not start")

    def go(self) -> None:
        """The broker goes, in good order: what it has taken it keeps."""
        if self._broker is not None:
            self._broker.send_signal(signal.SIGTERM)
            self._broker.wait()
            self._broker = None

    def _listen(self, command: list[str], *, stdout: bool = False) -> None:
        with self._log.open("ab") as log:
            self._listeners.append(
                subprocess.Popen(
                    ["stdbuf", "-oL", *command] if stdout else command,
                    stdout=log if stdout else subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )


def late_ms(at_ns: Mapping[int, int], framed_ns: array[int], first: int) -> list[float]:
    """From frame to arrival, of the presses from number `first` on that arrived."""
    return [
        (at_ns[number] - framed_ns[number - 1]) / 1e6
        for number in range(first, len(framed_ns) + 1)
        if number in at_ns
    ]
