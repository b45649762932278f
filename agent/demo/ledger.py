"""What was pressed, and when it showed on the page and was received by the school: measured."""

from __future__ import annotations

import sqlite3
import statistics
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from agent.clock import now_ns
from agent.web.views import TeacherView
from agent.wire.broker_url import parse_url
from agent.wire.codec import unpack
from agent.wire.errors import PayloadInvalid
from agent.wire.payloads import Receipt, decode_ack
from agent.wire.topics import Address

PRESS_KINDS = ("ResponseRecorded", "ResponseRejected", "PressUnasked")


class Pressed(msgspec.Struct):
    """One press of a virtual student. Times on CLOCK_BOOTTIME, 0 if it has not happened."""

    token: str
    keypad: str
    key: str
    question: int
    at_ns: int
    ticked_ns: int = 0
    verdict: str = ""
    shown_ns: int = 0
    received_ns: int = 0


class Percentiles(msgspec.Struct):
    """Of a latency, in ms; None where nothing was measured."""

    p50: float | None
    p99: float | None


class Held(NamedTuple):
    """A press as the school's database holds it."""

    epoch: int
    seq: int
    kind: str
    token: str


class Ledger:
    """All presses of a run."""

    def __init__(self) -> None:
        self.presses: dict[str, Pressed] = {}
        self.refused = 0
        self._unshown: dict[str, list[Pressed]] = {}

    def press(self, token: str | None, keypad: str, key: str, question: int, at_ns: int) -> None:
        """A key was pressed. No token: the receiver had no room, and showed no tick."""
        if token is None:
            self.refused += 1
            return
        pressed = Pressed(token, keypad, key, question, at_ns)
        self.presses[token] = pressed
        if question:
            self._unshown.setdefault(keypad, []).append(pressed)

    def tick(self, token: str, verdict: str) -> None:
        """The clicker or phone showed what became of it; a repeat changes nothing."""
        pressed = self.presses[token]
        if not pressed.ticked_ns:
            pressed.ticked_ns, pressed.verdict = now_ns(), verdict

    def page(self, view: TeacherView) -> None:
        """The teacher's page shows this now. A press is shown when it, or a later one, is."""
        if not self._unshown or view.lesson is None or view.lesson.question is None:
            return
        at_ns = now_ns()
        number = view.lesson.question.asked.number
        for respondent in view.lesson.respondents:
            for keypad in respondent.keypads:
                waiting = self._unshown.get(keypad)
                if not waiting:
                    continue
                keys = [one.key if one.question == number else None for one in waiting]
                if respondent.key not in keys:
                    continue
                newest = len(keys) - keys[::-1].index(respondent.key)
                for one in waiting[:newest]:
                    one.shown_ns = at_ns
                del waiting[:newest]

    @property
    def unticked(self) -> int:
        """Presses whose clicker waits for its light."""
        return sum(not one.ticked_ns for one in self.presses.values())

    def compare(self, database: Path, receipts: Receipts) -> list[Held]:
        """Look every press up in the ingest's own database, and when its receipt came."""
        held = read_database(database)
        for one in held:
            pressed = self.presses.get(one.token)
            if pressed is not None:
                pressed.received_ns = receipts.at_ns(one.epoch, one.seq)
        return held

    def latency_ms(self, field: str) -> Percentiles:
        """From the press to `field` (a time of `Pressed`), over all that got there."""
        took = sorted(
            (getattr(one, field) - one.at_ns) / 1e6
            for one in self.presses.values()
            if getattr(one, field)
        )
        if not took:
            return Percentiles(None, None)
        p99 = took[min(len(took) - 1, int(len(took) * 0.99))]
        return Percentiles(round(statistics.median(took), 1), round(p99, 1))


class Receipts:
    """Listens for the school's receipts beside the board, on a connection of its own."""

    def __init__(self, broker_url: str, address: Address) -> None:
        """Take everything, open nothing."""
        self._broker = parse_url(broker_url)
        self._topic = address.dn("ack")
        self._seen: list[tuple[int, int, int]] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe(self._topic, qos=1)
        self._client.on_message = self._message

    def __enter__(self) -> Receipts:
        """Connect."""
        self._client.connect(self._broker.host, self._broker.port)
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def _message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        at_ns = now_ns()
        content_type = getattr(message.properties, "ContentType", "application/json")
        try:
            ack = decode_ack(unpack(content_type, bytes(message.payload)))
        except PayloadInvalid:
            return
        if isinstance(ack, Receipt):
            self._seen.append((ack.epoch, ack.upto, at_ns))

    def at_ns(self, epoch: int, seq: int) -> int:
        """When the first receipt that covers this event came; 0 if none did."""
        return next((at for e, upto, at in self._seen if e == epoch and upto >= seq), 0)

    def upto(self, epoch: int) -> int:
        """How far the school's receipts reach."""
        return max((upto for e, upto, _ in self._seen if e == epoch), default=0)


def read_database(database: Path) -> list[Held]:
    """Every press that the school's database holds."""
    db = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        rows = db.execute(
            "select epoch, seq, kind, json_extract(body, '$.token') from event"
            " where kind in (?, ?, ?) order by epoch, seq",
            PRESS_KINDS,
        ).fetchall()
    finally:
        db.close()
    return [Held(*row) for row in rows]


def count_duplicates(held: list[Held]) -> int:
    """Presses held more often than once: each surplus row counts."""
    return sum(count - 1 for count in Counter(one.token for one in held).values())
