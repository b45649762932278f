"""Our own receiver (firmware_bridge/PROTOCOL.md), on a serial port."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from drivers import api
from drivers.capabilities import Outcome, QuestionView
from drivers.errors import DeviceLost, DeviceMisconfigured
from drivers.ports import Ports
from drivers.protocols.hearing import GARBLED_BYTES
from drivers.readings import Attached, KeyPress, Reading, Token
from firmware_bridge.connection import (
    NOTHING_OPEN,
    Connection,
    Counted,
    ForeignReceiver,
    Greeted,
    Pressed,
    SilentReceiver,
)
from firmware_bridge.frame import FrameDecoder
from firmware_bridge.link import Link
from firmware_bridge.messages import (
    Hello,
    Malformed,
    OutcomeCode,
    Press,
    Presses,
    QuestionKind,
    Show,
    decode_from_receiver,
    press_token,
)

LOCATE_S = 5
_PLAIN_CODES = {"accepted": OutcomeCode.ACCEPTED, "changed": OutcomeCode.CHANGED}
REMEMBERED_PRESSES = 1024


class ReferenceOptions(api.Options):
    """Settings of one receiver."""

    port: str = Field(description="Serial port, e.g. /dev/serial/by-id/usb-...")
    baud: int = Field(
        default=115_200, gt=0, description="Speed in baud that its firmware was built for"
    )


class Reference(api.Driver):
    """One receiver with its clickers."""

    Options: ClassVar[type[api.Options]] = ReferenceOptions
    FITS = api.Fits("serial")

    def __init__(self, device_id: str, options: ReferenceOptions, *, ports: Ports) -> None:
        super().__init__(device_id, options, ports=ports)
        self._port, self._baud = options.port, options.baud
        self._link: Link | None = None
        self._serial = ""
        self._show = NOTHING_OPEN
        self._counters: dict[str, int] = {}
        self._complete_ns = 0

    @classmethod
    def decoder(cls, device_id: str) -> api.Decoder:
        """A decoder of what a receiver sent."""
        return ReferenceDecoder(device_id)

    async def run(self, emit: api.Emit) -> None:
        """Talk to the receiver until cancelled."""
        line = await self.ports.serial(self._port, baud=self._baud)
        link = self._link = Link(line, now_ns=self.ports.now_ns)
        link.connection.show(self._show)
        try:
            link.start()
            while True:
                for event in await link.receive():
                    if isinstance(event, Pressed):
                        await emit(*key_presses(self.device_id, self._serial, event))
                    elif isinstance(event, Greeted):
                        await emit(self._attached(event.hello))
                    elif isinstance(event, Counted):
                        self._counters = counted(event)
                        self._complete_ns = event.complete_ns
        except ForeignReceiver as error:
            raise DeviceMisconfigured("protocol_foreign", self._port, error.hint) from error
        except SilentReceiver as error:
            if not self._serial and link.connection.junk_bytes >= GARBLED_BYTES:
                hint = "bytes come that make no sense: correct `baud`, `driver` or `port`"
                raise DeviceLost("line_garbled", self._port, hint) from error
            hint = f"{error}; is it a reference receiver, powered, and is `baud` right?"
            raise DeviceLost("receiver_silent", self._port, hint) from error
        finally:
            self._counters = self.counters()
            self._link = None
            line.close()

    def _attached(self, hello: Hello) -> Attached:
        self._serial = hello.serial.hex().upper()
        return Attached(device=self.device_id, mono_ns=self.ports.now_ns(), facts=facts(hello))

    def confirm(self, outcomes: Sequence[tuple[Token, Outcome]]) -> None:
        """Acknowledge presses and let their clickers show it, in one write."""
        if self._link is not None:  # else they come again, and are answered again
            self._link.connection.confirm(codes(self._serial, outcomes))
            self._flush(self._link)

    def show(self, view: QuestionView | None) -> None:
        """Let the receiver know what is open."""
        self._show = show_of(view)
        if self._link is not None:
            self._link.connection.show(self._show)
            self._flush(self._link)

    def complete_ns(self) -> int:
        """How far the receiver's presses are complete; it says so often while a buzz-in is open."""
        return self._complete_ns

    def locate(self) -> None:
        """Let the receiver's lamp blink."""
        if self._link is not None:
            self._link.connection.locate(LOCATE_S)
            self._flush(self._link)

    def _flush(self, link: Link) -> None:
        try:
            link.flush()
        except DeviceLost:
            return  # run() meets it at its next read, and says so

    def counters(self) -> dict[str, int]:
        """What was skipped on the line, and what the receiver counted."""
        if self._link is None:
            return self._counters
        return self._counters | skipped(self._link.connection)


class ReferenceDecoder:
    """What a receiver sent, to readings; a press that was sent again is given once."""

    def __init__(self, device_id: str) -> None:
        self._device = device_id
        self._frames = FrameDecoder()
        self._malformed_bytes = 0
        self._serial = ""
        self._seen: dict[tuple[int, int], None] = {}

    @property
    def junk_bytes(self) -> int:
        """Bytes that belonged to no valid frame so far."""
        return self._frames.junk_bytes + self._malformed_bytes

    def feed(self, data: bytes, now_ns: int) -> list[Reading]:
        """Presses completed by `data`; their time is `now_ns`, without a host to learn a clock."""
        readings: list[Reading] = []
        for body in self._frames.feed(data):
            try:
                message = decode_from_receiver(body)
            except Malformed:
                self._malformed_bytes += len(body)
                continue
            if isinstance(message, Hello):
                serial = message.serial.hex().upper()
                if self._serial not in ("", serial):  # another receiver's recording follows
                    self._seen.clear()
                self._serial = serial
            elif isinstance(message, Presses):
                for press in message.presses:
                    name = (press.boot, press.seq)
                    if name not in self._seen:
                        self._remember(name)
                        readings.append(key_press(self._device, self._serial, press, now_ns))
        return readings

    def _remember(self, name: tuple[int, int]) -> None:
        self._seen[name] = None
        if len(self._seen) > REMEMBERED_PRESSES:
            del self._seen[next(iter(self._seen))]


def key_press(
    device: str, serial: str, press: Press, mono_ns: int, uncertainty_ns: int | None = None
) -> KeyPress:
    """The press as a reading; its token names it for ever."""
    return KeyPress(
        device=device,
        mono_ns=mono_ns,
        token=press_token(serial, press.boot, press.seq),
        keypad=press.keypad,
        key=press.key,
        uncertainty_ns=uncertainty_ns,
    )


def key_presses(device: str, serial: str, event: Pressed) -> list[KeyPress]:
    """What a receiver sent at once."""
    return [
        key_press(device, serial, press, mono_ns, uncertain_ns)
        for press, mono_ns, uncertain_ns in zip(
            event.presses, event.times_ns, event.uncertain_ns, strict=True
        )
    ]


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


def counted(event: Counted) -> dict[str, int]:
    """The receiver's own counters, under names that say whose they are."""
    status = event.status
    return {
        "receiver_waiting": status.ring_waiting,
        api.REFUSED: status.refused,
        "receiver_lost": status.lost,
        "receiver_resent": status.resent,
        "receiver_bad_frames": status.junk_frames,
        "receiver_overruns": status.overruns,
    }


def codes(
    serial: str, outcomes: Sequence[tuple[Token, Outcome]]
) -> list[tuple[int, int, OutcomeCode]]:
    """(boot, seq, code) of the outcomes that are for this receiver."""
    found: list[tuple[int, int, OutcomeCode]] = []
    start, boot = "", 0
    for token, outcome in outcomes:
        name, _, seq = token.rpartition(":")
        if name != start:  # seldom: a receiver's presses differ in their last part
            start = name
            whose, _, number = name.partition(":")
            boot = int(number) if whose == serial else 0
        if boot:
            found.append((boot, int(seq), outcome_code(outcome)))
    return found


def outcome_code(outcome: Outcome) -> OutcomeCode:
    """What the clicker is told; a reason that the protocol has no code for is plain REJECTED."""
    plain = _PLAIN_CODES.get(outcome.verdict)
    if plain is not None:
        return plain
    code = OutcomeCode.__members__.get(outcome.code.upper(), OutcomeCode.REJECTED)
    return code if code >= OutcomeCode.REJECTED else OutcomeCode.REJECTED


def show_of(view: QuestionView | None) -> Show:
    """The question as the receiver is told of it."""
    if view is None:
        return NOTHING_OPEN
    kind = QuestionKind.__members__.get(view.kind.upper(), QuestionKind.NONE)
    return Show(view.question & 0xFFFF, kind, min(view.options, 255))
