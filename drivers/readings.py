"""What hardware says. A reading knows a device and a time; no student, no lesson."""

from __future__ import annotations

from typing import Literal

import msgspec

Token = str
"""A device's own name for one press or tap. Opaque to everybody but its driver; the same token
from the same device is the same press, however often it arrives."""


class Reading(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag=True):
    """The base of all readings.

    Attributes:
        device: id of the device in the settings.
        mono_ns: when it happened, on the host's CLOCK_BOOTTIME, in ns. A receiver with a clock
            of its own maps its time to the host's; it may then lie before this boot (negative).
        token: names the press for `Confirms` and for finding repeats; None if the device
            neither repeats nor can be told.
    """

    device: str
    mono_ns: int
    token: Token | None = None


class Attached(Reading, frozen=True, kw_only=True):
    """The device is open and ready. `facts` is what it said of itself (firmware, serial number)."""

    facts: dict[str, str] = {}


class KeyPress(Reading, frozen=True, kw_only=True, gc=False):
    """One complete answer of one keypad.

    Attributes:
        keypad: the keypad's own id, upper-case hex in wire order, or a phone's seat.
        item: number of the question the keypad named, None if it only said a key.
        key: "A", "AC", "12.5", "true"; "" takes the answer back.
        uncertainty_ns: how far `mono_ns` may be off; None if nothing is known of that.
    """

    keypad: str
    item: int | None = None
    key: str
    uncertainty_ns: int | None = None


class CardTap(Reading, frozen=True, kw_only=True):
    """A card was laid on a reader. `uid`: upper-case hex in wire order; not stored, not logged."""

    uid: str


class Measurement(Reading, frozen=True, kw_only=True):
    """What a sensor of the room measured, e.g. quantity "co2", value 812.0, unit "ppm"."""

    quantity: str
    value: float
    unit: str


RemoteAction = Literal["next", "previous", "start", "blank"]


class RemoteKey(Reading, frozen=True, kw_only=True):
    """A key of the teacher's presenter."""

    action: RemoteAction


class Stroke(Reading, frozen=True, kw_only=True):
    """One line drawn on a whiteboard, or wiped from it.

    Attributes:
        tool: what drew it.
        points: (x_mm, y_mm, ms since its first point), x to the right and y down from the
            board's upper left corner.
        pressures: 0 to 1, one a point; none if the pen tells none.
    """

    tool: Literal["pen", "eraser"] = "pen"
    points: tuple[tuple[float, float, int], ...]
    pressures: tuple[float, ...] = ()


class ToolLifted(Reading, frozen=True, kw_only=True):
    """A pen or the eraser was taken from the whiteboard's tray, or put back."""

    tool: str
    lifted: bool
