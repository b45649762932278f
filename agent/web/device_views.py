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


class PluggedDriverView(View, frozen=True, kw_only=True):
    """A driver that could be behind a device.

    Attributes:
        likeness: "fits" is sure; "possible" is for a person to choose.
        lines: for the settings file.
        needs_more: it needs more than a port, so that somebody must complete the lines.
    """

    driver: str
    likeness: Literal["fits", "possible"]
    lines: str
    needs_more: bool


class PluggedView(View, frozen=True, kw_only=True):
    """A device that is plugged in, and that no entry of the settings uses.

    Attributes:
        port: its name for the settings, one that outlasts replugging if there is any.
        device: the kernel's own name.
        usb: "1a86:7523", "" if it is not on USB.
        says: what it says of itself.
        bridge: the bare bridge chip that it is, "" if it is none that we know.
        drivers: what fits first.
    """

    bus: Literal["serial", "hid", "input", "smartcard"]
    port: str
    device: str
    usb: str
    says: str
    bridge: str
    drivers: list[PluggedDriverView]


class PluggedReply(View, frozen=True, kw_only=True):
    """What is plugged in and not used.

    Attributes:
        writable: whether the agent may write its settings file; else an admin copies the lines.
        undoable: devices that were taken into use from here since the start.
    """

    devices: list[PluggedView]
    writable: bool
    undoable: list[str]


class TakenReply(View, frozen=True, kw_only=True):
    """The device that is in use now."""

    id: str
