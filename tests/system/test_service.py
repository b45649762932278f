"""The agent as systemd sees it: ready, alive, stopping."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.demo.broker import free_port

SETTINGS = """\
[agent]
device_id = "board-1"
data_dir = "data"
[place]
city = "3304"
county = "330402"
school = "school-1"
room = "r301"
[web]
host = "127.0.0.1"
port = {port}
"""
WAIT_S = 20.0


class Service:
    """One agent, and what it tells systemd."""

    def __init__(self, folder: Path) -> None:
        settings = folder / "agent.toml"
        settings.write_text(SETTINGS.format(port=free_port()), encoding="utf-8")
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._listener.bind(str(folder / "notify"))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "agent", "run", "--config", str(settings)],
            env={**os.environ, "NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "600000"},
            stderr=subprocess.DEVNULL,
        )

    def hears(self, within_s: float = WAIT_S) -> bytes:
        """What it says next; nothing if it says nothing."""
        self._listener.settimeout(within_s)
        try:
            return self._listener.recv(100)
        except TimeoutError:
            return b""

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._listener.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    service.close()


def test_systemd_hears_of_start_progress_and_stop(service: Service) -> None:
    said = [service.hears() for _ in range(4)]
    assert said.count(b"READY=1") == 1
    assert said.count(b"WATCHDOG=1") == 3
    service.process.send_signal(signal.SIGTERM)
    while (last := service.hears()) == b"WATCHDOG=1":
        continue
    assert last == b"STOPPING=1"
    assert service.process.wait(WAIT_S) == 0


def test_an_agent_that_hangs_is_not_kept_alive(service: Service) -> None:
    while service.hears() != b"WATCHDOG=1":
        continue
    service.process.send_signal(signal.SIGSTOP)
    while service.hears(within_s=1.0):  # some were on their way; kept alive, it never ends
        continue
