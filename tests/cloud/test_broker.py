"""The brokers that the demo and the tests start."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.demo.broker import BrokerMissing, LocalBroker, accepts_mqtt5, free_port


def test_it_answers_and_frees_its_port_when_it_ends(broker: LocalBroker) -> None:
    assert accepts_mqtt5(broker.port)
    assert broker.pid > 0
    broker.stop()
    assert not accepts_mqtt5(broker.port)
    broker.stop()
    with pytest.raises(RuntimeError, match="does not run"):
        _ = broker.pid


def test_it_comes_back_on_its_port_after_a_kill(broker: LocalBroker) -> None:
    broker.kill()
    assert not accepts_mqtt5(broker.port)
    broker.start()
    assert accepts_mqtt5(broker.port)


def test_a_broker_that_is_not_there_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda *_args, **_more: None)
    with pytest.raises(BrokerMissing, match="apt-get install mosquitto"):
        LocalBroker("mosquitto", tmp_path).start()


def test_iotcore_ends_with_the_program_that_started_it(tmp_path: Path) -> None:
    port = free_port()
    program = (
        "import os, sys, pathlib\n"
        "from agent.demo.broker import LocalBroker\n"
        "LocalBroker('iotcore', pathlib.Path(sys.argv[1]), port=int(sys.argv[2])).start()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path), str(port)], check=False)
    deadline = time.monotonic() + 10
    while accepts_mqtt5(port):
        assert time.monotonic() < deadline
        time.sleep(0.02)
