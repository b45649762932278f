"""The school's connection to its broker: where it is, and who says so."""

from __future__ import annotations

import secrets
from pathlib import Path

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties

from agent.wire.broker_url import parse_url


class BrokerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """A broker, and what it wants to see of its clients.

    Attributes:
        url: mqtt://[user@]host[:port] or mqtts://...
        client_id: must differ between clients; "" for a random one.
        ca_file: who vouches for the broker; None: whom the system trusts.
    """

    url: str
    client_id: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


def make_client(options: BrokerOptions, name: str) -> paho.Client:
    """A client of the broker, not connected yet; `name` begins its id where none is given.

    Raises:
        BrokerUrlInvalid: the broker's address cannot be used.
        OSError: a file that is named cannot be read.
    """
    url = parse_url(options.url)
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        # Some brokers refuse a client without a name.
        client_id=options.client_id or f"{name}-{secrets.token_hex(6)}",
        protocol=paho.MQTTv5,
    )
    if url.user is not None:
        password = None
        if options.password_file is not None:
            password = options.password_file.read_text(encoding="utf-8").strip()
        client.username_pw_set(url.user, password)
    if url.tls:
        client.tls_set(
            ca_certs=None if options.ca_file is None else str(options.ca_file),
            certfile=None if options.cert_file is None else str(options.cert_file),
            keyfile=None if options.key_file is None else str(options.key_file),
        )
    return client


def properties(packet: int, **values: str | int) -> Properties:
    """The properties of one packet, e.g. of a `PacketTypes.PUBLISH` its `ContentType`."""
    made = Properties(packet)
    for name, value in values.items():
        setattr(made, name, value)
    return made
