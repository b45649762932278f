"""Turning Technologies ResponseCards, through our own receiver with an nRF24L01+."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec
from pydantic import Field

from drivers import api
from drivers.clicker.reference import Reference, ReferenceDecoder
from drivers.on_receiver import ReceiverOptions
from drivers.ports import Ports
from drivers.readings import KeyPress, Reading
from firmware_bridge.connection import Event
from firmware_bridge.message_table import MessageType
from firmware_bridge.messages import FromReceiver, Hello, Radio

LETTERS = dict(zip("1234567890", "ABCDEFGHIJ", strict=True))
WITHOUT_A_REMOTE = "00"
"""A receiver's keypads have four bytes, a remote's id has three."""


class TurningOptions(ReceiverOptions):
    """Settings of one receiver and its radio."""

    channel: int = Field(
        default=41, ge=1, le=82, description="Channel that the remotes are set to, 1 to 82"
    )
    address: str = Field(
        default="123456",
        pattern=r"^[0-9A-Fa-f]{6}$",
        description="Address that the remotes send to, 6 hex digits as they go over the air",
    )


class Turning(Reference):
    """The ResponseCards that one receiver hears."""

    Options: ClassVar[type[api.Options]] = TurningOptions
    needs: ClassVar[MessageType] = MessageType.RADIO

    def __init__(self, device_id: str, options: TurningOptions, *, ports: Ports) -> None:
        super().__init__(device_id, options, ports=ports)
        self._radio = Radio(options.channel, bytes.fromhex(options.address))

    @classmethod
    def decoder(cls, device_id: str) -> api.Decoder:
        """A decoder of what a receiver sent."""
        return TurningDecoder(device_id)

    def greeted(self, hello: Hello) -> None:
        """A receiver that has started listens where it is used to, until it is told."""
        super().greeted(hello)
        self._tune()

    def readings(self, event: Event) -> Sequence[Reading]:
        """Presses, by the letters of the options."""
        said = super().readings(event)
        if not said:
            self._tune()  # now and then: it may have been lost
        return of_remotes(said)

    def _tune(self) -> None:
        if self._seat is not None:
            self._seat.connection.tell(self._radio)
            self._seat.flush()


class TurningDecoder(ReferenceDecoder):
    """What a receiver sent, to the presses of remotes."""

    def said(self, message: FromReceiver, now_ns: int) -> Sequence[Reading]:
        """New presses, by the letters of the options."""
        return of_remotes(super().said(message, now_ns))


def of_remotes(presses: Sequence[Reading]) -> list[Reading]:
    """Presses under the ids of remotes; a digit is the letter that stands beside it on the key."""
    return [
        msgspec.structs.replace(
            press,
            keypad=press.keypad.removeprefix(WITHOUT_A_REMOTE),
            key=LETTERS.get(press.key, press.key),
        )
        for press in presses
        if isinstance(press, KeyPress)
    ]
