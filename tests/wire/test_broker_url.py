from __future__ import annotations

import pytest

from agent.wire.broker_url import BrokerUrl, parse_url
from agent.wire.errors import BrokerUrlInvalid


@pytest.mark.parametrize(
    ("url", "parsed"),
    [
        ("mqtt://broker", BrokerUrl("broker", 1883, tls=False, user=None)),
        ("mqtts://broker/", BrokerUrl("broker", 8883, tls=True, user=None)),
        ("mqtt://room%20301@127.0.0.1:2883", BrokerUrl("127.0.0.1", 2883, False, "room 301")),
        ("mqtts://[::1]:8884", BrokerUrl("::1", 8884, tls=True, user=None)),
    ],
)
def test_addresses(url: str, parsed: BrokerUrl) -> None:
    assert parse_url(url) == parsed


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://broker", "mqtt://"),
        ("broker:1883", "mqtt://"),
        ("mqtt://", "no host"),
        ("mqtt://broker:port", "cannot be read"),
        ("mqtt://broker:70000", "cannot be read"),
        ("mqtt://broker:0", "port"),
        ("mqtt://[::1", "cannot be read"),
        ("mqtt://broker:1883/path", "ends with its port"),
        ("mqtt://user:secret@broker", "file"),
    ],
)
def test_addresses_that_cannot_be_used_say_why(url: str, says: str) -> None:
    with pytest.raises(BrokerUrlInvalid, match=says) as caught:
        parse_url(url)
    assert "secret" not in str(caught.value)
