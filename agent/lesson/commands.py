"""What people ask of a lesson. A command is a wish; the rules make events of it or refuse it."""

from __future__ import annotations

from typing import Literal

import msgspec

from agent.lesson.events import Ink, Picture, Place, Policy, Prepared, QuestionKind, Show
from agent.lesson.model import Moment


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """The base of all commands."""


class OpenLesson(Command, frozen=True, kw_only=True):
    """Begin a lesson. `lesson`: a new id, made by the caller, since rules know no chance."""

    lesson: str
    title: str
    place: Place
    class_id: str | None = None


class ChangeClass(Command, frozen=True, kw_only=True):
    """File the lesson under another class, or under none."""

    lesson: str
    class_id: str | None


class EndLesson(Command, frozen=True, kw_only=True):
    """End the lesson; an open question is closed first."""

    lesson: str


class AskQuestion(Command, frozen=True, kw_only=True):
    """Open a new question; one that is open is closed first."""

    lesson: str
    kind: QuestionKind
    options: list[str]
    key: list[str] | None = None
    timer_s: int | None = None
    policy: Policy = "last_wins"
    text: str = ""
    points: list[str] = []
    prepared: Prepared | None = None


class CloseQuestion(Command, frozen=True, kw_only=True):
    """Take no more answers. `timer_changes`: how often the timer was set when it ran out."""

    lesson: str
    question: int
    by: Literal["teacher", "timer", "all_answered"] = "teacher"
    timer_changes: int | None = None


class AskAgain(Command, frozen=True, kw_only=True):
    """Open the next round of a question, of whatever round it is; one that is open is closed."""

    lesson: str
    question: int


class ReopenQuestion(Command, frozen=True, kw_only=True):
    """Take answers again to the newest question, whose key has not been revealed."""

    lesson: str
    question: int


class VoidQuestion(Command, frozen=True, kw_only=True):
    """The question stays on record and counts nowhere."""

    lesson: str
    question: int


class RestoreQuestion(Command, frozen=True, kw_only=True):
    """A void question counts again."""

    lesson: str
    question: int


class TimerCommand(Command, frozen=True, kw_only=True):
    """The base of what is done to a timer. `at`: now, since rules have no clock."""

    lesson: str
    question: int
    at: Moment


class PauseTimer(TimerCommand, frozen=True, kw_only=True):
    """Hold the timer of the open question."""


class ResumeTimer(TimerCommand, frozen=True, kw_only=True):
    """Let it run on; over a restart, it runs on with what was left when it last was set."""


class ExtendTimer(TimerCommand, frozen=True, kw_only=True):
    """Give so much time more; a question without a timer gets one."""

    by_s: int


class SetAutoClose(Command, frozen=True, kw_only=True):
    """Whether a question of this lesson closes by itself when all who are there have answered."""

    lesson: str
    on: bool


class EnterAnswer(Command, frozen=True, kw_only=True):
    """The teacher says what one student's answer is: "" for none, None: the own one counts again.

    `who`: a student, or a keypad or seat of the lesson.
    """

    lesson: str
    question: int
    who: str
    key: str | None


class SettleBuzz(Command, frozen=True, kw_only=True):
    """No press is expected any more that may change the order of a buzz-in up to that time."""

    lesson: str
    question: int
    upto_ns: int


class RevealQuestion(Command, frozen=True, kw_only=True):
    """Show the key to the room; closes first if need be."""

    lesson: str
    question: int


class ShowQuestion(Command, frozen=True, kw_only=True):
    """How much the projector shows."""

    lesson: str
    question: int
    show: Show


class ShowGroup(Command, frozen=True, kw_only=True):
    """Let the room read one group of equal answers in words."""

    lesson: str
    question: int
    group: str


class HideGroup(Command, frozen=True, kw_only=True):
    """Take a group that the room reads back."""

    lesson: str
    question: int
    group: str


class JoinPhone(Command, frozen=True, kw_only=True):
    """A phone takes a seat. `seat`: a new id, made by the caller."""

    lesson: str
    seat: str


class ReplaceRoster(Command, frozen=True, kw_only=True):
    """The class has these students now; keypads and cards may come with them."""

    class_id: str
    students: list[str]
    keypads: dict[str, str] = {}
    cards: dict[str, str] = {}


class TakenClass(msgspec.Struct, frozen=True, kw_only=True):
    """All of a class: its students in order, and whose its keypads and cards are."""

    class_id: str
    students: list[str]
    keypads: dict[str, str] = {}
    cards: dict[str, str] = {}


class TakeRosters(Command, frozen=True, kw_only=True):
    """These classes are from now on just so; all of them or none."""

    classes: list[TakenClass]


class Bind(Command, frozen=True, kw_only=True):
    """The keypad or the card (a keyed hash) is this student's."""

    class_id: str
    student: str
    keypad: str | None = None
    card: str | None = None


class Unbind(Command, frozen=True, kw_only=True):
    """The keypad or the card is nobody's."""

    class_id: str
    keypad: str | None = None
    card: str | None = None


class DrawStroke(Command, frozen=True, kw_only=True):
    """A stroke of a pen on a page; `question`: whose board the page showed, None: the lesson's."""

    lesson: str
    question: int | None
    tool: Literal["pen", "eraser"]
    colour: Ink
    width_mm: float
    points: list[tuple[float, float, int]]
    pressures: list[float]


class UndoInk(Command, frozen=True, kw_only=True):
    """Take the newest stroke or clearing of a board back."""

    lesson: str
    question: int | None


class ClearInk(Command, frozen=True, kw_only=True):
    """Clear a board."""

    lesson: str
    question: int | None


class PlacePicture(Command, frozen=True, kw_only=True):
    """Lay a picture, which is kept already, under a board."""

    lesson: str
    question: int | None
    picture: Picture


class RemovePicture(Command, frozen=True, kw_only=True):
    """Let nothing lie under a board."""

    lesson: str
    question: int | None


class AttachBoard(Command, frozen=True, kw_only=True):
    """Make the lesson's own board that of the open question, whose own is blank."""

    lesson: str
    question: int


class Calibrate(Command, frozen=True, kw_only=True):
    """Where the corners of a board lie, from its upper left one, clockwise, and how large it is."""

    device: str
    corners: list[tuple[float, float]]
    width_mm: float
    height_mm: float


class LearnClock(Command, frozen=True, kw_only=True):
    """The wall time of this boot is known, or known better."""

    boot: str
    offset_ns: int
    uncertainty_ns: int


class NoteSalvage(Command, frozen=True, kw_only=True):
    """What could be read of a damaged journal has been taken over."""

    kept: int
    missing: int
