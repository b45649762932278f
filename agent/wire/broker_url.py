"""The broker's address: mqtt://[user@]host[:port] or mqtts://[user@]host[:port]."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from agent.wire.errors import BrokerUrlInvalid

_PORTS = {"mqtt": 1883, "mqtts": 8883}


class BrokerUrl(NamedTuple):
    """A broker's address taken apart."""

    host: str
    port: int
    tls: bool
    user: str | None


def parse_url(url: str) -> BrokerUrl:
    """The address taken apart.

    Raises:
        BrokerUrlInvalid: another scheme, no host, a bad port, something behind the port, or a
            password: that belongs into a file.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BrokerUrlInvalid(f"the broker's address cannot be read: {error}") from error
    if parts.scheme not in _PORTS:
        raise BrokerUrlInvalid("the broker's address must begin with mqtt:// or mqtts://")
    if parts.password is not None:
        raise BrokerUrlInvalid("no password in the broker's address: name a file that holds it")
    if not parts.hostname:
        raise BrokerUrlInvalid("the broker's address names no host")
    if port == 0:
        raise BrokerUrlInvalid("the broker's port must be 1 to 65535")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise BrokerUrlInvalid("the broker's address ends with its port")
    return BrokerUrl(
        host=parts.hostname,
        port=port if port is not None else _PORTS[parts.scheme],
        tls=parts.scheme == "mqtts",
        user=unquote(parts.username) if parts.username else None,
    )
