"""The school behind a real broker: takes our batches in, keeps them, sends the receipt.

python -m benchmarks.beside.collector BROKER_PORT KEEP_FILE
"""

from __future__ import annotations

import sys
from io import RawIOBase
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent.wire.payloads import Receipt, encode
from benchmarks.rig.receiver import now_ns
from benchmarks.rig.school import RECORD, span

TOPIC = "edu1/+/+/+/+/+/up/b"
SESSION_S = 3600


def main() -> None:
    port = int(sys.argv[1])
    with Path(sys.argv[2]).open("ab", buffering=0) as keep:
        collect(port, keep)


def collect(port: int, keep: RawIOBase) -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="school", protocol=paho.MQTTv5)
    json = Properties(PacketTypes.PUBLISH)
    json.ContentType = "application/json"
    upto: dict[int, int] = {}

    def connected(client: paho.Client, *_: object) -> None:
        client.subscribe(TOPIC, qos=1)

    def came(client: paho.Client, _: object, message: paho.MQTTMessage) -> None:
        at_ns, payload = now_ns(), bytes(message.payload)
        content_type = getattr(message.properties, "ContentType", "").encode()
        keep.write(RECORD.pack(at_ns, len(content_type), len(payload)) + content_type + payload)
        epoch, first, last = span(content_type, payload)
        held = upto.get(epoch, 0)
        if first <= held + 1:  # else something is missing: the board goes on asking
            upto[epoch] = max(held, last)
        receipt = encode(Receipt(epoch=epoch, upto=upto.get(epoch, 0)))
        topic = message.topic.removesuffix("up/b") + "dn/ack"
        client.publish(topic, receipt, qos=0, properties=json)

    client.on_connect = connected
    client.on_message = came
    client.reconnect_delay_set(1, 1)
    session = Properties(PacketTypes.CONNECT)
    session.SessionExpiryInterval = SESSION_S
    client.connect_async("127.0.0.1", port, keepalive=30, clean_start=False, properties=session)
    client.loop_forever(retry_first_connection=True)


if __name__ == "__main__":
    main()
