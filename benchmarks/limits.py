"""What the parts cost by themselves, so that the agent's cost can be held against it.

    ./dev bench limits [--runs 5]

The same rows committed by SQLite alone, messages published by paho alone, deflate and JSON alone,
and a loop that is woken by a serial line and does nothing else. No agent runs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import pty
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tty
import zlib
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from agent.demo.broker import free_port
from agent.journal.migrations import STEPS
from agent.journal.store import WRITER_PRAGMAS
from agent.lesson.events import ResponseRecorded, encode_body
from benchmarks.beside.text import frame
from benchmarks.machine import machine
from benchmarks.rig.meter import percentile, usage
from benchmarks.rig.school import School

LINE_HZ = 720.0
WOKEN_S = 5.0
IN_FLIGHT = 100
Figures = dict[str, float]


def body(number: int) -> bytes:
    """An answer as the journal holds it."""
    return encode_body(
        ResponseRecorded(
            lesson="5de5ce117a",
            question=number // 48 % 40 + 1,
            device="receiver-1",
            keypad=f"{number % 48 * 2_654_435_761 % (1 << 32):08X}",
            key="ABCD"[number % 4],
            token=f"000000000D330100:17:{number}",
        )
    )


def commits(rows_a_commit: int, commits_made: int) -> Figures:
    """SQLite alone, with the journal's own table and settings: no thread, no loop."""
    total = rows_a_commit * commits_made
    rows = [
        (1 << 32 | number, 1, number * 1_388_000, "ResponseRecorded", body(number))
        for number in range(1, total + 1)
    ]
    statement = "insert into event values(?,?,?,?,?)" + ",(?,?,?,?,?)" * (rows_a_commit - 1)
    took_ms = []
    with tempfile.TemporaryDirectory(prefix="limits-") as folder:
        db = sqlite3.connect(Path(folder) / "journal.db", isolation_level=None)
        for pragma in WRITER_PRAGMAS:
            db.execute(f"pragma {pragma}")
        for step in STEPS:
            db.executescript(step)
        width = db.execute("select count(*) from pragma_table_info('event')").fetchone()[0]
        assert width == len(rows[0]), "the journal's table has changed: change this with it"
        before, began_s = usage([os.getpid()]), time.perf_counter()
        cpu_s = time.process_time()
        for start in range(0, total, rows_a_commit):
            at_s = time.perf_counter()
            some = rows[start : start + rows_a_commit]
            db.execute(statement, [cell for row in some for cell in row])
            took_ms.append(1e3 * (time.perf_counter() - at_s))
        lasted_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
        written = usage([os.getpid()]).since(before).written_bytes
        db.close()
    return {
        "per_s": total / lasted_s,
        "cpu_ms_per_1000": 1e6 * cpu_s / total,
        "written_bytes": written / total,
        "commit_p50_ms": percentile(took_ms, 50),
        "commit_p99_ms": percentile(took_ms, 99),
    }


def publishes(answers_a_message: int, messages: int) -> Figures:
    """Paho alone, QoS 1, to an endpoint that only acknowledges."""
    payload = b"\n".join(frame(number).strip() for number in range(answers_a_message))
    done, acknowledged = threading.Event(), 0

    def published(*_: object) -> None:
        nonlocal acknowledged
        acknowledged += 1
        if acknowledged == messages:
            done.set()

    with School(free_port()) as school:
        client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        client.max_inflight_messages_set(IN_FLIGHT)
        client.max_queued_messages_set(0)
        connected = threading.Event()
        client.on_connect = lambda *_: connected.set()
        client.on_publish = published
        client.connect("127.0.0.1", school.port)
        client.loop_start()
        connected.wait(5)
        began_s, cpu_s = time.perf_counter(), time.process_time()
        for _ in range(messages):
            client.publish("edu1/a/b/c/d/e/up/x", payload, qos=1)
        done.wait(60)
        lasted_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
        client.disconnect()
        client.loop_stop()
    answers = answers_a_message * messages
    return {"per_s": answers / lasted_s, "cpu_ms_per_1000": 1e6 * cpu_s / answers}


def deflates(level: int) -> Figures:
    """Deflate alone, on a batch of 500 bodies."""
    json = b",".join(body(number) for number in range(500))
    cpu_s = time.process_time()
    for _ in range(40):
        packed = zlib.compress(json, level)
    cpu_s = time.process_time() - cpu_s
    return {"cpu_ms_per_1000": 1e6 * cpu_s / 20_000, "bytes": len(packed) / 500}


WOKEN = """\
import asyncio, os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
rest_s = float(sys.argv[2])
loop = asyncio.new_event_loop()
def read():
    os.read(fd, 65536)
    if rest_s:
        loop.remove_reader(fd)
        loop.call_later(rest_s, loop.add_reader, fd, read)
loop.add_reader(fd, read)
print("ready", flush=True)
loop.run_forever()
"""


def wake_ups(rest_s: float) -> Figures:
    """An asyncio loop that reads 720 lines a second and does nothing with them.

    `rest_s`: after a read the line is left alone so long, and what comes is read together.
    """
    master, slave = pty.openpty()
    tty.setraw(slave)
    command = [sys.executable, "-c", WOKEN, os.ttyname(slave), str(rest_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            child.stdout.readline()
            before, began_s, lines = usage([child.pid]), time.monotonic(), 0
            while (gone_s := time.monotonic() - began_s) < WOKEN_S:
                if lines < gone_s * LINE_HZ:
                    os.write(master, frame(lines))
                    lines += 1
                else:
                    time.sleep(lines / LINE_HZ - gone_s)
            cpu_s = usage([child.pid]).since(before).cpu_s
        finally:
            child.kill()
    os.close(master)
    os.close(slave)
    return {"cpu_ms_per_1000": 1e6 * cpu_s / lines}


def timer(hz: float) -> Figures:
    """An asyncio loop that wakes so often and does nothing."""

    async def sleep() -> None:
        for _ in range(int(WOKEN_S * hz)):
            await asyncio.sleep(1 / hz)

    cpu_s = time.process_time()
    asyncio.run(sleep())
    cpu_s = time.process_time() - cpu_s
    return {"us_a_wake_up": 1e6 * cpu_s / (WOKEN_S * hz)}


LIMITS: dict[str, Callable[[], Figures]] = {
    "SQLite, 1 row a commit": lambda: commits(1, 2_000),
    "SQLite, 18 rows a commit": lambda: commits(18, 1_000),
    "SQLite, 200 rows a commit": lambda: commits(200, 500),
    "paho, 1 answer a message": lambda: publishes(1, 10_000),
    "paho, 18 answers a message": lambda: publishes(18, 2_000),
    "paho, 500 answers a message": lambda: publishes(500, 500),
    "zlib level 1": lambda: deflates(1),
    "zlib level 6": lambda: deflates(6),
    "a line of 720 frames/s, read at each": lambda: wake_ups(0.0),
    "the same, read every 10 ms": lambda: wake_ups(0.01),
    "the same, read every 30 ms": lambda: wake_ups(0.03),
    "a timer, 40 a second": lambda: timer(40),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    print(machine())
    for name, limit in LIMITS.items():
        some = [limit() for _ in range(arguments.runs)]
        middle = {key: statistics.median(one[key] for one in some) for key in some[0]}
        print(f"{name:38}", "  ".join(f"{key} {value:,.2f}" for key, value in middle.items()))


if __name__ == "__main__":
    main()
