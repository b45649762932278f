"""The driver contract: open a device, emit what it says, close it.

A driver's file name is its registration: `driver = "clicker.acme"` names
`drivers/clicker/acme.py`, which has exactly one `Driver` subclass.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict

from drivers.ports import Ports
from drivers.readings import Reading

REFUSED = "receiver_refused"
"""Counter: presses that the hardware had no room for. It shows them no tick."""


class Emit(Protocol):
    """Where a driver's readings go."""

    async def __call__(self, *readings: Reading) -> None:
        """Take readings, in order. Waits for room in the queue, not for the commit."""


class Options(BaseModel):
    """What an installation may say of one device. Unknown keys are refused.

    Subclasses describe each field, with its unit, by `Field(description=...)`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


_AnyOptions = Options  # inside Driver the name means the subclass's own


Bus = Literal["", "serial", "hid", "input", "smartcard"]
"""Where a device hangs, as far as the computer can tell; "": nowhere (phones)."""


class Fits(NamedTuple):
    """By what a device of a driver is known before it is opened.

    Attributes:
        bus: where it hangs.
        usb: USB ids that stand for this device and for nothing else, e.g. "1881:0150". Never that
            of a bare bridge chip, behind which anything may hang.
        keys: codes of keys that an input device must have.
        axes: codes of absolute axes that an input device must have.
        asks: options that a person must choose beside the port, though they have usual values.
    """

    bus: Bus
    usb: tuple[str, ...] = ()
    keys: frozenset[int] = frozenset()
    axes: frozenset[int] = frozenset()
    asks: tuple[str, ...] = ()


class Decoder(Protocol):
    """Bytes to readings, without I/O. Resynchronises after junk and bounds its buffer."""

    @property
    def junk_bytes(self) -> int:
        """How many bytes belonged to no valid frame so far."""

    def feed(self, data: bytes, now_ns: int) -> Sequence[Reading]:
        """Take the next bytes off the line; give the readings they complete."""


class Cover(Protocol):
    """Tells what may be shown of a line on which cards' numbers may pass, without I/O."""

    def feed(self, data: bytes, now_ns: int) -> Sequence[tuple[bytes, bool]]:
        """Take the next bytes off the line; those that are understood now, and whether to show.

        Shown is only what is surely no card's: a whole frame of a known kind. What is held back
        until its end has come is bounded.
        """


class Driver(ABC):
    """One physical device.

    `shares_port`: devices of other drivers that say so too may name the same port.
    """

    shares_port: ClassVar[bool] = False
    Options: ClassVar[type[_AnyOptions]] = _AnyOptions
    FITS: ClassVar[Fits] = Fits("")
    CARD_NUMBERS: ClassVar[bool] = False
    """Whether what it sends may hold a card's number: then no byte is shown but by `cover`."""

    def __init__(self, device_id: str, options: _AnyOptions, *, ports: Ports) -> None:
        """Take everything, open nothing."""
        self.device_id = device_id
        self.options = options
        self.ports = ports

    @classmethod
    @abstractmethod
    def decoder(cls, device_id: str) -> Decoder | None:
        """A fresh decoder of this device's bytes; None if it has none (a phone)."""

    @classmethod
    def cover(cls) -> Cover | None:
        """What finds the bytes that may be shown where there are CARD_NUMBERS; None: none may."""
        return None

    @abstractmethod
    async def run(self, emit: Emit) -> None:
        """Run until cancelled. Emit `Attached` first: that is the readiness signal.

        `await emit(reading)` waits for room in the queue, not for the commit.

        Raises:
            DeviceLost: the device went away; retried with back-off.
            DeviceMisconfigured: a person must act; not retried.
        """

    def counters(self) -> dict[str, int]:
        """What the driver counted since it began to run, e.g. junk_bytes, bad_frames, repeats."""
        return {}
