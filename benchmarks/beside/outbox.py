"""Two reference points, not products: what a plain program on paho and SQLite does.

    python -m benchmarks.beside.outbox outbox|memory TTY BROKER_PORT FOLDER

`memory` publishes each line as it comes. `outbox` first commits the lines of 20 ms together
(WAL, synchronous=FULL), publishes them one by one, and deletes each after its PUBACK.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import time
import tty
from collections.abc import Iterator

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.beside.peers import TOPIC

GATHER_S = 0.02
IN_FLIGHT = 500
DELETE_EVERY_S = 0.25
READ_BYTES = 65_536


def lines(path: str) -> Iterator[list[bytes]]:
    """What has come on the line, in whole lines."""
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(fd)
    rest = b""
    while data := os.read(fd, READ_BYTES):
        *whole, rest = (rest + data).split(b"\n")
        yield whole


class Client:
    """paho with its own thread; `acknowledged` holds message ids."""

    def __init__(self, port: int) -> None:
        self.connected = threading.Event()
        self.acknowledged: list[int] = []
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="outbox", clean_session=False
        )
        self._client.max_inflight_messages_set(IN_FLIGHT)
        self._client.max_queued_messages_set(0)
        self._client.reconnect_delay_set(1, 2)
        self._client.on_connect = lambda *_: self.connected.set()
        self._client.on_disconnect = lambda *_: self.connected.clear()
        self._client.on_publish = lambda _c, _d, mid, *_: self.acknowledged.append(mid)
        self._client.connect_async("127.0.0.1", port, 30)
        self._client.loop_start()

    def publish(self, line: bytes) -> int:
        """Publish one; its message id."""
        return self._client.publish(TOPIC, line, qos=1).mid


def memory(path: str, port: int) -> None:
    client = Client(port)
    for some in lines(path):
        for line in some:
            client.publish(line)
        client.acknowledged.clear()


class Store:
    """Lines that wait for their PUBACK."""

    def __init__(self, folder: str) -> None:
        self._db = sqlite3.connect(f"{folder}/outbox.db", isolation_level=None)
        for pragma in ("journal_mode=wal", "synchronous=full"):
            self._db.execute(f"pragma {pragma}")
        self._db.execute(
            "create table if not exists line(id integer primary key, at real, text blob)"
        )
        newest = self._db.execute("select max(id) from line").fetchone()[0]
        self._next = (newest or 0) + 1

    def held(self) -> list[tuple[int, bytes]]:
        return self._db.execute("select id, text from line order by id").fetchall()

    def exchange(self, some: list[bytes], done: list[int]) -> list[tuple[int, bytes]]:
        """Take lines in and delete acknowledged ones, in one commit; the new ones with ids."""
        rows = [(self._next + index, time.time(), line) for index, line in enumerate(some)]
        self._next += len(rows)
        self._db.execute("begin")
        self._db.executemany("insert into line values(?,?,?)", rows)
        self._db.executemany("delete from line where id = ?", [(one,) for one in done])
        self._db.execute("commit")
        return [(row[0], row[2]) for row in rows]


def outbox(path: str, port: int, folder: str) -> None:
    store, client = Store(folder), Client(port)
    waiting = store.held()
    read: list[bytes] = []
    came = threading.Event()

    def reader() -> None:
        for some in lines(path):
            read.extend(some)
            came.set()

    threading.Thread(target=reader, daemon=True).start()
    in_flight: dict[int, int] = {}
    done: list[int] = []
    deleted_s = 0.0
    while True:
        came.wait(GATHER_S)
        came.clear()
        time.sleep(GATHER_S)
        some = read[:]
        del read[: len(some)]
        mids = client.acknowledged[:]
        del client.acknowledged[: len(mids)]
        done += [in_flight.pop(mid) for mid in mids if mid in in_flight]
        due = bool(done) and time.monotonic() - deleted_s >= DELETE_EVERY_S
        if some or due:
            waiting += store.exchange(some, done if due else [])
            if due:
                done, deleted_s = [], time.monotonic()
        if client.connected.is_set():
            room = IN_FLIGHT - len(in_flight)
            for number, line in waiting[:room]:
                in_flight[client.publish(line)] = number
            del waiting[:room]


def main() -> None:
    mode, path, port, folder = sys.argv[1:5]
    if mode == "memory":
        memory(path, int(port))
    else:
        outbox(path, int(port), folder)


if __name__ == "__main__":
    main()
