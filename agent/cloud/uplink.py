"""The board's outbox goes to the school, and what the school says comes back.

One task does it all: take in what came, send what is due, wait. So nothing here runs twice at once.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from agent.cloud.delivery import Counters, Delivery, Outbox
from agent.cloud.jobs import PAUSE_S, Jobs
from agent.cloud.mqtt import CloudOptions, MqttClient, MqttCounters, Will
from agent.cloud.shipment import MAX_BATCH_BYTES, WallClock
from agent.wire import topics
from agent.wire.codec import pack, unpack
from agent.wire.errors import PayloadInvalid, TopicInvalid
from agent.wire.payloads import (
    BadBatch,
    BoardState,
    DeviceReport,
    RollUp,
    StorageReport,
    decode_ack,
    decode_job,
    encode,
)
from agent.wire.topics import Address

log = logging.getLogger(__name__)

STOP_S = 2.0
MAX_ROLL_UPS = 200
"""Roll-ups that wait for a connection; the official ones are counted from the events."""
SMALL_BATCH_BYTES = 4096
"""What answers of a class come to; nothing waits for the receipt of such a batch."""
BODY_ROOM_BYTES = 2048
"""Of the broker's largest packet, what topic and properties take at most."""


class UplinkState(msgspec.Struct, frozen=True, kw_only=True):
    """The line to the school, for the pages and for health.

    Attributes:
        waiting: events without the school's receipt.
        reason: why there is no connection, or what the broker refused; "" if nothing.
        nobody_listens: the broker took the newest batch and had nobody to give it to.
        malformed: messages from the school's side that could not be read.
        aside: events that the school did not take, ever; they stay in the journal.
    """

    link: Literal["off", "connecting", "connected"]
    waiting: int
    epoch: int
    upto: int
    reason: str
    nobody_listens: bool
    malformed: int
    aside: int
    delivery: Counters
    mqtt: MqttCounters


class Uplink:
    """Publishes every event until the school's own receipt. An async context manager.

    A crash inside ends `watch`; the rest goes on without it.
    """

    def __init__(
        self,
        options: CloudOptions | None,
        address: Address,
        outbox: Outbox,
        clock: WallClock,
        *,
        boot: str,
        versions: Mapping[str, str],
        devices: Callable[[], list[DeviceReport]] = list,
        storage: Callable[[], StorageReport] = StorageReport,
        damaged: Callable[[], Sequence[Path]] = list,
        on_receipt: Callable[[int, int], None] = lambda _epoch, _upto: None,
        on_name_taken: Callable[[int], None] = lambda _epoch: None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Take everything, open nothing.

        Args:
            options: where the broker is; None: this board has no school, events only wait.
            address: the board's place and its id.
            outbox: the journal.
            clock: what the board knows of the time.
            boot: the kernel's id of this power-on.
            versions: of the agent and what else carries one.
            devices: how the hardware is now.
            storage: how much room there is for answers.
            damaged: files that were set aside, which the school may ask for.
            on_receipt: told (epoch, upto) of every receipt that was news.
            on_name_taken: told the newest epoch if somebody else writes under its name; what
                comes next needs a new one. Told again until there is one.
            jitter: numbers from 0 to 1.

        Raises:
            BrokerUrlInvalid: the broker's address cannot be used.
            TopicInvalid: a part of the address is not a code.
        """
        self._address = address.checked()
        self._outbox = outbox
        self._clock = clock
        self._boot = boot
        self._versions = dict(versions)
        self._devices = devices
        self._storage = storage
        self._jobs = Jobs(damaged)
        self._job_due_s = 0.0
        self._on_receipt = on_receipt
        self._delivery = Delivery(outbox, clock, jitter=jitter, on_name_taken=on_name_taken)
        self._roll_ups: deque[RollUp] = deque(maxlen=MAX_ROLL_UPS)
        self._malformed = 0
        self._seen_connects = 0
        self._announced = True
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._mqtt: MqttClient | None = None
        if options is not None:
            death = encode(BoardState(online=False, boot=boot))
            self._mqtt = MqttClient(
                options,
                address.device,
                will=Will(address.up(topics.STATE), pack(death)),
                subscribe=address.dn("+"),
                on_change=self._wake.set,
                jitter=jitter,
            )

    async def __aenter__(self) -> Uplink:
        """Begin; the connection is made in the background."""
        self._delivery.open()
        if self._mqtt is not None:
            self._tasks = [
                asyncio.create_task(self._mqtt.run(), name="mqtt"),
                asyncio.create_task(self._work(self._mqtt), name="uplink"),
            ]
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Say goodbye to the school and stop. What is in flight stays in the journal."""
        if self._mqtt is None:
            return
        crashed = any(task.done() for task in self._tasks)
        self._tasks[1].cancel()
        if not crashed:  # else the broker tells it: nothing here can be relied on
            await self._say_goodbye(self._mqtt)
        self._tasks[0].cancel()
        await asyncio.wait(self._tasks)

    async def _say_goodbye(self, mqtt: MqttClient) -> None:
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + STOP_S
        self._publish_state(mqtt, online=False)
        while (  # noqa: ASYNC110 (nobody tells)
            mqtt.connected and not mqtt.settled and loop.time() < deadline_s
        ):
            await asyncio.sleep(0.01)
        mqtt.disconnect()

    async def watch(self) -> None:
        """Wait for ever; end only by raising what crashed the uplink."""
        if not self._tasks:
            await asyncio.Event().wait()
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    # -- what the agent says ------------------------------------------------------------------

    def committed(self, epoch: int, seq: int) -> None:
        """Events up to this one are durable. In the loop, after each commit."""
        self._delivery.committed(epoch, seq)
        if not self._delivery.busy:
            self._wake.set()

    def hold(self) -> None:
        """Send no events until `release`; everything else goes on."""
        self._delivery.hold()

    def release(self) -> None:
        """The journal is all there: take up again what the school has no receipt for."""
        self._delivery.release()
        self.announce()

    def announce(self) -> None:
        """Something in the board's state changed, such as a device."""
        self._announced = False
        self._wake.set()

    def publish_rollup(self, roll_up: RollUp) -> None:
        """Counts of a closed question; the newest 200 wait for a connection."""
        if self._mqtt is not None:
            self._roll_ups.append(roll_up)
            self._wake.set()

    @property
    def state(self) -> UplinkState:
        """How the line is now."""
        mqtt, delivery = self._mqtt, self._delivery
        link: Literal["off", "connecting", "connected"] = "off"
        if mqtt is not None:
            link = "connected" if mqtt.connected else "connecting"
        return UplinkState(
            link=link,
            waiting=delivery.waiting,
            epoch=delivery.epoch,
            upto=delivery.upto,
            reason=(mqtt.reason or mqtt.refusal) if mqtt is not None else "",
            nobody_listens=mqtt is not None and mqtt.unheard,
            malformed=self._malformed,
            aside=delivery.aside,
            delivery=delivery.count,
            mqtt=mqtt.count if mqtt is not None else MqttCounters(),
        )

    # -- the one task -------------------------------------------------------------------------

    async def _work(self, mqtt: MqttClient) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            self._take_in(mqtt, loop.time())
            wait_s = None
            if mqtt.connected:
                if mqtt.count.connects != self._seen_connects:
                    self._seen_connects = mqtt.count.connects
                    self._announced = False
                    self._delivery.reconnected()
                    room = mqtt.max_packet_bytes - BODY_ROOM_BYTES
                    self._delivery.packer.max_batch_bytes = min(MAX_BATCH_BYTES, room)
                self._send(mqtt, loop.time())
                wait_s = self._delivery.wait_s(loop.time())
                if self._jobs.next is not None:
                    job_s = max(self._job_due_s - loop.time(), 0.0)
                    wait_s = job_s if wait_s is None else min(wait_s, job_s)
            if wait_s is None:
                await self._wake.wait()
                continue
            timer = loop.call_later(wait_s, self._wake.set)
            await self._wake.wait()
            timer.cancel()

    def _send(self, mqtt: MqttClient, now_s: float) -> None:
        if not self._announced:
            self._announced = self._publish_state(mqtt, online=True)
        while (batch := self._delivery.due(now_s, on_its_way=mqtt.on_its_way)) is not None:
            if not mqtt.publish(self._address.up(topics.BATCH), batch, for_somebody=True):
                break  # it is sent again later
            if len(batch.payload) < SMALL_BATCH_BYTES:
                mqtt.rest()
        while self._roll_ups:
            packed = pack(encode(self._roll_ups[0]))
            if not mqtt.publish(self._address.up(topics.SUM), packed):
                return
            self._roll_ups.popleft()
        saying = self._jobs.next
        if saying is not None and now_s >= self._job_due_s:
            self._job_due_s = now_s + PAUSE_S
            if mqtt.publish(self._address.up(saying.kind), pack(encode(saying.payload))):
                self._jobs.said()

    def _publish_state(self, mqtt: MqttClient, *, online: bool) -> bool:
        epoch, _ = self._outbox.newest()
        state = BoardState(
            online=online,
            boot=self._boot,
            epoch=epoch,
            versions=self._versions,
            backlog=self._delivery.waiting,
            clock=self._clock.wall(self._boot, 0)[1],
            storage=self._storage(),
            devices=self._devices() if online else [],
        )
        return mqtt.publish(self._address.up(topics.STATE), pack(encode(state)), retain=True)

    def _take_in(self, mqtt: MqttClient, now_s: float) -> None:
        while mqtt.inbox:
            topic, content_type, payload = mqtt.inbox.popleft()
            try:
                kind = topics.parse(topic).kind
                if kind == topics.JOB:
                    self._jobs.take(decode_job(unpack(content_type, payload)))
                    continue
                if kind != topics.ACK:  # the twin is for later versions
                    continue
                ack = decode_ack(unpack(content_type, payload))
            except (TopicInvalid, PayloadInvalid) as error:
                self._malformed += 1
                log.warning("a message from the school could not be read: %s", error)
                continue
            if isinstance(ack, BadBatch):
                self._delivery.bad_batch(ack)
            elif self._delivery.receipt(ack, now_s):
                self._on_receipt(ack.epoch, ack.upto)
