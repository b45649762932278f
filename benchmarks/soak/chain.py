"""Broker, ingest and agent as a school runs them, each a process that may be killed."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

from agent.demo.broker import HOST, free_port
from benchmarks.soak.school_broker import ADDRESS, INGEST, make_keys, write_settings

READY_S = 30.0
STOP_S = 15.0
LOOK_S = 0.02


class Member:
    """One process of the chain. It ends with this one, however that ends."""

    def __init__(
        self, name: str, command: Sequence[str], folder: Path, ready: Callable[[Member], bool]
    ) -> None:
        """Take everything, start nothing."""
        self.name = name
        self.log_path = folder / f"{name}.log"
        self.kills = 0
        self.early_kills = 0
        self._command = ["setpriv", "--pdeathsig", "KILL", *command]
        self._folder = folder
        self._ready = ready
        self._log_from = 0
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and wait for nothing."""
        with self.log_path.open("ab") as log:
            self._log_from = log.tell()
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                cwd=self._folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def runs(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def ready(self) -> bool:
        """Whether it does its work."""
        return self._ready(self)

    async def until_ready(self) -> None:
        """Wait until it does its work.

        Raises:
            RuntimeError: it ended by itself, or took too long; with its last words.
        """
        try:
            async with asyncio.timeout(READY_S):
                while not self.ready:
                    self.check()
                    await asyncio.sleep(LOOK_S)
        except TimeoutError as error:
            raise RuntimeError(f"{self.name} is not ready: {self.last_words()}") from error

    def check(self) -> None:
        """Raise RuntimeError if it has ended by itself."""
        if not self.runs:
            raise RuntimeError(f"{self.name} ended by itself: {self.last_words()}")

    def says(self, text: str) -> bool:
        """Whether its log holds this since it was started."""
        return text.encode() in self._said()

    def last_words(self) -> str:
        """The end of its log."""
        return self._said().decode(errors="replace")[-2000:].strip() or "no word"

    def _said(self) -> bytes:
        if not self.log_path.exists():
            return b""
        with self.log_path.open("rb") as log:
            log.seek(self._log_from)
            return log.read()

    async def kill(self) -> None:
        """End it as a power cut would, and count it.

        Raises:
            RuntimeError: it had ended by itself.
        """
        self.check()
        self.early_kills += not self.ready
        self.kills += 1
        await self._end(9)

    async def stop(self) -> None:
        """Ask it to end, with force after a while. Safe to call twice."""
        if self.runs:
            await self._end(15)

    async def _end(self, signal_number: int) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal_number)
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()


class Chain:
    """The three processes, over TLS with a certificate each. An async context manager."""

    def __init__(
        self,
        folder: Path,
        ports: Sequence[str],
        *,
        persistence: bool = True,
        broker_port: int | None = None,
        through: int | None = None,
    ) -> None:
        """Make keys and settings, start nothing.

        Args:
            folder: where all files go.
            ports: the serial ports of the receivers.
            persistence: whether the broker keeps anything over its end.
            broker_port: where it listens; None: on any free port.
            through: the port that the agent uses for it; None: its own.
        """
        self.web_port = free_port()
        broker_port = free_port() if broker_port is None else broker_port
        self.database = folder / "school.db"
        self.journal = folder / "board" / "journal.db"
        keys = folder / "keys"
        make_keys(keys)
        conf = write_settings(folder, keys, broker_port, persistence=persistence)
        broker_url = f"mqtts://{HOST}:{broker_port}"
        agents_url = f"mqtts://{HOST}:{through or broker_port}"
        config = folder / "agent.toml"
        config.write_text(_agent_settings(self.web_port, folder, agents_url, keys, ports))
        program = shutil.which("mosquitto") or "mosquitto"
        self.broker = Member(
            "broker", [program, "-c", str(conf)], folder, lambda _: _listens(broker_port)
        )
        self.ingest = Member(
            "ingest",
            [
                *(sys.executable, "-m", "fleet", "ingest", "--broker", broker_url),
                *("--database", str(self.database), "--ca", str(keys / "ca.crt")),
                *("--cert", str(keys / f"{INGEST}.crt"), "--key", str(keys / f"{INGEST}.key")),
            ],
            folder,
            lambda member: member.says("ready"),
        )
        self.agent = Member(
            "agent",
            [sys.executable, "-m", "agent", "run", "--config", str(config)],
            folder,
            lambda member: member.says("ready at port"),
        )
        self.members = (self.broker, self.ingest, self.agent)

    @property
    def url(self) -> str:
        """Where the agent's pages are."""
        return f"http://{HOST}:{self.web_port}"

    @property
    def pin_path(self) -> Path:
        """Where the agent puts the teacher's PIN at its first start."""
        return self.journal.parent / "teacher-pin"

    async def __aenter__(self) -> Chain:
        """Nothing is started yet: who uses it says in which order."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop all, the agent first."""
        for member in reversed(self.members):
            await member.stop()

    async def start(self) -> None:
        """Start all, and return when they do their work."""
        for member in self.members:
            await member.start()
            await member.until_ready()

    async def until_plugged_in(self) -> None:
        """Wait until the agent has all of its receivers.

        Raises:
            RuntimeError: it has not; perhaps another program holds a port, such as an agent that
                was left behind by another run and answers in its place.
        """
        devices = []
        try:
            async with asyncio.timeout(READY_S), httpx.AsyncClient(trust_env=False) as client:
                while True:
                    answer = await client.get(f"{self.url}/api/v1/health")
                    devices = [one for one in answer.json()["devices"] if one["state"] != "ready"]
                    if not devices:
                        return
                    await asyncio.sleep(LOOK_S)
        except TimeoutError as error:
            raise RuntimeError(f"not ready, does another program hold it? {devices}") from error


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        sock.settimeout(1.0)
        return sock.connect_ex((HOST, port)) == 0


def _agent_settings(
    web_port: int, folder: Path, broker_url: str, keys: Path, ports: Sequence[str]
) -> str:
    address = ADDRESS
    lines = [
        *("[agent]", f'device_id = "{address.device}"', f'data_dir = "{folder / "board"}"'),
        "[place]",
        *(f'{key} = "{getattr(address, key)}"' for key in ("city", "county", "school", "room")),
        *("[web]", f'host = "{HOST}"', f"port = {web_port}"),
        *("[cloud]", f'url = "{broker_url}"', f'ca_file = "{keys / "ca.crt"}"'),
        f'cert_file = "{keys / f"{address.device}.crt"}"',
        f'key_file = "{keys / f"{address.device}.key"}"',
    ]
    lines += ["[keypads]", "unknown_per_minute = 1000"]  # several classes at once, of nobody
    for number, port in enumerate(ports, start=1):
        lines += ["[[devices]]", f'id = "receiver-{number}"', 'driver = "clicker.reference"']
        lines += [f'port = "{port}"']
    lines += ["[[devices]]", 'id = "phones"', 'driver = "phone"']
    return "\n".join(lines) + "\n"
