"""A Wiegand card reader of 26 or 34 bits, whose two lines go to one of our receivers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from drivers import api
from drivers.on_receiver import MessageDecoder, OnReceiver, ReceiverOptions
from drivers.ports import Ports
from drivers.presence import Presence
from drivers.protocols.wiegand import uid_of
from drivers.readings import CardTap, Reading
from firmware_bridge.connection import Counted, Event
from firmware_bridge.message_table import MessageType
from firmware_bridge.messages import FromReceiver, Hello, Readers, Wiegand


class WiegandReader(OnReceiver):
    """One reader."""

    hears: ClassVar[tuple[type[Event], ...]] = (Wiegand, Counted)
    needs: ClassVar[MessageType] = MessageType.WIEGAND

    def __init__(self, device_id: str, options: ReceiverOptions, *, ports: Ports) -> None:
        super().__init__(device_id, options, ports=ports)
        self._presence = Presence()
        self._unreadable = self._lost = 0
        self._number: int | None = None  # of the next frame
        self._boot: tuple[bytes, int] | None = None

    @classmethod
    def decoder(cls, device_id: str) -> api.Decoder:
        """A decoder that gives every frame: only the driver knows when a card was away."""
        return WiegandDecoder(device_id)

    def greeted(self, hello: Hello) -> None:
        """At each start numbers begin at 0; which came before this host was there, nobody knows."""
        boot = (hello.serial, hello.boot)
        if self._boot != boot:
            self._number = None if self._boot is None else 0
        self._boot = boot
        self._ask()

    def readings(self, event: Event) -> Sequence[Reading]:
        """A card that was not there before."""
        if not isinstance(event, Wiegand):
            self._ask()  # now and then: it may have been lost
            return ()
        if self._number is not None:
            self._lost += (event.number - self._number) % 256
        self._number = (event.number + 1) % 256
        now_ns = self.ports.now_ns()
        tap = tap_of(self.device_id, event, now_ns)
        if tap is None:
            self._unreadable += 1
        elif self._presence.arrives(tap.uid, now_ns):
            return (tap,)
        return ()

    def _ask(self) -> None:
        """Without being asked a receiver tells nobody of cards."""
        if self._seat is not None:
            self._seat.connection.tell(Readers(wiegand=True))
            self._seat.flush()

    def counters(self) -> dict[str, int]:
        """Frames that are no whole card, that never came, and of cards that simply lay there."""
        cards = {"bad_cards": self._unreadable, "lost_cards": self._lost}
        return {**super().counters(), **cards, "repeats": self._presence.repeats}


class WiegandDecoder(MessageDecoder):
    """One `CardTap` for each frame of 26 or 34 bits whose parities are right."""

    def said(self, message: FromReceiver, now_ns: int) -> Sequence[Reading]:
        """The card of a frame."""
        tap = tap_of(self.device, message, now_ns) if isinstance(message, Wiegand) else None
        return () if tap is None else (tap,)


def tap_of(device: str, frame: Wiegand, now_ns: int) -> CardTap | None:
    """The card that a frame says; None if it is no whole one."""
    uid = uid_of(frame.bits)
    return None if uid is None else CardTap(device=device, mono_ns=now_ns, uid=uid)
