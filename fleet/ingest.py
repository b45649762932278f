"""Takes in what the boards publish, and tells them only what is durable.

paho's thread puts messages into a queue and does nothing else. One loop takes all that waits into
ONE transaction, and sends each board its receipt after the commit. A message that is lost on the
way, here too, is resent by its board.
"""

from __future__ import annotations

import hashlib
import logging
import queue
import socket
import sqlite3
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.wire import topics
from agent.wire.broker_url import parse_url
from agent.wire.codec import pack, unpack
from agent.wire.errors import PayloadInvalid, TopicInvalid
from agent.wire.payloads import (
    MAX_ITEMS,
    BadBatch,
    Batch,
    BoardState,
    Receipt,
    decode_batch,
    decode_board_state,
    decode_roll_up,
    encode,
)
from agent.wire.topics import Address
from fleet.broker import BrokerOptions, make_client, properties
from fleet.store import Store

log = logging.getLogger(__name__)

MAX_WAITING = 2000
"""Messages; what comes on top is dropped, and its board resends it."""
MAX_WAITING_BYTES = 64 * 1024 * 1024
"""The same, where they are large."""
MAX_GROUP = 200
LOOK_UP_S = 0.5
EARLY_S = 0.5
"""So long a batch waits for the one before it, which another worker of its share may hold."""
EARLY_LOOK_S = 0.005
MAX_EARLY = 100
STORE_RETRY_S = 1.0
MAX_PACKET_BYTES = 300 * 1024
LAST_RETRY_S = 2
"""All boards of the school wait for this one."""


class Message(NamedTuple):
    """What came. `arrived_s`: when, on the monotonic clock."""

    topic: str
    content_type: str
    payload: bytes
    arrived_s: float = 0.0


class Answer(NamedTuple):
    """What is said to a board after the commit."""

    topic: str
    payload: bytes
    content_type: str


class Said(NamedTuple):
    """What a board shall be told once the commit is done."""

    address: Address
    what: Receipt | BadBatch


class Counters(msgspec.Struct):
    """What has happened since start."""

    batches: int = 0
    events: int = 0
    duplicates: int = 0
    gaps: int = 0
    collisions: int = 0
    rejected: int = 0
    unreadable: int = 0
    malformed: int = 0
    dropped: int = 0
    commits: int = 0
    failed: int = 0


class Ingest:
    """One worker. `run` blocks until `stop`."""

    def __init__(
        self,
        broker: BrokerOptions,
        store: Store,
        *,
        share: str | None = None,
        on_ready: Callable[[], None],
    ) -> None:
        """Take everything, open nothing.

        `share`: workers of one share divide the batches among them; None: this one takes all.
        `on_ready` is called once subscribed.

        Raises:
            BrokerUrlInvalid: the broker's address cannot be used.
            TopicInvalid: the share's name cannot be used.
        """
        self.count = Counters()
        self._broker = broker
        self._url = parse_url(broker.url)
        self._share = share
        self._filters = [
            topics.every_board(topics.BATCH, share=share),
            topics.every_board(topics.SUM, share=share),
            # Births are retained, and a shared subscription delivers nothing retained.
            topics.every_board(topics.STATE),
        ]
        self._store = store
        self._on_ready = on_ready
        self._waiting: queue.Queue[Message] = queue.Queue(MAX_WAITING)
        self._early: list[Message] = []
        self._arrived_bytes = 0  # of paho's thread
        self._fetched_bytes = 0  # of the loop
        self._stopping = False
        self._was_ready = False
        self._away = False

    def stop(self) -> None:
        """Finish what is being taken in and return from `run`. Safe in a signal handler."""
        self._stopping = True

    def run(self) -> None:
        """Take in until stopped."""
        client = self._new_client()
        client.connect_async(
            self._url.host,
            self._url.port,
            keepalive=30,
            clean_start=True,
            properties=properties(PacketTypes.CONNECT, MaximumPacketSize=MAX_PACKET_BYTES),
        )
        client.loop_start()
        told = 0
        try:
            while not self._stopping:
                if self.count.dropped != told:
                    told = self.count.dropped
                    log.warning(
                        "%d messages had no room so far; their boards send them again", told
                    )
                for answer in self.take(self._group()):
                    if not client.is_connected():
                        break  # the boards resend, and hear it then
                    client.publish(
                        answer.topic,
                        answer.payload,
                        qos=1,
                        properties=properties(PacketTypes.PUBLISH, ContentType=answer.content_type),
                    )
        finally:
            client.disconnect()
            client.loop_stop()

    def _new_client(self) -> paho.Client:
        client = make_client(self._broker, "ingest")
        client.reconnect_delay_set(1, LAST_RETRY_S)
        client.on_socket_open = _at_once
        client.on_connect = self._connected
        client.on_connect_fail = self._unreached
        client.on_disconnect = self._disconnected
        client.on_subscribe = self._subscribed
        client.on_message = self._arrived
        return client

    # -- in paho's thread -----------------------------------------------------------------------

    def _unreached(self, _client: paho.Client, _data: Any) -> None:
        if not self._away:
            self._away = True
            where = f"{self._url.host}:{self._url.port}"
            log.warning("the broker at %s cannot be reached; tried again until it can", where)

    def _disconnected(
        self, _client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any
    ) -> None:
        if code.is_failure and not self._away:
            self._away = True
            log.warning("the connection to the broker ended (%s); tried again", code)

    def _connected(
        self, client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any
    ) -> None:
        if code.is_failure:
            log.error("the broker refused the connection: %s", code)
            return
        client.subscribe([(one, SubscribeOptions(qos=1)) for one in self._filters])

    def _subscribed(
        self, _client: paho.Client, _data: Any, _mid: int, codes: list[ReasonCode], _properties: Any
    ) -> None:
        refused = [str(code) for code in codes if code.is_failure]
        if refused:
            log.error("the broker refused a subscription: %s", refused[0])
            return
        if self._away:
            self._away = False
            log.info("connected to the broker")
        if not self._was_ready:
            self._was_ready = True
            self._on_ready()

    def _arrived(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        content_type = getattr(message.properties, "ContentType", "")
        size_bytes = len(message.payload)
        if self._arrived_bytes + size_bytes - self._fetched_bytes > MAX_WAITING_BYTES:
            self.count.dropped += 1
            return
        self._arrived_bytes += size_bytes
        try:
            self._waiting.put_nowait(
                Message(topic, content_type, bytes(message.payload), time.monotonic())
            )
        except queue.Full:
            self._arrived_bytes -= size_bytes
            self.count.dropped += 1

    # -- in the loop ----------------------------------------------------------------------------

    def _group(self) -> list[Message]:
        """All that waits, with what came early; after a while without any, that alone."""
        early, self._early = self._early, []
        try:
            group = [self._waiting.get(timeout=EARLY_LOOK_S if early else LOOK_UP_S)]
        except queue.Empty:
            return early
        while len(group) < MAX_GROUP:
            try:
                group.append(self._waiting.get_nowait())
            except queue.Empty:
                break
        self._fetched_bytes += sum(len(message.payload) for message in group)
        return early + group

    def take(self, group: list[Message]) -> list[Answer]:
        """One transaction; what may be said after it. When it fails nothing is said."""
        if not group:
            return []
        said: dict[tuple[str, str], Said] = {}
        try:
            with self._store.transaction():
                for message in group:
                    self._take_one(message, said)
        except sqlite3.OperationalError as error:
            log.error("nothing taken in, the boards will resend: %s", error)
            self.count.failed += 1
            time.sleep(STORE_RETRY_S)
            return []
        self.count.commits += 1
        return [_answer(one) for one in said.values()]

    def _take_one(self, message: Message, said: dict[tuple[str, str], Said]) -> None:
        now_ns = time.time_ns()
        try:
            address, direction, kind = topics.parse(message.topic)
            if direction != "up":
                raise TopicInvalid("not from a board")
        except TopicInvalid as error:
            self.count.malformed += 1
            log.warning("a message was skipped: %s", error)
            return
        try:
            json = unpack(message.content_type, message.payload)
            if kind == topics.BATCH:
                batch = decode_batch(json)
                if self._comes_early(message, address, batch):
                    self._early.append(message)
                else:
                    self._take_batch(address, batch, now_ns, said)
            elif kind == topics.STATE:
                self._take_state(address, decode_board_state(json), now_ns, said)
            elif kind == topics.SUM:
                self._store.take_roll_up(address, decode_roll_up(json), now_ns)
        except PayloadInvalid as error:
            log.warning("%s: could not be read: %s", message.topic, error)
            if kind != topics.BATCH:
                self.count.malformed += 1
                return
            self.count.unreadable += 1
            self._store.note_unreadable(address, now_ns)
            digest = hashlib.sha256(message.payload).hexdigest()
            said[address.device, digest] = Said(address, BadBatch(bad_batch=digest))

    def _comes_early(self, message: Message, address: Address, batch: Batch) -> bool:
        """Whether what is missing before a batch may be with another worker, about to be filed."""
        return (
            self._share is not None
            and len(self._early) < MAX_EARLY
            and time.monotonic() - message.arrived_s < EARLY_S
            and batch.items[0].seq > self._store.upto(address.device, batch.epoch) + 1
        )

    def _take_batch(
        self, address: Address, batch: Batch, now_ns: int, said: dict[tuple[str, str], Said]
    ) -> None:
        taken = self._store.take(address, batch, now_ns)
        self.count.batches += 1
        self.count.events += taken.new
        self.count.duplicates += taken.duplicates
        self.count.gaps += taken.gap
        if taken.collisions:
            self.count.collisions += taken.collisions
            log.warning(
                "%s: %d events under names that others have; they are kept in the table collision. "
                "Does a copy of this board's card run elsewhere?",
                address.device,
                taken.collisions,
            )
        rejected = taken.receipt.rejected
        self.count.rejected += len(rejected)
        receipt = taken.receipt
        before = said.get((address.device, str(batch.epoch)))
        if before is not None and isinstance(before.what, Receipt):
            rejected = sorted({*before.what.rejected, *rejected})[-MAX_ITEMS:]
            receipt = msgspec.structs.replace(
                receipt, rejected=rejected, taken=receipt.taken or before.what.taken
            )
        said[address.device, str(batch.epoch)] = Said(address, receipt)

    def _take_state(
        self, address: Address, state: BoardState, now_ns: int, said: dict[tuple[str, str], Said]
    ) -> None:
        self._store.take_state(address, state, now_ns)
        if not state.online:
            return
        # A board that hears this knows that somebody listens, even if nothing is held of it.
        nothing = [Receipt(epoch=max(state.epoch, 1), upto=0)]
        for receipt in self._store.receipts(address.device) or nothing:
            said.setdefault((address.device, str(receipt.epoch)), Said(address, receipt))


def _at_once(_client: paho.Client, _data: Any, sock: Any) -> None:
    """Receipts are small and awaited: the kernel must not gather them."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _answer(said: Said) -> Answer:
    packed = pack(encode(said.what))
    return Answer(said.address.dn(topics.ACK), packed.payload, packed.content_type)
