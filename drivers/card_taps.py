"""Card readers that send bytes as long as a card lies there: one tap each time it is laid down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from drivers.api import Emit
from drivers.ports import ByteLine
from drivers.presence import Presence
from drivers.readings import Attached, CardTap


class TapDecoder(Protocol):
    """Bytes to every card that was read, repeats and all."""

    def feed(self, data: bytes, now_ns: int) -> Sequence[CardTap]:
        """The cards that `data` completes."""


async def run_taps(
    line: ByteLine,
    decoder: TapDecoder,
    presence: Presence,
    emit: Emit,
    *,
    device_id: str,
    now_ns: Callable[[], int],
) -> None:
    """Read an open line until cancelled, and close it. Raises DeviceLost when it goes away."""
    try:
        await emit(Attached(device=device_id, mono_ns=now_ns()))
        while True:
            data = await line.read()
            read_ns = now_ns()
            for tap in decoder.feed(data, read_ns):
                if presence.arrives(tap.uid, read_ns):
                    await emit(tap)
    finally:
        line.close()
