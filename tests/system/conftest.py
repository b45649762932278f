"""The broker and the school of `tests/cloud`; one broker is enough where the board is real."""

from __future__ import annotations

import pytest

from agent.demo.broker import BrokerName
from tests.cloud.conftest import broker, outbox, school

__all__ = ["broker", "broker_name", "outbox", "school"]


@pytest.fixture
def broker_name() -> BrokerName:
    return "iotcore"
