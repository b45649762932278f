"""Real brokers, each test against both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.cloud.uplink import Uplink
from agent.demo.broker import BrokerName, LocalBroker
from tests.cloud.board import uplink_to
from tests.cloud.outbox import MemoryOutbox
from tests.cloud.school import School


@pytest.fixture(params=["iotcore", pytest.param("mosquitto", marks=pytest.mark.needs("mosquitto"))])
def broker_name(request: pytest.FixtureRequest) -> BrokerName:
    """A file whose tests are about one of them says so with a fixture of this name."""
    name: BrokerName = request.param
    return name


@pytest.fixture
def broker(broker_name: BrokerName, tmp_path: Path) -> Iterator[LocalBroker]:
    with LocalBroker(broker_name, tmp_path / "broker") as running:
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
    return lambda: uplink_to(broker.url, outbox)
