"""Inside the virtual board: the agent, virtual clickers, a teacher who asks and asks.

What it says goes to the host over a virtio-serial port, a line each:

    H TOKEN    after the start the journal holds this press
    UP         the agent answers
    K TOKEN    the clicker of this press was shown its outcome
    E TEXT     it goes wrong

A line is on the host once it is written: what was said before a power cut was true then.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import socket
import sqlite3
import struct
import subprocess
import sys
import traceback
from contextlib import closing
from pathlib import Path

import httpx

from agent.clock import now_ns
from agent.lesson.events import decode_body, kind_of
from benchmarks.soak.room import Teacher
from drivers.sim.receiver import PtyLine, VirtualReceiver

DATA_DIR = Path("/var/lib/classroom-agent")
CONFIG = Path("/run/agent.toml")
FLAW = Path("/opt/flaw")
"""Where it exists, the agent does not sync its commits: the host must find losses."""
UNSYNCED = """
import agent.journal.store, agent.__main__
agent.journal.store.WRITER_PRAGMAS += ("synchronous=off",)
agent.__main__.main()
"""
URL = "http://127.0.0.1:8080"
KEYPADS = 40
PRESS_EVERY_S = 0.03
BURST = (1, 1, 1, 2, 4, 12)
READY_S = 240.0
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
SETTINGS = """\
[agent]
device_id = "board-1"
data_dir = "{data_dir}"
[place]
city = "3304"
county = "330402"
school = "school-1"
room = "r301"
[web]
host = "127.0.0.1"
port = 8080
[[devices]]
id = "receiver-1"
driver = "clicker.reference"
port = "{port}"
"""


class Host:
    """The port to the host."""

    def __init__(self, name: str) -> None:
        """Open the port of this name."""
        ports = Path("/sys/class/virtio-ports").glob("*/name")
        [port] = [one.parent.name for one in ports if one.read_text().strip() == name]
        self._fd = os.open(f"/dev/{port}", os.O_WRONLY)

    def say(self, line: str) -> None:
        """One line, at once."""
        os.write(self._fd, f"{line}\n".encode())


def raise_loopback() -> None:
    """127.0.0.1 answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh22x", b"lo", 0)
        _, flags = struct.unpack("16sh22x", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | IFF_UP))


def say_what_is_held(host: Host) -> None:
    """All presses in the journal."""
    with closing(sqlite3.connect(f"file:{DATA_DIR / 'journal.db'}?mode=ro", uri=True)) as db:
        for kept, body in db.execute("select kind, body from event"):
            token = getattr(decode_body(kind_of(kept), body), "token", None)
            if token is not None:
                host.say(f"H {token}")


def start_agent(port: str) -> subprocess.Popen[bytes]:
    CONFIG.write_text(SETTINGS.format(data_dir=DATA_DIR, port=port), encoding="utf-8")
    begin = ["-c", UNSYNCED] if FLAW.exists() else ["-m", "agent"]
    return subprocess.Popen([sys.executable, *begin, "run", "--config", str(CONFIG)])


async def until_ready(agent: subprocess.Popen[bytes]) -> None:
    async with asyncio.timeout(READY_S), httpx.AsyncClient(trust_env=False) as client:
        while True:
            if agent.poll() is not None:
                raise RuntimeError(f"the agent ended: {agent.returncode}")
            try:
                if (await client.get(f"{URL}/api/v1/health")).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.2)


async def press(receiver: VirtualReceiver, rng: random.Random) -> None:
    """Press until the power goes."""
    while True:
        for _ in range(rng.choice(BURST)):
            receiver.press(f"{rng.randrange(KEYPADS):08X}", rng.choice("ABCD"))
        await asyncio.sleep(PRESS_EVERY_S * rng.randrange(1, 4))


async def live(host: Host) -> None:
    raise_loopback()
    rng = random.Random(now_ns())
    receiver = VirtualReceiver(
        f"{random.SystemRandom().getrandbits(63):016X}",  # another one after each start
        now_ns=now_ns,
        on_shown=lambda shown: host.say(f"K {shown.token}"),
    )
    async with PtyLine(receiver, now_ns) as line:
        agent = start_agent(line.path)
        await until_ready(agent)
        say_what_is_held(host)
        host.say("UP")
        teacher = Teacher(URL, DATA_DIR / "teacher-pin")
        await asyncio.gather(teacher.teach(), press(receiver, rng))


def main() -> None:
    host = Host("said")
    try:
        asyncio.run(live(host))
    except Exception:  # the fence: the host shows why its guest ended
        host.say(f"E {traceback.format_exc()!r}")
        raise


if __name__ == "__main__":
    main()
