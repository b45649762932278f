"""What a ThingsBoard gateway asks of its server before it sends: the limits of its session.

python -m benchmarks.beside.limits_stub BROKER_PORT
"""

from __future__ import annotations

import sys

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

REQUESTS = "v1/devices/me/rpc/request/+"
NO_LIMITS = {"messages": "", "telemetryMessages": "", "telemetryDataPoints": ""}
LIMITS = {
    "maxPayloadSize": 65_536,
    "maxInflightMessages": 1_000,
    "rateLimits": NO_LIMITS,
    "gatewayRateLimits": NO_LIMITS,
}


class _Request(msgspec.Struct):
    method: str = ""


def main() -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="limits", clean_session=False)

    def connected(client: paho.Client, *_: object) -> None:
        client.subscribe(REQUESTS, qos=1)

    def asked(client: paho.Client, _: object, message: paho.MQTTMessage) -> None:
        try:
            request = msgspec.json.decode(message.payload, type=_Request)
        except msgspec.DecodeError:
            return
        if request.method == "getSessionLimits":
            answer = message.topic.replace("/request/", "/response/")
            client.publish(answer, msgspec.json.encode(LIMITS), qos=1)

    client.on_connect = connected
    client.on_message = asked
    client.reconnect_delay_set(1, 1)
    client.connect_async("127.0.0.1", int(sys.argv[1]))
    client.loop_forever(retry_first_connection=True)


if __name__ == "__main__":
    main()
