"""The real parts of the demo as processes of their own: broker, ingest and agent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import httpx

from agent.demo.broker import BrokerName, LocalBroker
from agent.wire.topics import Address

ADDRESS = Address("3304", "330402", "demo-school", "r301", "demo-board")
START_S = 20.0
STOP_S = 10.0
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class PartFailed(RuntimeError):
    """A part did not start, or ended by itself; the message has its last word."""


class Part:
    """One child process with a log of its own."""

    def __init__(
        self,
        name: str,
        module: str,
        arguments: Sequence[str],
        folder: Path,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Take everything, start nothing. `environment`: what is set beside our own."""
        self.name = name
        self._environment = {**os.environ, **(environment or {})}
        self.log_path = folder / f"{name}.log"
        self._command = [sys.executable, "-m", module, *arguments]
        self._log: IO[bytes] | None = None
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it. Ctrl-C is for the demo, which ends its parts in order."""
        self._log = self.log_path.open("ab")
        self._log_from = self._log.tell()
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    async def kill(self) -> None:
        """End it as a power cut would."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            await process.wait()
        if self._log is not None:
            self._log.close()

    async def stop(self) -> None:
        """Ask it to end; force it after a while. Safe to call twice."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), STOP_S)
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._log is not None:
            self._log.close()

    def says(self, text: str) -> bool:
        """Whether its log holds this since it was started."""
        return text.encode() in self.log_path.read_bytes()[self._log_from :]

    def check(self) -> None:
        """Raise PartFailed if it is not running."""
        if self._process is None or self._process.returncode is not None:
            said = self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()
            raise PartFailed(f"{self.name} ended by itself: {said[-1] if said else 'no word'}")

    @property
    def pid(self) -> int:
        """Its process."""
        if self._process is None:
            raise PartFailed(f"{self.name} does not run")
        return self._process.pid

    def peak_rss_mb(self) -> float:
        """The most memory it has held at once, in MB (10^6 bytes)."""
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
        raise PartFailed(f"{self.name}: its memory cannot be read")

    def cpu_s(self) -> float:
        """Processor time it has used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1]
        user, system = fields.split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


class Stage:
    """Broker, ingest and agent, started in this order and stopped in the other."""

    def __init__(
        self,
        folder: Path,
        *,
        broker: str,
        host: str,
        port: int,
        agent_environment: Mapping[str, str] | None = None,
    ) -> None:
        """Take everything, start nothing.

        Args:
            folder: where all files go.
            broker: "iotcore", "mosquitto", or the URL of one that runs.
            host: the address that the pages listen on.
            port: the port of the pages.
            agent_environment: what the agent's process finds set beside our own.
        """
        self._agent_environment = agent_environment
        self.folder = folder
        self.port = port
        self._host = host
        self._local = None if "://" in broker else LocalBroker(_name(broker), folder / "broker")
        self.broker_url = broker if self._local is None else ""
        self.database = folder / "school.db"
        self.data_dir = folder / "board"
        self._exits = contextlib.AsyncExitStack()

    @property
    def url(self) -> str:
        """Where the pages are."""
        host = "127.0.0.1" if self._host == "0.0.0.0" else self._host  # noqa: S104 (only read)
        return f"http://{host}:{self.port}"

    async def start_school(self) -> None:
        """Start the broker, unless it runs elsewhere, and the school's ingest."""
        if self._local is not None:
            await asyncio.to_thread(self._local.start)
            self._exits.callback(self._local.stop)
            self.broker_url = self._local.url
        await self.start_ingest()

    async def start_ingest(self, *, within_s: float = START_S) -> None:
        """Start the school's ingest; return when it takes events in.

        Raises:
            PartFailed: it ended, or the broker did not answer in time.
        """
        arguments = ["ingest", "--broker", self.broker_url, "--database", str(self.database)]
        self.ingest = Part("ingest", "fleet", arguments, self.folder)
        await self._start(self.ingest)
        try:
            async with asyncio.timeout(within_s):
                while not self.ingest.says("ready"):
                    self.ingest.check()
                    await asyncio.sleep(0.02)
        except TimeoutError as error:
            raise PartFailed(
                f"{self.broker_url}: the broker did not let the ingest in within {within_s:g} s; "
                "is it running, and is the address right?"
            ) from error

    async def start_agent(self, receivers: Sequence[str], readers: Sequence[str]) -> None:
        """Start the agent on these serial ports; return when its pages answer."""
        config = self.folder / "agent.toml"
        config.write_text(self._settings(receivers, readers), encoding="utf-8")
        arguments = ["run", "--config", str(config)]
        self.agent = Part(
            "agent", "agent", arguments, self.folder, environment=self._agent_environment
        )
        await self._start(self.agent)
        await self._until_ready()

    async def _until_ready(self) -> None:
        async with asyncio.timeout(START_S), httpx.AsyncClient(trust_env=False) as client:
            while True:
                self.agent.check()
                with contextlib.suppress(httpx.TransportError):
                    answer = await client.get(f"{self.url}/api/v1/health")
                    if answer.status_code == httpx.codes.OK:
                        return
                await asyncio.sleep(0.02)

    def pin(self) -> str:
        """The teacher's PIN that the agent made at its first start."""
        return (self.data_dir / "teacher-pin").read_text(encoding="ascii").strip()

    def check(self) -> None:
        """Raise PartFailed if a part has ended by itself."""
        self.ingest.check()
        self.agent.check()

    async def stop(self) -> None:
        """Stop all that runs."""
        await self._exits.aclose()

    async def _start(self, part: Part) -> None:
        self._exits.push_async_callback(part.stop)
        await part.start()

    def _settings(self, receivers: Sequence[str], readers: Sequence[str]) -> str:
        address = ADDRESS
        lines = [
            "[agent]",
            f'device_id = "{address.device}"',
            f'data_dir = "{self.data_dir}"',
            "[place]",
            *(f'{key} = "{getattr(address, key)}"' for key in ("city", "county", "school", "room")),
            "[web]",
            f'host = "{self._host}"',
            f"port = {self.port}",
            "[cloud]",
            f'url = "{self.broker_url}"',
            *_devices("receiver", "clicker.reference", receivers),
            *_devices("reader", "card.em4100", readers),
            *_devices("phones", "phone", [""]),
        ]
        return "\n".join(lines) + "\n"


def _devices(name: str, driver: str, ports: Sequence[str]) -> list[str]:
    lines = []
    for number, port in enumerate(ports, start=1):
        device_id = name if not port else f"{name}-{number}"
        lines += ["[[devices]]", f'id = "{device_id}"', f'driver = "{driver}"']
        lines += [f'port = "{port}"'] if port else []
    return lines


def _name(broker: str) -> BrokerName:
    return "mosquitto" if broker == "mosquitto" else "iotcore"


def journal_bytes(data_dir: Path) -> int:
    """What the journal takes on the disk, all of its files."""
    return sum(file.stat().st_size for file in data_dir.glob("journal.db*"))


def journal_newest(data_dir: Path) -> tuple[int, int]:
    """(epoch, seq) of the newest event on the board."""
    db = sqlite3.connect(f"file:{data_dir / 'journal.db'}?mode=ro", uri=True)
    try:
        newest = db.execute("select max(id) from event").fetchone()[0] or 0
    finally:
        db.close()
    return newest >> 32, newest & 0xFFFFFFFF
