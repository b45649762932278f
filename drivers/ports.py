"""How a driver reaches hardware: handed in, so that a test hands in bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from drivers.capabilities import Outcome
from drivers.presence import Presence
from drivers.readings import KeyPress, Token
from drivers.receiver import Receivers


class ByteLine(Protocol):
    """An open line of bytes. Reading and writing raise `DeviceLost` when it goes away."""

    async def read(self) -> bytes:
        """Wait for bytes; give whatever has arrived, at least one."""

    def write(self, data: bytes) -> None:
        """Queue bytes for sending; never blocks."""

    def close(self) -> None:
        """Close the line; safe to call twice."""


class Axis(NamedTuple):
    """What the kernel knows of an axis.

    Attributes:
        value: where it is now.
        lowest: the least that it says.
        highest: the most.
        per_mm: units a millimetre; 0 if the device does not tell.
    """

    value: int
    lowest: int
    highest: int
    per_mm: int = 0


class SlotState(NamedTuple):
    """What the kernel knows of a slot: its contact (None: none), and where it is or last was.

    `pressure`: None where the device has no such axis.
    """

    contact: int | None
    x: int
    y: int
    pressure: int | None = None


class InputLine(ByteLine, Protocol):
    """An open input device, whose bytes are the kernel's records."""

    def axis(self, code: int) -> Axis | None:
        """What the kernel knows of an axis; None if there is no such axis, or nobody knows."""

    def slots(self) -> tuple[int, Mapping[int, SlotState]]:
        """The slot that its records are of, and what is in every slot; nothing if nobody knows."""


class CardSlot(Protocol):
    """An open reader of chip cards: one card at a time. Raises `DeviceLost` when it goes away.

    Attributes:
        name: what the reader is called, for people.
    """

    name: str

    async def change(self) -> bytes | None:
        """Wait until a card is laid down or taken away; its ATR, None when there is none now.

        The first time it does not wait. A card swapped unseen is a change, too, and so is, a little
        later, one that still lies there and gave no answer: it can be asked again.
        """

    async def ask(self, command: bytes) -> bytes:
        """Send an APDU to the card that lies there; its answer, or b"" if it gave none.

        Raises:
            DeviceLost: the reader is gone.
            DeviceMisconfigured: this user may not speak to cards.
        """

    async def close(self) -> None:
        """Let go of the reader; safe to call twice."""


class Phones(Protocol):
    """Answers given on the students' page, waiting for the `phone` driver."""

    async def take(self) -> Sequence[KeyPress]:
        """Wait for presses; give all that wait. `device` is filled in by the driver."""

    def confirm(self, outcomes: Sequence[tuple[Token, Outcome]]) -> None:
        """Tell the phones what became of their presses."""

    def counters(self) -> dict[str, int]:
        """What the page did not take, and told the phone so."""


class Ports(Protocol):
    """All that a driver may use of the world outside it."""

    async def serial(self, path: str, *, baud: int) -> ByteLine:
        """Open a serial port, 8N1, exclusively, without resetting what hangs behind it.

        Raises:
            DeviceLost: the port is not there, or is in use.
            DeviceMisconfigured: no permission, or not a serial port.
        """

    async def hid(self, port: str) -> ByteLine:
        """Open a HID device: a path, or a USB id such as "1881:0150" for the only one that has it.

        Each `read` gives whole reports, and each `write` takes one; neither bears a report number.

        Raises:
            DeviceLost: it is not there.
            DeviceMisconfigured: no permission, or more than one has this USB id.
        """

    async def input(self, port: str, *, grab: bool, key: int | None = None) -> InputLine:
        """Open an input device, by path or USB id; `read` gives the kernel's records.

        `grab`: keep its keys from the desktop. `key`: a key that the right one has, should several
        bear the USB id. Decoded by `drivers.evdev.EventDecoder`.

        Raises:
            DeviceLost: it is not there.
            DeviceMisconfigured: no permission, taken by another program, or not the only one.
        """

    async def card_slot(self, port: str) -> CardSlot:
        """Open a PC/SC reader by a part of its name, or the only one there is with "".

        Raises:
            DeviceLost: the reader is not there, or the service that reads it is not.
            DeviceMisconfigured: the library is not installed, no permission, or not the only one.
        """

    def presence(self, device_id: str) -> Presence:
        """What lies on a card reader: the same as long as the agent runs.

        A driver that is started again so knows a card that has lain there all the time.
        """

    @property
    def receivers(self) -> Receivers:
        """Our own receivers, each opened once for all that hangs on it."""

    def now_ns(self) -> int:
        """The host's CLOCK_BOOTTIME in ns."""

    @property
    def phones(self) -> Phones:
        """The students' page."""
