"""A virtual contactless card on Debian's virtual PC/SC reader (vsmartcard-vpcd), beside pcscd.

The reader listens on a port of this machine; a card is a connection to it. Both send a length of
two bytes, the highest first, and that many bytes. One byte is for the card as a chip: 0 power off,
1 power on, 2 reset, 4 what is your ATR (the only one to be answered; also how the reader asks
whether the card is there). Anything else is an APDU, and is answered.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress

HOST = "127.0.0.1"
OFF, ON, RESET, ATR = 0, 1, 2, 4
LENGTH = struct.Struct(">H")
GET_UID = bytes.fromhex("FFCA0000")
DONE, NO_SUCH_COMMAND = b"\x90\x00", b"\x6d\x00"
CONTACTLESS_ATR = bytes.fromhex("3B8F8001804F0CA000000306030001000000006A")
"""As the PC/SC standard has it for a card of the MIFARE Classic 1K kind."""
CONTACT_ATR = bytes.fromhex("3B6500002063CB6800")
AGAIN_S = 0.02
"""So often it looks for a reader that is not there."""
TCP_QUICKACK = 12


class VirtualChipCard:
    """One card: `lay` it on a reader, `lift` it. It lies there still when pcscd is started anew."""

    def __init__(self, uid: str, *, contact: bool = False) -> None:
        """`uid`: hex in wire order. `contact`: it refuses to say it, as a contact card does."""
        self.asked: list[bytes] = []
        self._uid = bytes.fromhex(uid)
        self._contact = contact
        self._lying: asyncio.Task[None] | None = None

    def lay(self, port: int) -> None:
        """Lay it on the reader that listens on `port`."""
        self._lying = asyncio.create_task(self._lie(port))

    async def lift(self) -> None:
        """Take it away; safe to call twice."""
        lying, self._lying = self._lying, None
        if lying is not None:
            lying.cancel()
            with suppress(asyncio.CancelledError):
                await lying

    async def _lie(self, port: int) -> None:
        while True:
            with suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection(HOST, port)
                try:
                    await self._serve(reader, writer)
                finally:
                    writer.transport.abort()
            await asyncio.sleep(AGAIN_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            # Else the reader, which sends length and bytes apart, waits 40 ms for each.
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, TCP_QUICKACK, 1)
            (size,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
            answer = self.answer(await reader.readexactly(size))
            if answer is not None:
                writer.write(LENGTH.pack(len(answer)) + answer)

    def answer(self, said: bytes) -> bytes | None:
        """What it says to the reader, None if nothing."""
        if len(said) == 1:
            atr = CONTACT_ATR if self._contact else CONTACTLESS_ATR
            return atr if said[0] == ATR else None
        self.asked.append(said)
        if said.startswith(GET_UID) and not self._contact:
            return self._uid + DONE
        return NO_SUCH_COMMAND
