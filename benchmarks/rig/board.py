"""The real agent as a process of its own, with a lesson and an open question."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from json import dumps
from pathlib import Path
from typing import Any, Self

import httpx

from agent.demo.broker import end, free_port
from agent.demo.stage import journal_newest
from agent.wire.topics import Address

ADDRESS = Address("3304", "330402", "bench-school", "r301", "bench-board")
START_S = 60.0
STOP_S = 15.0
UNIT = Path(__file__).parents[2] / "systemd" / "classroom-agent.service"


def unit_environment() -> dict[str, str]:
    """What the agent's unit sets for its process: it is measured as it runs on a board."""
    lines = UNIT.read_text(encoding="utf-8")
    return dict(re.findall(r"^Environment=(\w+)=(\S+)$", lines, flags=re.MULTILINE))


class Board:
    """One agent. A context manager: started on enter, stopped on exit; may be killed between."""

    def __init__(
        self,
        folder: Path,
        *,
        ports: Sequence[str],
        devices: Sequence[Mapping[str, Any]] = (),
        cloud_url: str | None,
        data_dir: Path | None = None,
        max_mb: int | None = None,
        usual_limits: bool = False,
        sampled: Path | None = None,
    ) -> None:
        """Take everything, start nothing.

        `ports`: serial ports with a receiver each. `devices`: other entries of its settings.
        `max_mb`: what the journal may hold.
        `usual_limits`: keypads may not press faster than people do.
        `sampled`: a file that says afterwards what the agent was doing, see
        `benchmarks.rig.sampler`.
        """
        self.folder = folder
        self.data_dir = folder / "board" if data_dir is None else data_dir
        self.port = free_port()
        self._config = folder / "agent.toml"
        self._ports = ports
        self._devices = devices
        self._cloud_url = cloud_url
        self._max_mb = max_mb
        self._usual_limits = usual_limits
        self._sampled = sampled
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it; return when its pages answer."""
        self.start()
        self.until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def journal(self) -> Path:
        return self.data_dir / "journal.db"

    @property
    def command(self) -> list[str]:
        """What starts it."""
        module = ["agent"]
        if self._sampled is not None:
            module = ["benchmarks.rig.sampler", str(self._sampled)]
        return [sys.executable, "-m", *module, "run", "--config", str(self._config)]

    @property
    def environment(self) -> dict[str, str]:
        """What its process finds set."""
        return os.environ | unit_environment()

    def configure(self) -> None:
        """Write its settings."""
        self._config.write_text(self._settings(), encoding="utf-8")

    def start(self) -> None:
        """Begin its start."""
        self.configure()
        with (self.folder / "agent.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                start_new_session=True,
            )

    def until_ready(self) -> None:
        """Wait until its pages answer."""
        deadline_s = time.monotonic() + START_S
        while time.monotonic() < deadline_s:
            self.check()
            if self.answers():
                return
            time.sleep(0.02)
        raise TimeoutError(f"the agent is not ready: see {self.folder}/agent.log")

    def answers(self) -> bool:
        """Whether its pages answer."""
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/api/v1/health", trust_env=False).is_success
        return False

    def check(self) -> None:
        """Raise RuntimeError if it has ended by itself."""
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"the agent has ended: {(self.folder / 'agent.log').read_text()}")

    def newest(self) -> tuple[int, int]:
        """(epoch, seq) of its newest event."""
        return journal_newest(self.data_dir)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Ask it to end; force it after a while. Safe to call twice."""
        process, self._process = self._process, None
        if process is not None:
            end(process, within_s=STOP_S)

    def teacher(self) -> Teacher:
        """A signed-in teacher."""
        return Teacher(self.url, (self.data_dir / "teacher-pin").read_text().strip())

    def _settings(self) -> str:
        place = zip(ADDRESS._fields, ADDRESS, strict=True)
        lines = ["[agent]", f'device_id = "{ADDRESS.device}"', f'data_dir = "{self.data_dir}"']
        lines += ["[place]", *(f'{key} = "{code}"' for key, code in place if key != "device")]
        lines += ["[web]", 'host = "127.0.0.1"', f"port = {self.port}"]
        if self._cloud_url is not None:
            lines += ["[cloud]", f'url = "{self._cloud_url}"']
        if self._max_mb is not None:
            lines += ["[journal]", f"max_mb = {self._max_mb}"]
        if not self._usual_limits:
            lines += ["[keypads]", "presses_per_s = 1000000", "unknown_per_minute = 1000000"]
        for number, port in enumerate(self._ports, start=1):
            lines += ["[[devices]]", f'id = "receiver-{number}"', 'driver = "clicker.reference"']
            lines += [f'port = "{port}"']
        for device in self._devices:  # what JSON writes of a string or a number, TOML reads
            lines += ["[[devices]]", *(f"{key} = {dumps(one)}" for key, one in device.items())]
        return "\n".join(lines) + "\n"


class Teacher:
    """What a teacher does at the page."""

    def __init__(self, url: str, pin: str) -> None:
        """Sign in."""
        self.client = httpx.Client(
            base_url=f"{url}/api/v1", timeout=10.0, headers={"Origin": url}, trust_env=False
        )
        self._call("POST", "/session", {"pin": pin})
        self.lesson = ""

    def open_lesson(self, class_id: str | None = None) -> None:
        self.lesson = self._call("POST", "/lessons", {"class_id": class_id, "title": ""})["id"]

    def end_lesson(self) -> None:
        self._call("POST", f"/lessons/{self.lesson}/end", None)

    def ask(self) -> None:
        """A question with four options, open from now on; the one before it is closed."""
        body = {"kind": "single", "options": ["", "", "", ""], "key": None}
        self._call("POST", f"/lessons/{self.lesson}/questions", body)

    def _call(self, method: str, path: str, body: object) -> Any:
        answer = self.client.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def close(self) -> None:
        self.client.close()
