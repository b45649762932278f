"""The durable facts. Everything else the agent shows or publishes follows from them.

An event is named for ever by (device, epoch, seq). Its body is versioned JSON; a field may be
added with a default, never renamed. Students appear by pseudonym, cards by keyed hash.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import msgspec
from msgspec.structs import astuple

QuestionKind = Literal[
    "single",
    "multiple",
    "true_false",
    "number",
    "buzz",
    "text",
    "scale",
    "order",
    "attendance",
]
Policy = Literal["last_wins", "first_wins"]
Show = Literal["hidden", "count", "distribution", "key"]
Ink = Literal["black", "red", "blue", "green"]


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The base of all events."""

    version: ClassVar[int] = 1
    stays_on_board: ClassVar[tuple[str, ...]] = ()
    """Fields that are journalled but not published."""
    kept_as_values: ClassVar[bool] = False
    """Whether the journal keeps the values without their names (see `encode_kept`)."""
    kept_name: ClassVar[str | None] = None
    """A short name that the journal keeps instead of the class's; never given to another kind."""


class EpochStarted(Event, frozen=True, kw_only=True):
    """A new numbering begins: first start, restore from a backup, salvage, or a name in use twice.

    `name_taken`: the school held more of the epoch before than this journal ever had, since a
    copy of it runs somewhere, or the disk lost what it had said was written.
    """

    reason: Literal["first_start", "restored", "salvaged", "name_taken"]


class JournalSalvaged(Event, frozen=True, kw_only=True):
    """What could be read of a damaged journal has been taken over.

    Attributes:
        kept: events that were read.
        missing: events between those that were not, and had no receipt; `EventLost` follows for
            each. What was lost behind the last one, nobody can count.
    """

    kept: int
    missing: int


class EventLost(Event, frozen=True, kw_only=True):
    """What bore this number is no longer on the board: damaged, or deleted after the receipt.

    Not in the journal: published in its place, with the time of the next event that there is.
    """


class ClockLearnt(Event, frozen=True, kw_only=True):
    """Wall time of a boot: wall_ns = mono_ns + offset_ns, within uncertainty_ns."""

    boot: str
    offset_ns: int
    uncertainty_ns: int


class RosterReplaced(Event, frozen=True, kw_only=True):
    """A class has these students, by pseudonym, in the order of its list."""

    class_id: str
    students: list[str]


class BindingMade(Event, frozen=True, kw_only=True):
    """A keypad or a card is this student's from now on. Answers already given follow it.

    Exactly one of `keypad` and `card` (a keyed hash) is set.
    """

    class_id: str
    student: str
    keypad: str | None = None
    card: str | None = None


class BindingRemoved(Event, frozen=True, kw_only=True):
    """The keypad or card is nobody's in this class again."""

    class_id: str
    keypad: str | None = None
    card: str | None = None


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where the lesson was taught: codes, not names."""

    city: str
    county: str
    school: str
    room: str


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A picture: its bytes are kept on the board under the name `sha256`, and never here."""

    sha256: str
    media_type: Literal["image/png", "image/jpeg", "image/webp"]
    size_bytes: int
    width_px: int
    height_px: int


class LessonOpened(Event, frozen=True, kw_only=True):
    """A lesson began. `class_id` None: without a roster, keypads count under their numbers."""

    lesson: str
    title: str
    place: Place
    class_id: str | None = None


class LessonClassChanged(Event, frozen=True, kw_only=True):
    """The lesson is this class's; its answers are filed anew."""

    lesson: str
    class_id: str | None = None


class LessonEnded(Event, frozen=True, kw_only=True):
    """The lesson is over."""

    lesson: str


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """Which question of a prepared set it is: the set's id, its version, the place from 1."""

    set_id: str
    version: str
    item: int


class QuestionOpened(Event, frozen=True, kw_only=True):
    """A question is open for answers.

    Attributes:
        question: its number in the lesson, from 1.
        kind: "buzz" asks for no answer, but who presses first; "attendance" who is there.
        options: texts of the options, "" where only the letter is shown; of a scale its steps,
            from the lowest. Empty for a number, a text, a buzz-in and a call.
        key: the right answers, None for a poll; stays on the board until `QuestionRevealed`. Of a
            number "12.5", "12.5±0.1" or "10..12", both ends included; of an order "BCAD".
        timer_s: closes by itself after so many seconds; None never.
        repeats: it is asked again: the number of the question of the first round.
        round: how often it was asked, with this one.
        text: what is asked; "" where the teacher says it.
        points: the knowledge points that it is about.
        prepared: where it comes from, None if it was asked by hand.
    """

    stays_on_board: ClassVar[tuple[str, ...]] = ("key",)

    lesson: str
    question: int
    kind: QuestionKind
    options: list[str]
    key: list[str] | None = None
    timer_s: int | None = None
    policy: Policy = "last_wins"
    repeats: int | None = None
    round: int = 1
    text: str = ""
    points: list[str] = []
    prepared: Prepared | None = None


class QuestionClosed(Event, frozen=True, kw_only=True):
    """No more answers are taken."""

    lesson: str
    question: int
    by: Literal["teacher", "timer", "next", "lesson_end", "all_answered"]


class QuestionReopened(Event, frozen=True, kw_only=True):
    """Answers are taken again; it has no timer any more."""

    lesson: str
    question: int


class QuestionVoided(Event, frozen=True, kw_only=True):
    """The question stays on record and counts nowhere; a question that is open is closed first."""

    lesson: str
    question: int


class QuestionRestored(Event, frozen=True, kw_only=True):
    """A void question counts again."""

    lesson: str
    question: int


class TimerChanged(Event, frozen=True, kw_only=True):
    """The timer of a question was paused, goes on, or was set anew.

    Attributes:
        left_ms: so much was left at the row's time.
        running: False: it is paused.
    """

    lesson: str
    question: int
    left_ms: int
    running: bool


class AutoCloseSet(Event, frozen=True, kw_only=True):
    """Whether a question closes by itself when all who are there have answered."""

    lesson: str
    on: bool


class AnswerEntered(Event, frozen=True, kw_only=True):
    """An answer that did not come from a device. It stands against the student's own presses.

    Attributes:
        who: the student's pseudonym, or a keypad or seat that is nobody's.
        key: normalised; "" is no answer; None: withdrawn, the own presses count again.
        source: who entered it.
    """

    lesson: str
    question: int
    who: str
    key: str | None
    source: Literal["teacher"]


class QuestionRevealed(Event, frozen=True, kw_only=True):
    """The room may see the key; from here on it may leave the board."""

    lesson: str
    question: int
    key: list[str] | None = None


class ProjectorChanged(Event, frozen=True, kw_only=True):
    """How much of the question the room sees."""

    lesson: str
    question: int
    show: Show


class GroupShown(Event, frozen=True, kw_only=True):
    """The room may read an answer in words, and how many gave it.

    Attributes:
        group: what these answers have in common.
        text: the spelling that the room reads.
    """

    lesson: str
    question: int
    group: str
    text: str


class GroupHidden(Event, frozen=True, kw_only=True):
    """The room may read that answer no more."""

    lesson: str
    question: int
    group: str


class PhoneJoined(Event, frozen=True, kw_only=True):
    """A phone took a seat in the lesson; its answers come from keypad `seat`."""

    lesson: str
    seat: str
    number: int


class ResponseRecorded(Event, frozen=True, kw_only=True, gc=False):
    """A press counted as an answer. The row's time is when the key was pressed.

    Attributes:
        key: normalised, e.g. "A", "AC", "12.5", "true", "buzz", "here", "BCAD", of a scale the
            step "1" to "10", or the text itself; "" takes the answer back.
        token: the device's own name for the press, None if it has none.
        uncertainty_ns: how far the row's time may be off; told of a buzz-in only, None if unknown.
    """

    kept_as_values: ClassVar[bool] = True
    kept_name: ClassVar[str | None] = "R"

    lesson: str
    question: int
    device: str
    keypad: str
    key: str
    token: str | None = None
    uncertainty_ns: int | None = None


class BuzzSettled(Event, frozen=True, kw_only=True):
    """The order of a buzz-in is final up to a time: nothing that may change it is expected.

    Attributes:
        upto_ns: by the clock of the row's boot.
    """

    lesson: str
    question: int
    upto_ns: int


class ResponseRejected(Event, frozen=True, kw_only=True):
    """A press meant for a question that did not count, and why."""

    lesson: str
    question: int
    device: str
    keypad: str
    key: str
    code: str
    token: str | None = None


class PressUnasked(Event, frozen=True, kw_only=True):
    """A press while no question was open. `lesson` None: no lesson either."""

    device: str
    keypad: str
    key: str
    lesson: str | None = None
    token: str | None = None


class CardTapped(Event, frozen=True, kw_only=True):
    """A card, by keyed hash, was laid on a reader. In a lesson it marks attendance."""

    device: str
    card: str
    lesson: str | None = None
    token: str | None = None


class KeypadFlagged(Event, frozen=True, kw_only=True):
    """Presses that were held back and count for nothing, or an id that two receivers tell.

    Attributes:
        keypad: "" for the sum over more ids than are named.
        flag: "keypad_flood": faster than anybody presses; "keypads_unknown": one of many new ids
            that are nobody's; "keypad_doubled": `other_device` told it less than a minute before.
        presses: so many were held back; none of a doubled id are.
    """

    device: str
    keypad: str
    flag: Literal["keypad_flood", "keypads_unknown", "keypad_doubled"]
    presses: int = 0
    other_device: str | None = None
    lesson: str | None = None


class Measured(Event, frozen=True, kw_only=True):
    """A sensor of the room told a value. Not every value is told: see its settings.

    Attributes:
        quantity: what was measured, e.g. "co2".
        unit: of the value, e.g. "ppm"; "" for none.
    """

    device: str
    quantity: str
    value: float
    unit: str = ""


class TrayChanged(Event, frozen=True, kw_only=True):
    """A pen or the eraser was taken from the whiteboard's tray, or put back.

    Attributes:
        device: the tray.
        tool: its name in the settings, e.g. "red" or "eraser".
    """

    device: str
    tool: str
    lifted: bool


class StrokeDrawn(Event, frozen=True, kw_only=True):
    """A line was drawn on the board, or wiped from it.

    What was written stays on this board: a name may be among it.

    Attributes:
        question: the open one, None: the board of the lesson itself.
        device: the whiteboard, or "page" for a pen on a page.
        points: (x_mm, y_mm, ms since the first) right and down of the board's upper left corner.
        pressures: 0 to 1, one a point; none if the pen tells none.
        count: how many points.
    """

    stays_on_board: ClassVar[tuple[str, ...]] = ("points", "pressures")

    lesson: str
    question: int | None = None
    device: str
    tool: Literal["pen", "eraser"] = "pen"
    colour: Ink = "black"
    width_mm: float
    points: list[tuple[float, float, int]] = []
    pressures: list[float] = []
    count: int


class InkUndone(Event, frozen=True, kw_only=True):
    """The newest stroke or clearing of a board was taken back."""

    lesson: str
    question: int | None = None


class InkCleared(Event, frozen=True, kw_only=True):
    """A board was cleared."""

    lesson: str
    question: int | None = None


class PicturePlaced(Event, frozen=True, kw_only=True):
    """A picture lies under what is drawn on a board, in place of any other.

    Attributes:
        question: whose board, None: that of the lesson itself.
        x_mm, y_mm: its upper left corner, right and down of the board's.
        width_mm, height_mm: what it covers.
    """

    lesson: str
    question: int | None = None
    picture: Picture
    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float


class PictureRemoved(Event, frozen=True, kw_only=True):
    """Nothing lies under a board any more."""

    lesson: str
    question: int | None = None


class BoardAttached(Event, frozen=True, kw_only=True):
    """What was on the lesson's own board is the question's from now on."""

    lesson: str
    question: int


class BoardCalibrated(Event, frozen=True, kw_only=True):
    """Where the corners of a board lie, as its device tells them, and how large it is.

    Attributes:
        corners: in the device's own mm, from the upper left one, clockwise.
    """

    device: str
    corners: list[tuple[float, float]]
    width_mm: float
    height_mm: float


KINDS: dict[str, type[Event]] = {kind.__name__: kind for kind in Event.__subclasses__()}
"""Every kind of event by name: the wire's, and the journal's unless it keeps a short one."""
_SHORT_NAMES = {name: kind.kept_name for name, kind in KINDS.items() if kind.kept_name}
_LONG_NAMES = {short: name for name, short in _SHORT_NAMES.items()}

_encode = msgspec.json.Encoder().encode
_pack_values = msgspec.msgpack.Encoder().encode
_unpack_values = msgspec.msgpack.Decoder(list[Any]).decode
_decode_values = msgspec.json.Decoder(list[Any]).decode
_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    name: msgspec.json.Decoder(kind) for name, kind in KINDS.items()
}


def kept_kind(kind: str) -> str:
    """What a kind is called in the journal's `kind` column."""
    return _SHORT_NAMES.get(kind, kind)


def kind_of(kept: str) -> str:
    """The kind that is called so in the journal: by its short name, or by its own as of old."""
    return _LONG_NAMES.get(kept, kept)


encode_body: Callable[[Event], bytes] = _encode
"""The body as JSON: an object, as the event's schema says."""


def encode_kept(event: Event) -> bytes:
    """The body as the journal keeps it: of the kinds that come by the thousand, the values alone.

    They are a MessagePack array in the order of the class; a field that is added later stands last,
    and is left out where it is None.
    """
    if not event.kept_as_values:
        return _encode(event)
    values = astuple(event)
    return _pack_values(values if values[-1] is not None else values[:-1])


def decode_body(kind: str, body: bytes) -> Event:
    """The event back from its body, in any form that an agent has kept.

    Raises:
        KeyError: no such kind.
        msgspec.ValidationError: the body is not one of that kind.
    """
    known = KINDS[kind]
    if body.startswith(b"{") or not known.kept_as_values:
        event: Event = _DECODERS[kind].decode(body)
        return event
    names, values = known.__struct_fields__, _values(body)
    if len(values) > len(names):
        raise msgspec.ValidationError(f"{kind} has no body of {len(values)} values")
    return msgspec.convert(dict(zip(names, values, strict=False)), known)


def _values(body: bytes) -> list[Any]:
    if body.startswith(b"["):  # JSON, as older agents kept them
        return _decode_values(body)
    try:
        return _unpack_values(body)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"no text: {error.reason}") from error


def public_body(kind: str, body: bytes) -> bytes:
    """The body as it may leave the board: an object, without the fields that stay on it."""
    if not body.startswith(b"{"):  # values
        body = _encode(decode_body(kind, body))
    private = KINDS[kind].stays_on_board
    if not private:
        return body
    fields = msgspec.json.decode(body)
    for name in private:
        fields.pop(name, None)
    return _encode(fields)
