"""What systemd hears, and what logs look like."""

import json
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import logs
from agent.notify import notify, watchdog_s


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket on which systemd listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listener


def test_systemd_hears_what_is_said(systemd: socket.socket) -> None:
    assert notify("READY=1")
    assert systemd.recv(100) == b"READY=1"


def test_an_abstract_socket_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"classroom-agent-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{name}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        assert notify("WATCHDOG=1")
        assert listener.recv(100) == b"WATCHDOG=1"


def test_without_systemd_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    assert not notify("READY=1")


def test_a_full_queue_does_not_stop_the_agent(systemd: socket.socket) -> None:
    said = [notify("WATCHDOG=1") for _ in range(2000)]
    assert said[0]
    assert not said[-1]


def test_the_watchdog_is_this_process_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    assert watchdog_s() is None
    monkeypatch.setenv("WATCHDOG_USEC", "20000000")
    assert watchdog_s() == 20.0
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert watchdog_s() == 20.0
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert watchdog_s() is None


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    before = (root.level, root.handlers[:])
    yield root
    root.setLevel(before[0])
    root.handlers[:] = before[1]


def test_a_log_line_is_one_json_object(
    root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.begin("warning")
    log = logging.getLogger("agent.example")
    log.info("not said")
    log.warning("device %s: 线路\n断开", "front")
    try:
        raise ValueError("odd")
    except ValueError:
        log.exception("failed")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert first["message"] == "device front: 线路\n断开"
    assert (first["level"], first["from"]) == ("warning", "agent.example")
    assert first["at"].endswith("+00:00")
    assert "ValueError: odd" in second["trace"]
