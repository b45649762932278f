"""The host's side of the conversation with a receiver, without I/O (see PROTOCOL.md).

`receive` what the line gave, `tick` when `deadline_ns` has come, `confirm` after the durable
commit, and write what `data_to_send` gives. Presses come out once each and in order; a press that
comes again gets its outcome again if it has one, and is otherwise only waited for.
"""

from collections.abc import Iterable, Sequence
from enum import Enum, auto

import msgspec

from firmware_bridge.frame import FrameDecoder, encode_frame
from firmware_bridge.message_table import MAX_OUTCOMES_IN_FRAME, PROTOCOL_MAJOR, skew
from firmware_bridge.messages import (
    ForeignHello,
    Hello,
    HelloRequest,
    Locate,
    Malformed,
    Outcomes,
    Press,
    Presses,
    ProtocolError,
    QuestionKind,
    Radio,
    Readers,
    Show,
    Status,
    StatusRequest,
    Switches,
    Time,
    TimeRequest,
    Wiegand,
    decode_from_receiver,
)
from firmware_bridge.receiver_clock import ReceiverClock

_MS = 1_000_000
HELLO_AGAIN_NS = 500 * _MS
SILENCE_NS = 5_000 * _MS
UNANSWERED = 3  # requests at least: we ourselves may have been asleep that long
STATUS_EVERY_NS = 2_000 * _MS
BUZZ_STATUS_EVERY_NS = 100 * _MS
GAP_AGAIN_NS = 100 * _MS
NOTHING_OPEN = Show(0, QuestionKind.NONE, 0)


class State(Enum):
    """Where the conversation stands."""

    CLOSED = auto()
    GREETING = auto()  # HELLO_REQUEST is out
    OPEN = auto()
    FOREIGN = auto()  # another protocol version: a person must act
    SILENT = auto()  # nothing hears us, or it is no receiver


class Trigger(Enum):
    """What moves it."""

    START = auto()
    HELLO = auto()
    FOREIGN_HELLO = auto()
    STRANGE_BOOT = auto()  # presses of a start whose HELLO was lost
    SILENCE = auto()


TRANSITIONS: dict[State, dict[Trigger, State]] = {
    State.CLOSED: {Trigger.START: State.GREETING},
    State.GREETING: {
        Trigger.HELLO: State.OPEN,
        Trigger.FOREIGN_HELLO: State.FOREIGN,
        Trigger.SILENCE: State.SILENT,
    },
    State.OPEN: {
        Trigger.HELLO: State.OPEN,
        Trigger.FOREIGN_HELLO: State.FOREIGN,
        Trigger.STRANGE_BOOT: State.GREETING,
        Trigger.SILENCE: State.SILENT,
    },
    State.FOREIGN: {},
    State.SILENT: {},
}


class IllegalTransition(ProtocolError, RuntimeError):
    """A step that TRANSITIONS does not have: a bug on our side."""

    def __init__(self, state: State, trigger: Trigger) -> None:
        super().__init__(f"{trigger.name} while {state.name}")


class ForeignReceiver(ProtocolError, ValueError):
    """The receiver speaks another version of the protocol. `hint` says what to do."""

    def __init__(self, hello: Hello | ForeignHello, differences: Sequence[str]) -> None:
        firmware = ".".join(map(str, hello.firmware))
        theirs = ".".join(map(str, hello.protocol))
        newer = hello.protocol[0] > PROTOCOL_MAJOR
        remedy = (
            "update this program" if newer else "flash the receiver with this program's firmware"
        )
        self.hint = (
            f"receiver {hello.serial.hex().upper()} (firmware {firmware}) speaks protocol"
            f" {theirs}, this program {PROTOCOL_MAJOR}.x: {', '.join(differences)}; {remedy}"
        )
        super().__init__(self.hint)


class SilentReceiver(ProtocolError, TimeoutError):
    """No valid frame for SILENCE_NS."""


class Greeted(msgspec.Struct, frozen=True):
    """The receiver said who it is: first of all, and again after each of its starts."""

    hello: Hello


class Pressed(msgspec.Struct, frozen=True):
    """New presses, in order, and when each was on the host's clock, give or take so much.

    Without a measured clock nothing is known of the latter: None.
    """

    presses: Sequence[Press]
    times_ns: Sequence[int]
    uncertain_ns: Sequence[int | None]


class Counted(msgspec.Struct, frozen=True):
    """The receiver's counters, and how far its presses are complete.

    `complete_ns`: every press before that host time has been given out.
    """

    status: Status
    complete_ns: int


Event = Greeted | Pressed | Counted | Wiegand | Switches


class Connection:
    """One host, one receiver. All times are the host's CLOCK_BOOTTIME in ns."""

    def __init__(self) -> None:
        self.state = State.CLOSED
        self.hello: Hello | None = None
        self.malformed = 0
        self.unknown = 0
        self.repeats = 0
        self.gaps = 0
        self._frames = FrameDecoder()
        self._clock = ReceiverClock()
        self._out = bytearray()
        self._heard_ns = 0
        self._unanswered = 0
        self._asked_ns = 0  # HELLO_REQUEST
        self._asking = False
        self._status_asked_ns: int | None = None  # the oldest that is unanswered
        self._complete_ns = 0
        self._next_status_ns = 0
        self._show = NOTHING_OPEN
        # Presses below _expected have come, those below _settled have an outcome that was sent.
        self._expected = self._settled = 0
        self._boots: dict[int, int] = {}  # of presses waiting for their outcome
        self._codes: dict[int, tuple[int, int]] = {}  # seq: (boot, outcome), newest ring's worth
        self._again_from: int | None = None

    @property
    def junk_bytes(self) -> int:
        """Bytes that belonged to no valid frame."""
        return self._frames.junk_bytes

    @property
    def junk_frames(self) -> int:
        """Delimited pieces that were no valid frame."""
        return self._frames.junk_frames

    @property
    def deadline_ns(self) -> int:
        """When `tick` is due next."""
        if self.state is State.OPEN:
            return min(self._clock.due_ns, self._next_status_ns)
        return self._asked_ns + HELLO_AGAIN_NS

    def uncertainty_ns(self, now_ns: int) -> int | None:
        """How far the times of presses may be off now; None before anything was measured."""
        return self._clock.uncertainty_ns(now_ns)

    def start(self, now_ns: int) -> None:
        """Begin: ask who is there."""
        self._move(Trigger.START)
        self._heard_ns = now_ns
        self._out += b"\0"  # ends whatever noise the receiver has heard
        self._ask(now_ns)

    def receive(self, data: bytes, now_ns: int) -> list[Event]:
        """Take bytes off the line.

        Raises:
            ForeignReceiver: the receiver speaks another version.
        """
        events: list[Event] = []
        junk_frames = self._frames.junk_frames
        bodies = self._frames.feed(data)
        if self._frames.junk_frames != junk_frames:
            self._ask_for_lost(now_ns)
        for body in bodies:
            try:
                message = decode_from_receiver(body)
            except Malformed:
                self.malformed += 1
                continue
            self._heard_ns = now_ns
            self._unanswered = 0
            if isinstance(message, Presses):
                self._on_presses(message, now_ns, events)
            elif isinstance(message, Time):
                self._on_time(message, now_ns)
            elif isinstance(message, Status):
                self._on_status(message, now_ns, events)
            elif isinstance(message, Wiegand | Switches):
                if self.state is State.OPEN:
                    events.append(message)
            elif isinstance(message, Hello):
                self._on_hello(message, now_ns, events)
            elif isinstance(message, ForeignHello):
                self._move(Trigger.FOREIGN_HELLO)
                raise ForeignReceiver(message, ["another major version"])
            else:
                self.unknown += 1
        return events

    def tick(self, now_ns: int) -> None:
        """Do what is due.

        Raises:
            SilentReceiver: nothing valid came for SILENCE_NS, whatever we asked.
        """
        if now_ns - self._heard_ns >= SILENCE_NS and self._unanswered >= UNANSWERED:
            self._move(Trigger.SILENCE)
            raise SilentReceiver(f"nothing valid heard for {SILENCE_NS // 10**9} s")
        if self.state is not State.OPEN:
            if now_ns >= self._asked_ns + HELLO_AGAIN_NS:
                self._ask(now_ns)
            return
        if now_ns >= self._clock.due_ns:
            token = self._clock.ask(now_ns, buzzing=self._buzzing)
            self._out += encode_frame(TimeRequest(token).encode())
            self._unanswered += 1
        if now_ns >= self._next_status_ns:
            self._next_status_ns = now_ns + (
                BUZZ_STATUS_EVERY_NS if self._buzzing else STATUS_EVERY_NS
            )
            if self._status_asked_ns is None:
                self._status_asked_ns = now_ns
            self._out += encode_frame(StatusRequest().encode())

    @property
    def _buzzing(self) -> bool:
        return self._show.kind is QuestionKind.BUZZ

    def confirm(self, outcomes: Iterable[tuple[int, int, int]]) -> None:
        """(boot, seq, outcome code) of presses now durable; those of another life are ignored."""
        for boot, seq, code in outcomes:
            if self._boots.get(seq) == boot:
                del self._boots[seq]
                self._codes[seq] = (boot, code)

    def give_again(self) -> None:
        """Whoever took the presses without an outcome has gone: the receiver sends them again."""
        self._expected = self._settled
        self._complete_ns = 0
        self._boots.clear()

    def show(self, show: Show) -> None:
        """Say what is open; repeated until the receiver's STATUS agrees."""
        if show != self._show:
            self._show = show
            if self.state is State.OPEN:
                self._out += encode_frame(show.encode())
                if self._buzzing:
                    self._clock.due_ns = self._next_status_ns = 0

    def tell(self, message: Locate | Readers | Radio) -> None:
        """Say something once, that may get lost."""
        self._out += encode_frame(message.encode())

    def data_to_send(self) -> bytes:
        """What must be written now, once."""
        self._send_outcomes()
        data = bytes(self._out)
        self._out.clear()
        return data

    def _move(self, trigger: Trigger) -> None:
        try:
            self.state = TRANSITIONS[self.state][trigger]
        except KeyError:
            raise IllegalTransition(self.state, trigger) from None

    def _ask(self, now_ns: int) -> None:
        self._asked_ns = now_ns
        self._asking = True
        self._unanswered += 1
        self._out += encode_frame(HelloRequest().encode())

    def _ask_for_lost(self, now_ns: int) -> None:
        """A frame was lost: after HELLO the receiver begins again with its oldest press."""
        if self.state is State.OPEN and now_ns - self._asked_ns >= GAP_AGAIN_NS:
            self._ask(now_ns)

    def _on_hello(self, hello: Hello, now_ns: int, events: list[Event]) -> None:
        differences = skew(hello.table)
        if differences:
            self._move(Trigger.FOREIGN_HELLO)
            raise ForeignReceiver(hello, differences)
        self._move(Trigger.HELLO)
        before, self.hello = self.hello, hello
        same = before is not None and (before.serial, before.boot) == (hello.serial, hello.boot)
        if not same:
            if before is None or before.life != hello.life:
                self._expected = self._settled = hello.first_seq
                self._boots.clear()
                self._codes.clear()
                self._again_from = None
                self._clock.forget()
            self._clock.start(hello.boot, now_ns)
            self._status_asked_ns = None
            self._next_status_ns = now_ns
            events.append(Greeted(hello))
        self._clock.guess(hello.clock_ticks, self._asked_ns if self._asking else None, now_ns)
        self._asking = False
        if not same and self._show != NOTHING_OPEN:
            self._out += encode_frame(self._show.encode())

    def _on_presses(self, message: Presses, now_ns: int, events: list[Event]) -> None:
        presses = message.presses
        first = presses[0]
        if self.state is not State.OPEN or self.hello is None:
            return  # the ring sends them again after HELLO
        if first.boot > self.hello.boot:
            self._move(Trigger.STRANGE_BOOT)
            self._ask(now_ns)
            return
        if first.seq > self._expected:
            self.gaps += 1
            self._ask_for_lost(now_ns)
            return
        known = self._expected - first.seq
        if known:
            self.repeats += min(known, len(presses))
            if first.seq < self._settled:
                self._again_from = min(first.seq, self._again_from or first.seq)
            presses = presses[known:]
            if not presses:
                return
        for press in presses:
            self._boots[press.seq] = press.boot
        self._expected += len(presses)
        ticks = [press.time_ticks for press in presses]
        times_ns, uncertain_ns = self._clock.times_of_presses(first.boot, ticks, now_ns)
        events.append(Pressed(presses, times_ns, uncertain_ns))

    def _on_time(self, time: Time, now_ns: int) -> None:
        if self.state is State.OPEN:
            self._clock.take(time, now_ns)

    def _on_status(self, status: Status, now_ns: int, events: list[Event]) -> None:
        if self.state is not State.OPEN or self.hello is None:
            return
        if status.boot != self.hello.boot:
            self._move(Trigger.STRANGE_BOOT)
            self._ask(now_ns)
            return
        if status.shown != self._show.number:
            self._out += encode_frame(self._show.encode())
        # Its oldest press is _settled or earlier. So those in the ring were given out, if they are
        # no more than were given out since; and what was pressed before we asked was in the ring.
        if self._status_asked_ns is not None:
            if self._settled + status.ring_waiting <= self._expected:
                self._complete_ns = self._status_asked_ns
            self._status_asked_ns = None
        events.append(Counted(status, self._complete_ns))

    def _send_outcomes(self) -> None:
        codes = self._codes
        seq = self._settled
        while self._settled in codes:
            self._settled += 1
        if self._again_from is not None:
            seq = max(self._again_from, min(codes, default=seq))
            self._again_from = None
        while seq < self._settled:
            boot, first_seq, run = codes[seq][0], seq, bytearray()
            while (
                seq < self._settled and len(run) < MAX_OUTCOMES_IN_FRAME and codes[seq][0] == boot
            ):
                run.append(codes[seq][1])
                seq += 1
            self._out += encode_frame(Outcomes(boot, first_seq, bytes(run)).encode())
        if self.hello is not None:
            for old in range(self._settled - len(codes), self._settled - self.hello.ring_capacity):
                codes.pop(old, None)
