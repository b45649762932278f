"""Students' phones, which answer on the board's own page. One device stands for all of them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from drivers.api import Decoder, Driver, Emit
from drivers.capabilities import Outcome
from drivers.readings import Attached, Token


class Phone(Driver):
    """The students' page as a device: a keypad is a seat."""

    @classmethod
    def decoder(cls, device_id: str) -> Decoder | None:
        """None: phones speak HTTP, and the page has taken it apart already."""
        return None

    async def run(self, emit: Emit) -> None:
        """Pass on what the page takes until cancelled."""
        await emit(Attached(device=self.device_id, mono_ns=self.ports.now_ns()))
        while True:
            for press in await self.ports.phones.take():
                await emit(msgspec.structs.replace(press, device=self.device_id))

    def counters(self) -> dict[str, int]:
        """What the page did not take, and told the phone so."""
        return self.ports.phones.counters()

    def confirm(self, outcomes: Sequence[tuple[Token, Outcome]]) -> None:
        """Let the phones show their ticks."""
        self.ports.phones.confirm(outcomes)
