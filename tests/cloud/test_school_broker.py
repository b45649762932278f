"""The settings under config/broker, with real brokers: TLS both ways, and who may speak where."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from agent.cloud.mqtt import CloudOptions
from agent.cloud.uplink import Uplink
from agent.demo.broker import accepts_mqtt5, free_port
from agent.wire.topics import Address
from benchmarks.soak.school_broker import CONFIG, make_keys, write_settings
from tests.cloud.board import ADDRESS
from tests.cloud.outbox import BOOT, Clock, MemoryOutbox
from tests.cloud.school import School, until


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    make_keys(folder)
    return folder


async def refused(uplink: Uplink) -> None:
    await until(lambda: uplink.state.mqtt.refused >= 1)


async def answered(uplink: Uplink) -> None:
    """Until the broker has taken the board, or has not."""
    await until(lambda: uplink.state.mqtt.losses + uplink.state.mqtt.connects >= 1)


@contextmanager
def mosquitto(settings: Path, port: int, log: IO[str]) -> Iterator[None]:
    """Listens meanwhile."""
    with subprocess.Popen(["mosquitto", "-c", settings], stderr=log) as process:
        try:
            while not listens(port):
                assert process.poll() is None, Path(log.name).read_text()
                time.sleep(0.01)
            yield
        finally:
            process.terminate()


def listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def school_broker(keys: Path, tmp_path: Path) -> Iterator[str]:
    """Mosquitto with config/broker/mosquitto.conf; nothing changed but port, folders and user."""
    port = free_port()
    settings = write_settings(tmp_path, keys, port)
    log = (tmp_path / "mosquitto.log").open("w")
    with log, mosquitto(settings, port, log):
        yield f"mqtts://127.0.0.1:{port}"


def board(
    url: str, keys: Path, outbox: MemoryOutbox, name: str | None, address: Address = ADDRESS
) -> Uplink:
    options = CloudOptions(
        url=url,
        ca_file=keys / "ca.crt",
        cert_file=None if name is None else keys / f"{name}.crt",
        key_file=None if name is None else keys / f"{name}.key",
    )
    return Uplink(options, address, outbox, Clock(), boot=BOOT, versions={})


@pytest.mark.needs("mosquitto", "openssl")
async def test_boards_and_school_meet_over_tls_and_only_where_they_may(
    school_broker: str, keys: Path, outbox: MemoryOutbox, tmp_path: Path
) -> None:
    files = [
        *("--ca", str(keys / "ca.crt"), "--cert", str(keys / "school-ingest.crt")),
        *("--key", str(keys / "school-ingest.key"), "--share", "ingest"),
    ]
    school = School(school_broker, tmp_path / "school.db", *files)
    outbox.add(2000)
    try:
        school.start()
        async with board(school_broker, keys, outbox, "board-1") as uplink:
            await until(lambda: uplink.state.waiting == 0)
            assert uplink.state.link == "connected"
        # Another board's certificate, or another place: refused, and the board sees it.
        for name, address in (
            ("board-2", ADDRESS),
            ("board-1", ADDRESS._replace(room="r999")),
        ):
            other = MemoryOutbox()
            other.add(1)
            async with board(school_broker, keys, other, name, address) as uplink:
                await refused(uplink)
                assert "uthorized" in uplink.state.reason
                assert uplink.state.waiting == 1
        assert school.held("board-1") == [(1, seq) for seq in range(1, 2001)]
    finally:
        assert school.stop() == 0


@pytest.mark.needs("mosquitto", "openssl")
async def test_without_a_certificate_nobody_gets_in(
    school_broker: str, keys: Path, outbox: MemoryOutbox
) -> None:
    async with board(school_broker, keys, outbox, None) as uplink:
        await until(lambda: uplink.state.mqtt.losses >= 1)
        assert uplink.state.link == "connecting"
        assert uplink.state.reason


@pytest.mark.needs("mosquitto", "openssl")
async def test_a_broker_that_nobody_vouches_for_is_not_believed(
    school_broker: str, keys: Path, outbox: MemoryOutbox
) -> None:
    options = CloudOptions(url=school_broker)  # whom the machine trusts: not this school's CA
    async with Uplink(options, ADDRESS, outbox, Clock(), boot=BOOT, versions={}) as uplink:
        await until(lambda: uplink.state.mqtt.losses >= 1)
        assert "CERTIFICATE_VERIFY_FAILED" in uplink.state.reason


@pytest.fixture
def password_broker(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    (tmp_path / "secret").write_text("a pass word\n")
    subprocess.run(
        ["mosquitto_passwd", "-c", "-b", tmp_path / "users", "board-1", "a pass word"], check=True
    )
    lines = [f"listener {port} 127.0.0.1", f"password_file {tmp_path / 'users'}"]
    lines += ["user root"] if os.geteuid() == 0 else []
    (tmp_path / "mosquitto.conf").write_text("\n".join(lines) + "\n")
    with (
        (tmp_path / "mosquitto.log").open("w") as log,
        mosquitto(tmp_path / "mosquitto.conf", port, log),
    ):
        yield f"mqtt://board-1@127.0.0.1:{port}"


@pytest.mark.needs("mosquitto", "mosquitto_passwd")
async def test_a_password_comes_from_a_file(
    password_broker: str, tmp_path: Path, outbox: MemoryOutbox
) -> None:
    for password_file, reached in (
        (tmp_path / "secret", ""),
        (None, "uthorized"),
        (tmp_path / "nowhere", "nowhere"),
    ):
        options = CloudOptions(url=password_broker, password_file=password_file)
        async with Uplink(options, ADDRESS, outbox, Clock(), boot=BOOT, versions={}) as uplink:
            await answered(uplink)
            assert reached in uplink.state.reason
            assert (uplink.state.link == "connected") == (not reached)


def test_iotcore_runs_with_its_settings(tmp_path: Path) -> None:
    port = free_port()
    settings = (CONFIG / "iotcore.toml").read_text()
    assert "127.0.0.1:1883" in settings
    (tmp_path / "iotcore.toml").write_text(settings.replace(":1883", f":{port}"))
    process = subprocess.Popen(
        [sys.executable, "-m", "iotcore", "--config", "iotcore.toml", "--log-level", "CRITICAL"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 20
        while not accepts_mqtt5(port):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.terminate()
        process.wait(10)
