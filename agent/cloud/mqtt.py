"""MQTT 5 on the event loop: paho does the protocol, the loop does the waiting, no thread of paho's.

A connection that ends is tried again, with back-off. Nothing is queued here while there is none.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.cloud.loop_socket import LoopSocket, TlsSocket
from agent.wire.broker_url import parse_url
from agent.wire.codec import Packed

log = logging.getLogger(__name__)

MAX_IN_FLIGHT = 20
NO_MATCHING_SUBSCRIBERS = 0x10
CONNECT_S = 10.0
FIRST_RETRY_S = 1.0
RETRY_GROWTH = 1.5
"""A broker that starts anew is away for seconds: the wait stays shorter than the outage was."""
LAST_RETRY_S = 30.0
"""After an outage the school waits no longer than this; a try that fails costs some 200 bytes."""
MAX_PACKET_BYTES = 300 * 1024
MAX_INBOX = 1000


class CloudOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach the broker.

    Attributes:
        url: mqtt://[user@]host[:port] or mqtts://...
        password_file: holds the user's password; secrets come by file only.
        ca_file: who may vouch for the broker; None: whom the machine trusts.
        cert_file: the board's certificate, with `key_file`.
        keepalive_s: silence after which either side asks.
        will_delay_s: how long the broker waits before it says that the board is gone.
    """

    url: str
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    keepalive_s: int = 30
    will_delay_s: int = 30


class Incoming(NamedTuple):
    """A message from the broker."""

    topic: str
    content_type: str
    payload: bytes


class Will(NamedTuple):
    """What the broker says, retained, when the board is gone."""

    topic: str
    packed: Packed


class MqttCounters(msgspec.Struct):
    """What has happened since start."""

    connects: int = 0
    losses: int = 0
    unheard: int = 0
    refused: int = 0
    dropped: int = 0


class MqttClient:
    """One client of one broker. Everything but `connect` itself happens in the loop's thread.

    Attributes:
        inbox: messages that came; `on_change` is called after each, and after every change of
            the connection. It must only set a flag.
        reason: why there is no connection, "" before the first try.
    """

    def __init__(
        self,
        options: CloudOptions,
        client_id: str,
        *,
        will: Will,
        subscribe: str,
        on_change: Callable[[], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Take everything, open nothing.

        Raises:
            BrokerUrlInvalid: the address cannot be used.
        """
        self.inbox: deque[Incoming] = deque()
        self.count = MqttCounters()
        self.reason = ""
        self.refusal = ""
        self.unheard = False
        self.max_packet_bytes = MAX_PACKET_BYTES
        self._options = options
        self._url = parse_url(options.url)
        self._client_id = client_id
        self._will = will
        self._subscribe = subscribe
        self._on_change = on_change
        self._jitter = jitter
        self._client: paho.Client | None = None
        self._session: LoopSocket | None = None
        self._ready = False
        self._was_ready = False
        self._in_flight: dict[int, bool] = {}
        self._properties: dict[str, Properties] = {}

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted the connection and the subscription."""
        return self._ready

    @property
    def settled(self) -> bool:
        """Whether the broker has answered everything that was published."""
        return not self._in_flight

    @property
    def on_its_way(self) -> bool:
        """Whether the broker has yet to answer something that was `for_somebody`."""
        return any(self._in_flight.values())

    def publish(
        self, topic: str, packed: Packed, *, retain: bool = False, for_somebody: bool = False
    ) -> bool:
        """Hand a message to the broker, QoS 1; False if there is no connection or no room.

        With `for_somebody`, `unheard` tells afterwards whether nobody had subscribed.
        """
        client = self._client
        if client is None or not self._ready or len(self._in_flight) >= MAX_IN_FLIGHT:
            return False
        info = client.publish(
            topic, packed.payload, qos=1, retain=retain, properties=self._typed(packed.content_type)
        )
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        self._in_flight[info.mid] = for_somebody
        return True

    def rest(self) -> None:
        """Nothing that comes is urgent: let it gather until the next beat."""
        if self._session is not None:
            self._session.rest()

    def _typed(self, content_type: str) -> Properties:
        properties = self._properties.get(content_type)
        if properties is None:
            properties = _properties(PacketTypes.PUBLISH, ContentType=content_type)
            self._properties[content_type] = properties
        return properties

    # -- the connection's life ----------------------------------------------------------------

    async def run(self) -> None:
        """Stay connected until cancelled."""
        retry_s = FIRST_RETRY_S
        # A thread of its own: a name that does not resolve must not hold up anybody else's work.
        executor = ThreadPoolExecutor(1, thread_name_prefix="mqtt-connect")
        try:
            while True:
                try:
                    await self._connection(executor)
                except (OSError, UnicodeError) as error:
                    self._lost(f"{type(error).__name__}: {error}")
                if self._was_ready:
                    retry_s = FIRST_RETRY_S
                await asyncio.sleep(retry_s * (0.5 + self._jitter() / 2))
                retry_s = min(retry_s * RETRY_GROWTH, LAST_RETRY_S)
        finally:
            executor.shutdown(wait=False, cancel_futures=True)

    def disconnect(self) -> None:
        """Say goodbye, so that the broker keeps the will to itself."""
        client = self._client
        if client is not None and self._ready:
            client.disconnect()
            client.loop_write()
            self._ready = False

    async def _connection(self, executor: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        self._was_ready = False
        self.refusal = ""
        session = LoopSocket(loop)
        client = self._new_client(session)
        self._client, self._session = client, session
        try:
            await loop.run_in_executor(executor, self._connect, client)
            deadline_s = loop.time() + CONNECT_S
            while not session.lost.done():
                await asyncio.wait([session.lost], timeout=self._options.keepalive_s / 4)
                client.loop_misc()
                if not self._ready and loop.time() > deadline_s:
                    raise TimeoutError("the broker does not answer")
            self._lost(session.lost.result() if self._was_ready else self.refusal or "refused")
        finally:
            self._client = self._session = None
            self._ready = False
            self._in_flight.clear()
            session.close(client)

    def _new_client(self, session: LoopSocket) -> paho.Client:
        options = self._options
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            protocol=paho.MQTTv5,
            reconnect_on_failure=False,
        )
        client.max_inflight_messages_set(MAX_IN_FLIGHT)
        if self._url.user is not None:
            password = None
            if options.password_file is not None:
                password = options.password_file.read_text(encoding="utf-8").strip()
            client.username_pw_set(self._url.user, password)
        if self._url.tls:
            context = ssl.create_default_context(cafile=options.ca_file)
            context.sslsocket_class = TlsSocket
            if options.cert_file is not None:
                context.load_cert_chain(options.cert_file, options.key_file)
            client.tls_set_context(context)
        delay = _properties(
            PacketTypes.WILLMESSAGE,
            WillDelayInterval=options.will_delay_s,
            ContentType=self._will.packed.content_type,
        )
        client.will_set(
            self._will.topic, self._will.packed.payload, qos=1, retain=True, properties=delay
        )
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_disconnect = session.disconnected
        client.on_message = self._arrived
        client.on_publish = self._published
        client.on_socket_open = session.socket_open
        client.on_socket_close = session.socket_close
        client.on_socket_register_write = session.want_write
        client.on_socket_unregister_write = session.written
        return client

    def _connect(self, client: paho.Client) -> None:
        """Runs in the executor: name look-up, TCP and TLS handshake block."""
        # As long as the will waits: a session that ends earlier would publish it at once.
        properties = _properties(
            PacketTypes.CONNECT,
            SessionExpiryInterval=self._options.will_delay_s,
            MaximumPacketSize=MAX_PACKET_BYTES,
        )
        client.connect(
            self._url.host,
            self._url.port,
            keepalive=self._options.keepalive_s,
            clean_start=False,
            properties=properties,
        )

    def _lost(self, reason: str) -> None:
        self.count.losses += 1
        if reason != self.reason:
            log.warning("no connection to the school's broker: %s", reason)
        self.reason = reason
        self._on_change()

    # -- paho's callbacks: note it, and nothing else --------------------------------------------

    def _connected(
        self, client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, properties: Any
    ) -> None:
        if code.is_failure:  # paho closes the connection and reports the reason
            self.refusal = str(code)
            return
        limit = getattr(properties, "MaximumPacketSize", None)
        self.max_packet_bytes = min(limit or MAX_PACKET_BYTES, MAX_PACKET_BYTES)
        # QoS 0: the school repeats what the board does not act on, and acknowledgements cost.
        client.subscribe(self._subscribe, qos=0)

    def _subscribed(
        self, _client: paho.Client, _data: Any, _mid: int, codes: list[ReasonCode], _properties: Any
    ) -> None:
        if any(code.is_failure for code in codes):
            self.count.refused += 1
            self.refusal = f"subscription: {codes[0]}"
        self._ready = self._was_ready = True
        self.reason = ""
        self.count.connects += 1
        self._on_change()

    def _arrived(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        if len(self.inbox) >= MAX_INBOX:
            self.count.dropped += 1
            return
        content_type = getattr(message.properties, "ContentType", "")
        self.inbox.append(Incoming(topic, content_type, bytes(message.payload)))
        self._on_change()

    def _published(
        self, _client: paho.Client, _data: Any, mid: int, code: ReasonCode, _properties: Any
    ) -> None:
        for_somebody = self._in_flight.pop(mid, False)
        if code.is_failure:
            self.count.refused += 1
            self.refusal = str(code)
        if for_somebody:
            self.unheard = code.value == NO_MATCHING_SUBSCRIBERS
            self.count.unheard += self.unheard
        if len(self._in_flight) == MAX_IN_FLIGHT - 1:  # there is room again
            self._on_change()


def _properties(packet: int, **values: str | int) -> Properties:
    properties = Properties(packet)
    for name, value in values.items():
        setattr(properties, name, value)
    return properties
