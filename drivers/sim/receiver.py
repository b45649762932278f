"""A virtual receiver with its clickers: speaks the bytes of firmware_bridge/PROTOCOL.md.

`VirtualReceiver` is without I/O; `PtyLine` gives it a serial port.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Self

from drivers.sim.serial_port import VirtualPort
from firmware_bridge.frame import MAX_BODY_BYTES, FrameDecoder, encode_frame
from firmware_bridge.message_table import (
    LAYOUT_CRC,
    MAX_KEY_BYTES,
    MAX_PRESSES_IN_FRAME,
    PROTOCOL_MAJOR,
    PROTOCOL_MINOR,
    TICK_NS,
)
from firmware_bridge.messages import (
    FromHost,
    Hello,
    HelloRequest,
    Locate,
    Malformed,
    Outcomes,
    Press,
    Presses,
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
    decode_from_host,
    press_token,
)

BOARD_VIRTUAL = 2
FIRMWARE = (1, 1, 0)
LINGER_NS = 5_000_000
RESEND_NS = 500_000_000
RESEND_MAX_NS = 4_000_000_000
PRESSES_HEAD_BYTES = 8
PRESS_HEAD_BYTES = 9
RING_PRESS_BYTES = 13  # of RAM for a press, without its key
LAST_BOOT = 0xFFFF
NEVER_NS = 1 << 62


class Shown(NamedTuple):
    """What a clicker was shown, once."""

    token: str
    keypad: str
    code: int


class VirtualReceiver:
    """The receiver's side of the protocol, without I/O.

    `now_ns` is any steady clock. The line is as slow as `line_baud`, and the ring has room as the
    real one has, unless told otherwise. `on_shown` is called for every outcome that a clicker is
    shown, `on_due` when there is something to send earlier than `due_ns` said.
    """

    def __init__(
        self,
        serial_number: str = "0000000000000001",
        *,
        now_ns: Callable[[], int],
        on_shown: Callable[[Shown], None] | None = None,
        line_baud: int = 115_200,
        ring_presses: int = 64,
        ring_bytes: int = 1024,
        protocol: tuple[int, int] = (PROTOCOL_MAJOR, PROTOCOL_MINOR),
        layout_crc: dict[int, int] = LAYOUT_CRC,
        clock_start_ticks: int = 0,
        clock_error: float = 0.0,
    ) -> None:
        self.serial_number = serial_number
        self.on_due: Callable[[], None] | None = None
        self.question = Show(0, QuestionKind.NONE, 0)
        self.locate_s = 0
        self.radio: Radio | None = None
        self.closed_switches = 0
        self.boot = 0
        self.refused = 0
        self.lost = 0
        self._now_ns = now_ns
        self._on_shown = on_shown
        self._byte_ns = 10 * 1_000_000_000 // line_baud
        self._ring_presses, self._ring_bytes = ring_presses, ring_bytes
        self._protocol = protocol
        self._table = tuple(layout_crc.items())
        self._clock_start_ticks = clock_start_ticks
        self._clock_rate = (1.0 + clock_error) / TICK_NS
        self.cold_start()

    @property
    def waiting(self) -> int:
        """Presses in the ring."""
        return len(self._ring)

    def cold_start(self) -> None:
        """Power comes on: ring and clock begin anew."""
        self._clock_from_ns = self._now_ns()
        self._ring: deque[Press] = deque()
        self._ring_used_bytes = 0
        self._next_seq = 1
        self._start()
        self._ring_boot = self.boot

    def warm_reset(self, outage_ms: int = 0) -> None:
        """Watchdog or reset pin: ring and clock survive; the clock stood still for the outage."""
        self._clock_from_ns += outage_ms * 1_000_000
        self._start()

    def _start(self) -> None:
        self.boot = self.boot % LAST_BOOT + 1
        self._frames = FrameDecoder()
        self._junk_frames = 0
        self._resent = 0
        self._bursts = 0
        self.wiegand_wanted = False
        self._sent = 0  # presses of the ring that the host was sent
        self._replies: deque[Callable[[], bytes]] = deque([self._hello, self._switches])
        self._resend_from_ns = 0
        self._resend_after_ns = RESEND_NS
        self._busy_until_ns = self._now_ns()
        self.question = Show(0, QuestionKind.NONE, 0)
        self._due()

    def press(self, keypad: str, key: str) -> str | None:
        """Press on a clicker (8 hex digits); the press's token, or None: refused, no room."""
        key_bytes = len(key.encode("ascii"))
        if key_bytes > MAX_KEY_BYTES:
            raise ValueError(f"a key has at most {MAX_KEY_BYTES} bytes")
        size_bytes = RING_PRESS_BYTES + key_bytes
        full = self._ring_used_bytes + size_bytes > self._ring_bytes
        if full or len(self._ring) == self._ring_presses:
            self.refused += 1
            return None
        press = Press(self.boot, self._next_seq, self._ticks(), keypad.upper(), key)
        self._ring.append(press)
        self._ring_used_bytes += size_bytes
        self._next_seq += 1
        self._due()
        return press_token(self.serial_number, press.boot, press.seq)

    def lay_card(self, bits: str) -> None:
        """Bits on the two lines of its card reader."""
        burst = encode_frame(Wiegand(self._bursts % 256, bits).encode())
        self._bursts += 1
        if self.wiegand_wanted:
            self._say(lambda: burst)

    def set_switches(self, closed: int) -> None:
        """Which of the tray's switches are closed: bit 0 is the first."""
        self.closed_switches = closed
        self._say(self._switches)

    def feed(self, data: bytes) -> None:
        """Bytes from the host."""
        for body in self._frames.feed(data):
            try:
                self._take(decode_from_host(body))
            except Malformed:
                self._junk_frames += 1
        self._due()

    def data_to_send(self) -> bytes:
        """One frame, once the line is free for it; b"" when there is nothing to send now."""
        now_ns = self._now_ns()
        if now_ns < self._busy_until_ns:
            return b""
        frame = self._replies.popleft()() if self._replies else self._presses(now_ns)
        self._busy_until_ns = now_ns + len(frame) * self._byte_ns
        return frame

    def due_ns(self) -> int:
        """When to ask `data_to_send` next."""
        due_ns = NEVER_NS
        if self._replies or len(self._ring) - self._sent >= MAX_PRESSES_IN_FRAME:
            due_ns = 0
        elif len(self._ring) > self._sent:
            due_ns = self._pressed_ns(self._ring[self._sent]) + LINGER_NS
        if self._sent:
            due_ns = min(due_ns, self._resend_from_ns + self._resend_after_ns)
        return max(due_ns, self._busy_until_ns)

    def _due(self) -> None:
        if self.on_due is not None:
            self.on_due()

    def _say(self, reply: Callable[[], bytes]) -> None:
        self._replies.append(reply)
        self._due()

    def _ticks(self) -> int:
        age = (self._now_ns() - self._clock_from_ns) * self._clock_rate
        return (self._clock_start_ticks + int(age)) % (1 << 32)

    def _pressed_ns(self, press: Press) -> int:
        age_ticks = (self._ticks() - press.time_ticks) % (1 << 32)
        return self._now_ns() - int(age_ticks / self._clock_rate)

    def _take(self, message: FromHost) -> None:
        if isinstance(message, Outcomes):
            self._take_outcomes(message)
        elif isinstance(message, TimeRequest):
            token, received_ticks = message.token, self._ticks()
            self._replies.appendleft(
                lambda: encode_frame(Time(token, received_ticks, self._ticks()).encode())
            )
        elif isinstance(message, HelloRequest):
            self._replies += (self._hello, self._switches)
            self._sent = 0
            self._progress()
        elif isinstance(message, StatusRequest):
            self._replies += (self._status, self._switches)
        elif isinstance(message, Show):
            self.question = message
        elif isinstance(message, Readers):
            self.wiegand_wanted = message.wiegand
        elif isinstance(message, Radio):
            self.radio = message
        elif isinstance(message, Locate):
            self.locate_s = message.seconds
        else:
            self._junk_frames += 1

    def _take_outcomes(self, outcomes: Outcomes) -> None:
        for seq, code in enumerate(outcomes.codes, outcomes.first_seq):
            if not self._ring or self._ring[0].seq != seq:
                continue
            if self._ring[0].boot != outcomes.boot:
                return
            press = self._ring.popleft()
            self._ring_used_bytes -= RING_PRESS_BYTES + len(press.key)
            self._sent = max(0, self._sent - 1)
            self._progress()
            if self._on_shown is not None:
                token = press_token(self.serial_number, press.boot, press.seq)
                self._on_shown(Shown(token, press.keypad, code))

    def _progress(self) -> None:
        self._resend_from_ns = self._now_ns()
        self._resend_after_ns = RESEND_NS

    def _hello(self) -> bytes:
        hello = Hello(
            protocol=self._protocol,
            firmware=FIRMWARE,
            board=BOARD_VIRTUAL,
            serial=bytes.fromhex(self.serial_number),
            boot=self.boot,
            ring_boot=self._ring_boot,
            clock_ticks=self._ticks(),
            ring_capacity=self._ring_presses,
            ring_waiting=len(self._ring),
            first_seq=self._ring[0].seq if self._ring else self._next_seq,
            refused=self.refused,
            lost=self.lost,
            table=self._table,
        )
        return b"\0" + encode_frame(hello.encode())

    def _status(self) -> bytes:
        status = Status(
            boot=self.boot,
            ring_waiting=len(self._ring),
            refused=self.refused,
            lost=self.lost,
            resent=self._resent,
            junk_frames=self._junk_frames + self._frames.junk_frames,
            overruns=0,
            shown=self.question.number,
        )
        return encode_frame(status.encode())

    def _switches(self) -> bytes:
        return encode_frame(Switches(self.closed_switches).encode())

    def _presses(self, now_ns: int) -> bytes:
        if self._sent and now_ns >= self._resend_from_ns + self._resend_after_ns:
            self._resent += self._sent
            self._sent = 0
            self._resend_after_ns = min(2 * self._resend_after_ns, RESEND_MAX_NS)
        waiting = len(self._ring) - self._sent
        if not waiting or (
            waiting < MAX_PRESSES_IN_FRAME
            and now_ns < self._pressed_ns(self._ring[self._sent]) + LINGER_NS
        ):
            return b""
        if self._sent == 0:
            self._resend_from_ns = now_ns
        batch: list[Press] = []
        body_bytes = PRESSES_HEAD_BYTES
        while self._sent < len(self._ring) and len(batch) < MAX_PRESSES_IN_FRAME:
            press = self._ring[self._sent]
            body_bytes += PRESS_HEAD_BYTES + len(press.key)
            if body_bytes > MAX_BODY_BYTES or (batch and press.boot != batch[0].boot):
                break
            batch.append(press)
            self._sent += 1
        return encode_frame(Presses(tuple(batch)).encode())


class PtyLine:
    """The receiver on a pseudo-terminal: `path` is the serial port.

    `async with PtyLine(receiver, now_ns) as line:` on a running loop.
    """

    def __init__(self, receiver: VirtualReceiver, now_ns: Callable[[], int]) -> None:
        self._receiver = receiver
        self._now_ns = now_ns
        self._port = VirtualPort(receiver.feed)
        self._timer: asyncio.TimerHandle | None = None

    @property
    def path(self) -> str:
        """The serial port, once it is plugged in."""
        return self._port.path

    async def __aenter__(self) -> Self:
        await self._port.__aenter__()
        self._receiver.on_due = self._wake
        self._wake()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.unplug()

    def unplug(self) -> None:
        """The port goes away, as when a cable is pulled; safe to call twice."""
        self._receiver.on_due = None
        if self._timer is not None:
            self._timer.cancel()
        self._port.unplug()

    def _wake(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        wait_s = (self._receiver.due_ns() - self._now_ns()) / 1e9
        self._timer = asyncio.get_running_loop().call_later(max(0.0, wait_s), self._write)

    def _write(self) -> None:
        self._port.send(self._receiver.data_to_send())
        self._wake()
