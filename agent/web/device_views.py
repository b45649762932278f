"""What the pages are sent of devices: a card each, its keypads, and its live monitor.

A card's number (UID) is in none of them.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from agent.web.view import View


class MeasurementView(View, frozen=True, kw_only=True):
    """The newest value of a sensor. `measured_ago_ms` None: it told it before the last start."""

    quantity: str
    value: float
    unit: str
    measured_ago_ms: int | None


class LastReadingView(View, frozen=True, kw_only=True):
    """What a device said last; no answer, and no card's number.

    Attributes:
        kind: "KeyPress", "CardTap", "RemoteKey" and so on.
        what: the keypad that was pressed, the presenter's key, the value; "" if nothing is told.
        read_ago_ms: how long ago it happened.
    """

    kind: str
    what: str
    read_ago_ms: int


class DeviceView(View, frozen=True, kw_only=True):
    """One device. `code` says why it is not ready; "" if it is.

    Attributes:
        refused: presses that it had no room for, and showed no tick, since its power came on.
        measured: the newest value of a sensor, None of any other device.
        alarms: what is the matter though it works, e.g. "keypad_flood".
        can: "locate" if it can make itself seen, "keypads" if it knows how its keypads are,
            "flash" if its firmware can be written.
        last: what it said last since the start, None if nothing.
        readings: how much it has said since the start.
    """

    id: str
    driver: str
    state: Literal["starting", "ready", "lost", "misconfigured", "held", "stopped"]
    code: str
    hint: str
    facts: dict[str, str]
    counters: dict[str, int]
    refused: int
    measured: MeasurementView | None
    alarms: list[str] = msgspec.field(default_factory=list)
    can: list[str] = msgspec.field(default_factory=list)
    last: LastReadingView | None = None
    readings: int = 0


class KeypadView(View, frozen=True, kw_only=True):
    """How a keypad is, as it last said; null where it does not.

    Attributes:
        keypad: its id.
        rssi_dbm: strength of its signal at the receiver.
        power: state of its battery, in the maker's own measure.
    """

    keypad: str
    rssi_dbm: int | None
    power: int | None


class MonitorLine(View, frozen=True, kw_only=True):
    """Something that passed between a device and the board.

    Attributes:
        way: bytes from the device ("in"), bytes to it ("out"), or what they mean ("reading").
        passed_ago_ms: how long before the event was sent.
        text: the first bytes in hex, "" where they may hold a card's number; of a reading JSON.
        count_bytes: how many bytes there were; 0 of a reading.
    """

    way: Literal["in", "out", "reading"]
    passed_ago_ms: int
    text: str
    count_bytes: int


class MonitorView(View, frozen=True, kw_only=True):
    """What passed since the event before; the first event comes at once.

    Attributes:
        lines: the oldest first.
        missed: how much passed, since the monitor was opened, that was too much to send.
    """

    lines: list[MonitorLine]
    missed: int


class FlashView(View, frozen=True, kw_only=True):
    """How far writing firmware to a device is, or how it ended.

    Attributes:
        version: of the image.
        was: the version before; "" if none is known.
        percent: of writing or verifying, else 0.
        code: why it failed; "" if it did not. `hint` says what to do.
    """

    phase: Literal["asking", "entering", "writing", "verifying", "starting", "done", "failed"]
    version: str
    was: str
    percent: int
    code: str
    hint: str
