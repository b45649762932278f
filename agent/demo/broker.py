"""A real MQTT 5 broker as a child process on this machine: iotcore's rumqttd, or mosquitto."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Literal

BrokerName = Literal["iotcore", "mosquitto"]

HOST = "127.0.0.1"
MAX_PACKET_BYTES = 300 * 1024
START_S = 10.0
STOP_S = 5.0

IOTCORE_TOML = """\
id = 0

[router]
id = 0
max_connections = 10010
max_outgoing_packet_count = 200
max_segment_size = 10485760
max_segment_count = 10

[v5.1]
name = "mqtt5"
listen = "{host}:{port}"
next_connection_delay_ms = 1

[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = {max_packet_bytes}
max_inflight_count = 100
dynamic_filters = true
"""
MOSQUITTO_CONF = """\
listener {port} {host}
allow_anonymous true
persistence false
max_packet_size {max_packet_bytes}
max_inflight_messages 20
set_tcp_nodelay true
log_type error
log_type warning
"""
# Ends with this process, however that ends: the pipe closes. rumqttd's trace goes nowhere.
IOTCORE_PROGRAM = """\
import logging, os, sys, threading
from iotcore import Broker
logging.disable(logging.CRITICAL)
def parent_gone():
    os.read(0, 1)
    os._exit(0)
threading.Thread(target=parent_gone, daemon=True).start()
Broker(config_path=sys.argv[1]).run_forever()
"""
CONNECT_V5 = bytes.fromhex("1010 0004 4d515454 05 02 000a 00 0003 616263")
"""CONNECT: MQTT 5, clean start, keep alive 10 s, no properties, client id "abc"."""
CONNACK = 0x20


class BrokerMissing(RuntimeError):
    """The broker cannot be had on this machine; the message says how to get it."""


class LocalBroker:
    """One broker, for as long as the context lasts. Blocks while it starts and stops."""

    def __init__(self, name: BrokerName, folder: Path, *, port: int | None = None) -> None:
        """Take everything, start nothing. Its settings and log go to `folder`."""
        self.name = name
        self.port = free_port() if port is None else port
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"mqtt://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """Its process.

        Raises:
            RuntimeError: it does not run.
        """
        if self._process is None:
            raise RuntimeError(f"{self.name} does not run")
        return self._process.pid

    def __enter__(self) -> LocalBroker:
        """Start it; return when it accepts MQTT 5."""
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        """End it."""
        self.stop()

    def start(self) -> None:
        """Start it; return when it accepts MQTT 5.

        Raises:
            BrokerMissing: it is not on this machine.
            RuntimeError: it does not start.
        """
        command = self._command()
        self._log = (self._folder / f"{self.name}.log").open("ab")
        self._process = subprocess.Popen(  # noqa: S603 (our own command)
            command,
            cwd=self._folder,
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,  # Ctrl-C is for the demo, which ends it in its own order
        )
        deadline_s = time.monotonic() + START_S
        while not accepts_mqtt5(self.port):
            code = self._process.poll()
            if code is not None or time.monotonic() > deadline_s:
                self.stop()
                raise RuntimeError(f"{self.name} did not start: see {self._log.name}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it, with force if need be. Safe to call twice."""
        process, self._process = self._process, None
        if process is not None:
            end(process, within_s=STOP_S)
            if process.stdin is not None:
                process.stdin.close()
        if self._log is not None:
            self._log.close()

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self.stop()

    def _command(self) -> list[str]:
        values = {"host": HOST, "port": self.port, "max_packet_bytes": MAX_PACKET_BYTES}
        self._folder.mkdir(parents=True, exist_ok=True)
        if self.name == "iotcore":
            if importlib.util.find_spec("iotcore") is None:
                raise BrokerMissing("iotcore is missing: pip install 'classroom-agent[demo]'")
            settings = self._folder / "iotcore.toml"
            settings.write_text(IOTCORE_TOML.format(**values), encoding="utf-8")
            return [sys.executable, "-c", IOTCORE_PROGRAM, str(settings)]
        # Debian keeps servers out of an ordinary user's PATH.
        path = f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin{os.pathsep}/usr/local/sbin"
        program = shutil.which("mosquitto", path=path)
        if program is None:
            raise BrokerMissing("mosquitto is missing: apt-get install mosquitto")
        settings = self._folder / "mosquitto.conf"
        settings.write_text(MOSQUITTO_CONF.format(**values), encoding="utf-8")
        return [program, "-c", str(settings)]


def end(process: subprocess.Popen[bytes], *, within_s: float) -> None:
    """Ask a process to end, and force it after so long."""
    process.terminate()
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    """A TCP port of the loopback interface that nobody uses now."""
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        port: int = sock.getsockname()[1]
    return port


def accepts_mqtt5(port: int) -> bool:
    """Whether a broker answers an MQTT 5 CONNECT with success."""
    try:
        with socket.create_connection((HOST, port), timeout=1.0) as sock:
            sock.sendall(CONNECT_V5)
            answer = sock.recv(64)
            sock.sendall(b"\xe0\x00")  # DISCONNECT
    except OSError:
        return False
    reason = 3  # behind type, length and flags
    return len(answer) > reason and answer[0] == CONNACK and answer[reason] == 0
