"""Clickers of our own receiver (firmware_bridge/PROTOCOL.md), on a serial port."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from drivers import api
from drivers.capabilities import Outcome, QuestionView
from drivers.on_receiver import MessageDecoder, OnReceiver, ReceiverOptions
from drivers.ports import Ports
from drivers.readings import KeyPress, Reading, Token
from drivers.receiver import Seat
from firmware_bridge.connection import NOTHING_OPEN, Counted, Event, Pressed
from firmware_bridge.message_table import MessageType
from firmware_bridge.messages import (
    FromReceiver,
    Hello,
    OutcomeCode,
    Press,
    Presses,
    QuestionKind,
    Show,
    press_token,
)

_PLAIN_CODES = {"accepted": OutcomeCode.ACCEPTED, "changed": OutcomeCode.CHANGED}
REMEMBERED_PRESSES = 1024


class Reference(OnReceiver):
    """The clickers of one receiver."""

    hears: ClassVar[tuple[type[Event], ...]] = (Pressed, Counted)
    needs: ClassVar[MessageType] = MessageType.PRESSES

    def __init__(self, device_id: str, options: ReceiverOptions, *, ports: Ports) -> None:
        super().__init__(device_id, options, ports=ports)
        self._serial = ""
        self._show = NOTHING_OPEN
        self._counted: dict[str, int] = {}
        self._complete_ns = 0

    @classmethod
    def decoder(cls, device_id: str) -> api.Decoder:
        """A decoder of what a receiver sent."""
        return ReferenceDecoder(device_id)

    def seated(self, seat: Seat) -> None:
        """Let the receiver know what is open, as soon as it is there."""
        seat.connection.show(self._show)

    def greeted(self, hello: Hello) -> None:
        """Presses are named by the receiver's serial number."""
        self._serial = hello.serial.hex().upper()

    def readings(self, event: Event) -> Sequence[Reading]:
        """Presses; what a receiver counted is kept."""
        if isinstance(event, Pressed):
            return key_presses(self.device_id, self._serial, event)
        if isinstance(event, Counted):
            self._counted = counted(event)
            self._complete_ns = event.complete_ns
        return ()

    def confirm(self, outcomes: Sequence[tuple[Token, Outcome]]) -> None:
        """Acknowledge presses and let their clickers show it, in one write."""
        if self._seat is not None:  # else they come again, and are answered again
            self._seat.connection.confirm(codes(self._serial, outcomes))
            self._seat.flush()

    def show(self, view: QuestionView | None) -> None:
        """Let the receiver know what is open."""
        self._show = show_of(view)
        if self._seat is not None:
            self._seat.connection.show(self._show)
            self._seat.flush()

    def complete_ns(self) -> int:
        """How far the receiver's presses are complete; it says so often while a buzz-in is open."""
        return self._complete_ns

    def counters(self) -> dict[str, int]:
        """What was skipped on the line, and what the receiver counted."""
        return self._counted | super().counters()


class ReferenceDecoder(MessageDecoder):
    """What a receiver sent, to readings; a press that was sent again is given once."""

    def __init__(self, device_id: str) -> None:
        super().__init__(device_id)
        self._serial = ""
        self._seen: dict[tuple[int, int], None] = {}

    def said(self, message: FromReceiver, now_ns: int) -> Sequence[Reading]:
        """New presses; their time is `now_ns`, without a host to learn a clock."""
        if isinstance(message, Hello):
            serial = message.serial.hex().upper()
            if self._serial not in ("", serial):  # another receiver's recording follows
                self._seen.clear()
            self._serial = serial
        if not isinstance(message, Presses):
            return ()
        readings: list[Reading] = []
        for press in message.presses:
            name = (press.boot, press.seq)
            if name not in self._seen:
                self._remember(name)
                readings.append(key_press(self.device, self._serial, press, now_ns))
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
