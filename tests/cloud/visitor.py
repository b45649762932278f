"""Another client of the broker: says things and hears them."""

from __future__ import annotations

import json
import threading
from types import TracebackType
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent.wire.codec import unpack


class Visitor:
    """Subscribed when the context begins. `raw` holds what came, `heard` the same as values."""

    def __init__(self, port: int, topic: str | None = None) -> None:
        self.heard: list[Any] = []
        self.raw: list[bytes] = []
        self._port = port
        self._topic = topic
        self._ready = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._arrived

    def __enter__(self) -> Visitor:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, topic: str, payload: bytes, content_type: str = "application/json") -> None:
        properties = Properties(PacketTypes.PUBLISH)
        properties.ContentType = content_type
        self._client.publish(topic, payload, qos=1, properties=properties).wait_for_publish(10)

    def _connected(self, client: paho.Client, *_: Any) -> None:
        if self._topic is None:
            self._ready.set()
        else:
            client.subscribe(self._topic, qos=1)

    def _arrived(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        content_type = getattr(message.properties, "ContentType", "")
        self.raw.append(unpack(content_type, bytes(message.payload)))
        self.heard.append(json.loads(self.raw[-1]))
