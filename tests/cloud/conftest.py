"""Real brokers, each test against both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.cloud.mqtt import CloudOptions
from agent.cloud.uplink import Uplink
from agent.demo.broker import BrokerName, LocalBroker
from agent.wire.topics import Address
from tests.cloud.outbox import BOOT, Clock, MemoryOutbox
from tests.cloud.school import School

ADDRESS = Address("4403", "440305", "s012", "r301", "board-1")


@pytest.fixture(params=["iotcore", pytest.param("mosquitto", marks=pytest.mark.needs("mosquitto"))])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalBroker]:
    name: BrokerName = request.param
    with LocalBroker(name, tmp_path / "broker") as running:
        yield running


@pytest.fixture
def school(broker: LocalBroker, tmp_path: Path) -> Iterator[School]:
    """Not started yet."""
    one = School(broker.url, tmp_path / "school.db")
    yield one
    one.stop()


@pytest.fixture
def outbox() -> MemoryOutbox:
    return MemoryOutbox()


@pytest.fixture
def make_uplink(broker: LocalBroker, outbox: MemoryOutbox) -> Callable[[], Uplink]:
    def make() -> Uplink:
        return Uplink(
            CloudOptions(url=broker.url, will_delay_s=0),
            ADDRESS,
            outbox,
            Clock(),
            boot=BOOT,
            versions={"agent": "0.1.0"},
        )

    return make
