"""The driver contract: open a device, emit what it says, close it.

A driver's file name is its registration: `driver = "clicker.acme"` names
`drivers/clicker/acme.py`, which has exactly one `Driver` subclass.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Protocol

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


class Decoder(Protocol):
    """Bytes to readings, without I/O. Resynchronises after junk and bounds its buffer."""

    @property
    def junk_bytes(self) -> int:
        """How many bytes belonged to no valid frame so far."""

    def feed(self, data: bytes, now_ns: int) -> Sequence[Reading]:
        """Take the next bytes off the line; give the readings they complete."""


class Driver(ABC):
    """One physical device."""

    Options: ClassVar[type[_AnyOptions]] = _AnyOptions

    def __init__(self, device_id: str, options: _AnyOptions, *, ports: Ports) -> None:
        """Take everything, open nothing."""
        self.device_id = device_id
        self.options = options
        self.ports = ports

    @classmethod
    @abstractmethod
    def decoder(cls, device_id: str) -> Decoder | None:
        """A fresh decoder of this device's bytes; None if it has none (a phone)."""

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
