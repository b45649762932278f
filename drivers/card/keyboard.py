"""Card readers that type: the number of the card in digits, then Enter, as a keyboard would.

Which digits is a setting of the reader, and `form` says it: the number in decimal or the bytes in
hex, in the order in which the card sends them or the other way round. All four give the one UID in
wire order: of a card that sends 04 A1 B2 C3, "0077705923", "3283263748", "04A1B2C3" and "C3B2A104"
are each 04A1B2C3.

That is the UID which a PC/SC reader gives for a card of four bytes (13.56 MHz); one of seven needs
14 hex digits. An EM4100 card (125 kHz) has five bytes, the first being its version: `card.em4100`
and a reader that types ten hex digits give all five, the usual ten decimal digits only the last
four. Those differ, and such a card is bound once for each kind of reader. Eight decimal digits are
mostly three bytes: such a UID begins with 00, and is comparable to none of another reader.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from drivers import api
from drivers.evdev import EV_KEY, EV_SYN, PRESSED, RELEASED, SYN_DROPPED, EventDecoder, InputEvent
from drivers.listening import relay
from drivers.ports import Ports
from drivers.presence import Presence
from drivers.readings import CardTap

Form = Literal["decimal", "decimal_reversed", "hex", "hex_reversed"]

DIGITS = dict(zip((11, 2, 3, 4, 5, 6, 7, 8, 9, 10), "0123456789", strict=True))
PAD_DIGITS = dict(zip((82, 79, 80, 81, 75, 76, 77, 71, 72, 73), "0123456789", strict=True))
LETTERS = dict(zip((30, 48, 46, 32, 18, 33), "ABCDEF", strict=True))
KEYS = DIGITS | PAD_DIGITS | LETTERS
KEY_ENTER, KEY_PAD_ENTER = 28, 96
SHIFTS = (42, 54)
LOCKS = (58, 69)
"""Caps and number lock: pressed by some readers before they type."""
LENGTHS = {"decimal": (8, 10), "hex": (8, 10, 14)}
UID_BYTES = 4
PAUSE_US = 1_000_000
"""Readers type without a pause; what comes after one is another number."""


class KeyboardOptions(api.Options):
    """Settings of one reader."""

    port: str = Field(description="Path or USB id, e.g. 08ff:0009")
    form: Form = Field(
        default="decimal",
        description="How the reader types a card's UID; reversed: the bytes last to first",
    )
    digits: Literal[8, 10, 14] | None = Field(
        default=None, description="How many digits it types; without it, any usual number of them"
    )


class Keyboard(api.Driver):
    """One reader."""

    Options: ClassVar[type[api.Options]] = KeyboardOptions
    FITS = api.Fits("input", keys=frozenset((*DIGITS, KEY_ENTER)))
    CARD_NUMBERS = True

    def __init__(self, device_id: str, options: KeyboardOptions, *, ports: Ports) -> None:
        super().__init__(device_id, options, ports=ports)
        self._port, self._form, self._digits = options.port, options.form, options.digits
        self._decoder, self._presence = self._begin()

    @classmethod
    def decoder(cls, device_id: str) -> api.Decoder:
        """A decoder of the kernel's records, of a reader that types decimal digits."""
        return KeyboardDecoder(device_id, "decimal", None)

    async def run(self, emit: api.Emit) -> None:
        """Read cards until cancelled."""
        line = await self.ports.input(self._port, grab=True, key=KEY_ENTER)
        self._decoder, self._presence = self._begin()
        await relay(line, self._take, emit, device=self.device_id, now_ns=self.ports.now_ns)

    def _take(self, data: bytes, now_ns: int) -> list[CardTap]:
        taps = self._decoder.feed(data, now_ns)
        return [one for one in taps if self._presence.arrives(one.uid, now_ns)]

    def _begin(self) -> tuple[KeyboardDecoder, Presence]:
        return KeyboardDecoder(self.device_id, self._form, self._digits), Presence()

    def counters(self) -> dict[str, int]:
        """What was no card's number, and cards that simply lay there."""
        return {
            "junk_bytes": self._decoder.junk_bytes,
            "lines_skipped": self._decoder.lines_skipped,
            "repeats": self._presence.repeats,
        }


class KeyboardDecoder:
    """Records to one `CardTap` a number. Holds at most a record less one byte, and a number."""

    def __init__(self, device_id: str, form: Form, digits: int | None) -> None:
        self.lines_skipped = 0
        self._device = device_id
        self._form = form
        self._lengths = LENGTHS[form.partition("_")[0]] if digits is None else (digits,)
        self._events = EventDecoder()
        self._down: set[int] = set()
        self._last_us = 0
        self._typed = ""
        self._spoilt = False

    @property
    def junk_bytes(self) -> int:
        """Bytes of no record."""
        return self._events.junk_bytes

    def feed(self, data: bytes, now_ns: int) -> list[CardTap]:
        """The cards whose numbers `data` completes."""
        uids = [self._hear(event) for event in self._events.feed(data)]
        return [CardTap(device=self._device, mono_ns=now_ns, uid=uid) for uid in uids if uid]

    def _hear(self, event: InputEvent) -> str | None:
        if event.type == EV_SYN and event.code == SYN_DROPPED:
            self._spoilt = True
            self._down.clear()
        if event.type != EV_KEY:
            return None
        code = event.code
        if event.value == RELEASED:
            self._check_pairs(code in self._down)
            self._down.discard(code)
        elif event.value == PRESSED:
            if not 0 <= event.time_us - self._last_us <= PAUSE_US:
                self._begin()
            self._last_us = event.time_us
            self._check_pairs(code not in self._down)
            uid = self._end() if code in (KEY_ENTER, KEY_PAD_ENTER) else self._press(code)
            self._down.add(code)
            return uid
        return None  # a key that is held is no second press

    def _check_pairs(self, in_turn: bool) -> None:
        """A key pressed or released twice in a row, in the midst of a number: some are missing."""
        self._spoilt |= bool(self._typed) and not in_turn

    def _press(self, code: int) -> str | None:
        key = KEYS.get(code)
        if key is None:
            self._spoilt |= code not in SHIFTS and code not in LOCKS
        elif len(self._typed) < max(self._lengths) and self._plain(code):
            self._typed += key
        else:
            self._spoilt = True
        return None

    def _plain(self, code: int) -> bool:
        """With shift a digit is another character, and a letter is that letter."""
        return code in LETTERS or self._down.isdisjoint(SHIFTS)

    def _begin(self) -> None:
        self.lines_skipped += bool(self._typed) or self._spoilt
        self._typed, self._spoilt = "", False
        self._down.clear()

    def _end(self) -> str | None:
        fits = not self._spoilt and len(self._typed) in self._lengths
        uid = uid_of(self._typed, self._form) if fits else None
        if uid is not None:
            self._typed = ""
        self._begin()
        return uid


def uid_of(typed: str, form: Form) -> str | None:
    """The UID in wire order of what a reader typed; None if it is no number of this form."""
    if form.startswith("hex"):
        uid = bytes.fromhex(typed)
    elif typed.isdigit() and int(typed) < 1 << UID_BYTES * 8:
        uid = int(typed).to_bytes(UID_BYTES)
    else:
        return None
    return (uid[::-1] if form.endswith("reversed") else uid).hex().upper()
