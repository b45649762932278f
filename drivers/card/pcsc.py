"""Card readers of the PC/SC kind (CCID: ACR122U, HID Omnikey and the like), through pcscd.

The reader says when a card is laid down and taken away, and what its ATR is. The command
FF CA 00 00 00 is for the reader, which answers with the UID of a contactless card, in wire order,
and 90 00. A contact card, or a reader for those only, refuses it: such a card names nobody.

What lies on a reader is kept while it is away: after a restart of pcscd, or of the driver, the card
that has lain there all the time is no second tap.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from drivers import api
from drivers.errors import DeviceLost
from drivers.ports import CardSlot, Ports
from drivers.readings import Attached, CardTap

GET_UID = bytes.fromhex("FFCA0000")
ANY_LENGTH = b"\x00"
WELL = {0x9000, 0x6282}
"""6282: the UID is shorter than was asked for; it is there all the same."""
WRONG_LENGTH = 0x6C
NO_INFORMATION = {0x6300, 0x6F00}
"""The card was asked, and gave nothing: it has left the field."""
UID_BYTES = range(4, 11)
RANDOM = 0x08
"""A UID of four bytes that begins so is made up anew each time: phones, passports."""


class PcscOptions(api.Options):
    """Settings of one reader."""

    port: str = Field(
        default="",
        description="A part of the reader's name, e.g. ACR122U; without it, the only reader",
    )


class Pcsc(api.Driver):
    """One reader."""

    Options: ClassVar[type[api.Options]] = PcscOptions
    FITS = api.Fits("smartcard")
    CARD_NUMBERS = True

    def __init__(self, device_id: str, options: PcscOptions, *, ports: Ports) -> None:
        super().__init__(device_id, options, ports=ports)
        self._port = options.port
        self._counts = {"repeats": 0, "cards_unread": 0, "random_uids": 0}
        self._unread = False

    @classmethod
    def decoder(cls, device_id: str) -> api.Decoder | None:
        """None: cards are asked one by one, there is no stream of bytes."""
        return None

    async def run(self, emit: api.Emit) -> None:
        """Read cards until cancelled. Raises DeviceLost while a card lies there that has no UID."""
        slot = await self.ports.card_slot(self._port)
        presence = self.ports.presence(self.device_id)
        try:
            uid = await self._read(slot, await slot.change())
            presence.returns(self.ports.now_ns())
            facts = {"reader": slot.name}
            await emit(Attached(device=self.device_id, mono_ns=self.ports.now_ns(), facts=facts))
            while True:
                now_ns = self.ports.now_ns()
                if uid and presence.arrives(uid, now_ns, stays=True):
                    await emit(CardTap(device=self.device_id, mono_ns=now_ns, uid=uid))
                elif uid:
                    self._counts["repeats"] += 1
                atr = await slot.change()
                if uid:
                    presence.leaves(uid, self.ports.now_ns())
                uid = await self._read(slot, atr)
        finally:
            await slot.close()

    async def _read(self, slot: CardSlot, atr: bytes | None) -> str:
        """The UID of the card that lies there; "" if there is none, or it names nobody."""
        if atr is None:
            self._unread = False
            return ""
        answer = await slot.ask(GET_UID + ANY_LENGTH)
        if answer[-2:-1] == bytes((WRONG_LENGTH,)):
            answer = await slot.ask(GET_UID + answer[-1:])
        uid = uid_of(answer)
        if uid is None:
            hint = f"it has no UID (ATR {atr.hex().upper()}): take it away, use a contactless card"
            raise DeviceLost("card_without_uid", slot.name, hint)
        self._counts["cards_unread"] += uid == "" and not self._unread
        self._unread = uid == ""
        if len(uid) == 2 * UID_BYTES.start and bytes.fromhex(uid)[0] == RANDOM:
            self._counts["random_uids"] += 1
            return ""
        return uid

    def counters(self) -> dict[str, int]:
        """Cards that simply lay there, that left before they were read, that made up a UID."""
        return self._counts.copy()


def uid_of(answer: bytes) -> str | None:
    """The UID in what a reader answered: "" if the card left, None if it cannot say one."""
    uid, status = answer[:-2], int.from_bytes(answer[-2:])
    if not answer or status in NO_INFORMATION:
        return ""
    return uid.hex().upper() if status in WELL and len(uid) in UID_BYTES else None
