"""What hangs on one of our receivers (firmware_bridge/PROTOCOL.md), alone or with others."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from drivers import api
from drivers.errors import DeviceLost, DeviceMisconfigured
from drivers.ports import Ports
from drivers.protocols.hearing import GARBLED_BYTES
from drivers.readings import Attached, Reading
from drivers.receiver import Seat
from firmware_bridge.connection import (
    Connection,
    Event,
    ForeignReceiver,
    Greeted,
    SilentReceiver,
)
from firmware_bridge.frame import MAX_FRAME_BYTES, FrameDecoder
from firmware_bridge.message_table import MessageType
from firmware_bridge.messages import (
    FromReceiver,
    Hello,
    Locate,
    Malformed,
    Unknown,
    Wiegand,
    decode_from_receiver,
)

if TYPE_CHECKING:
    from firmware_bridge.image import FirmwareImage, FlashStep

LOCATE_S = 5
DELIMITER = b"\0"


class ReceiverOptions(api.Options):
    """Settings of what hangs on a receiver."""

    port: str = Field(
        description="Serial port of the receiver, e.g. /dev/serial/by-id/usb-...; devices of other"
        " kinds that hang on the same receiver name the same port"
    )
    baud: int = Field(
        default=115_200, gt=0, description="Speed in baud that its firmware was built for"
    )


class OnReceiver(api.Driver):
    """Shares a receiver's port with its other devices.

    Attributes:
        hears: the kinds of events that it makes readings of.
        needs: the message that firmware must know for it.
    """

    Options: ClassVar[type[api.Options]] = ReceiverOptions
    FITS = api.Fits("serial")
    CARD_NUMBERS = True  # whoever opens the line hears a card reader beside it, too
    shares_port: ClassVar[bool] = True
    hears: ClassVar[tuple[type[Event], ...]]
    needs: ClassVar[MessageType]

    def __init__(self, device_id: str, options: ReceiverOptions, *, ports: Ports) -> None:
        super().__init__(device_id, options, ports=ports)
        self._port, self._baud = options.port, options.baud
        self._seat: Seat | None = None
        self._skipped: dict[str, int] = {}

    @classmethod
    def cover(cls) -> api.Cover:
        """All frames but those of cards."""
        return FrameCover()

    @abstractmethod
    def readings(self, event: Event) -> Sequence[Reading]:
        """What an event says."""

    async def run(self, emit: api.Emit) -> None:
        """Hear the receiver until cancelled."""
        receivers, hears = self.ports.receivers, (Greeted, *self.hears)
        seat = self._seat = await receivers.join(
            self._port, baud=self._baud, hears=hears, open_line=self.ports.serial
        )
        self.seated(seat)
        try:
            while True:
                for event in await seat.receive():
                    if isinstance(event, Greeted):
                        await emit(self._attached(event.hello))
                    elif readings := self.readings(event):
                        await emit(*readings)
        except ForeignReceiver as error:
            raise DeviceMisconfigured("protocol_foreign", self._port, error.hint) from error
        except SilentReceiver as error:
            connection = seat.connection
            if connection.hello is None and connection.junk_bytes >= GARBLED_BYTES:
                hint = "bytes come that make no sense: correct `baud`, `driver` or `port`"
                raise DeviceLost("line_garbled", self._port, hint) from error
            hint = f"{error}; is it a reference receiver, powered, and is `baud` right?"
            raise DeviceLost("receiver_silent", self._port, hint) from error
        finally:
            self._skipped = skipped(seat.connection)
            self._seat = None
            seat.leave()

    def seated(self, seat: Seat) -> None:
        """Called when it hangs on a receiver, before anything is heard of that."""

    def greeted(self, hello: Hello) -> None:
        """Called when the receiver has said who it is, also after each of its starts."""

    async def flash(
        self,
        image: FirmwareImage,
        tell: Callable[[FlashStep], None],
        *,
        change_keypads: bool = False,
        inherited: Sequence[int] = (),
    ) -> str:
        """Write other firmware to the receiver; nothing that hangs on it may run."""
        from firmware_bridge import flasher  # noqa: PLC0415 (rarely needed)

        hello = await flasher.flash(
            self._port,
            image,
            tell,
            open_line=lambda: self.ports.serial(self._port, baud=self._baud),
            wanted="radio" if self.needs is MessageType.RADIO else None,
            change_keypads=change_keypads,
            inherited=inherited,
        )
        return ".".join(map(str, hello.firmware))

    def locate(self) -> None:
        """Let the receiver's lamp blink."""
        if self._seat is not None:
            self._seat.connection.tell(Locate(LOCATE_S))
            self._seat.flush()

    def counters(self) -> dict[str, int]:
        """What was skipped on the line."""
        return self._skipped if self._seat is None else skipped(self._seat.connection)

    def _attached(self, hello: Hello) -> Attached:
        if self.needs not in dict(hello.table):
            firmware = ".".join(map(str, hello.firmware))
            hint = f"its firmware {firmware} knows no {self.needs.name}: flash it with a newer one"
            raise DeviceMisconfigured("receiver_lacks", self._port, hint)
        self.greeted(hello)
        return Attached(device=self.device_id, mono_ns=self.ports.now_ns(), facts=facts(hello))


class FrameCover:
    """Shows whole frames of every kind that is known, except those of card readers."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes, now_ns: int) -> list[tuple[bytes, bool]]:
        """The frames that `data` completes, each with its delimiter, and what is none."""
        *whole, self._held = (self._held + data).split(DELIMITER)
        pieces = [(one + DELIMITER, not one or _is_no_card(one + DELIMITER)) for one in whole]
        if len(self._held) > MAX_FRAME_BYTES:
            pieces.append((self._held, False))
            self._held = b""
        return pieces


def _is_no_card(frame: bytes) -> bool:
    try:
        messages = [decode_from_receiver(body) for body in FrameDecoder().feed(frame)]
    except Malformed:
        return False
    return bool(messages) and not isinstance(messages[0], Wiegand | Unknown)


class MessageDecoder:
    """What a receiver sent, message by message; a leaf says what they mean."""

    def __init__(self, device_id: str) -> None:
        self.device = device_id
        self._frames = FrameDecoder()
        self._malformed_bytes = 0

    @property
    def junk_bytes(self) -> int:
        """Bytes that belonged to no valid frame so far."""
        return self._frames.junk_bytes + self._malformed_bytes

    @abstractmethod
    def said(self, message: FromReceiver, now_ns: int) -> Sequence[Reading]:
        """What a message means."""

    def feed(self, data: bytes, now_ns: int) -> list[Reading]:
        """The readings of the messages that `data` completes."""
        readings: list[Reading] = []
        for body in self._frames.feed(data):
            try:
                readings += self.said(decode_from_receiver(body), now_ns)
            except Malformed:
                self._malformed_bytes += len(body)
        return readings


def facts(hello: Hello) -> dict[str, str]:
    """What the receiver said of itself, for people."""
    return {
        "serial": hello.serial.hex().upper(),
        "firmware": ".".join(map(str, hello.firmware)),
        "protocol": ".".join(map(str, hello.protocol)),
        "board": str(hello.board),
        "boot": str(hello.boot),
        "kept": "no" if hello.ring_boot == hello.boot else "yes",
        "waiting": str(hello.ring_waiting),
        "capacity": str(hello.ring_capacity),
        "refused": str(hello.refused),
        "lost": str(hello.lost),
    }


def skipped(connection: Connection) -> dict[str, int]:
    """What the host found on the line that was no new press."""
    return {
        "junk_bytes": connection.junk_bytes,
        "bad_frames": connection.junk_frames + connection.malformed,
        "unknown_frames": connection.unknown,
        "repeats": connection.repeats,
        "gaps": connection.gaps,
    }
