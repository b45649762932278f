"""The state that the events add up to.

`apply` advances a state in place and returns it: deterministic, no I/O, no clock. Replaying
the journal from an empty state gives the live state. Answers are kept by keypad, and a keypad's
student is looked up when read: binding a keypad, taking it back or changing the class files
earlier answers anew without touching them.
"""

from __future__ import annotations

from itertools import islice
from typing import Literal

import msgspec

from agent.lesson import events as ev
from agent.lesson.ink import Ink

QuestionStatus = Literal["open", "closed", "revealed"]
SEEN_TOKENS = 512
"""Tokens remembered a device: far more than a receiver's ring holds, so that whatever it sends
again is known."""
_TOO_MANY_TOKENS = 2 * SEEN_TOKENS
BEFORE_BOOT_NS = 1 << 62
RECENT_LESSONS = 3
"""Ended lessons kept for late presses and corrections; older ones are read from the journal."""


ASKED_ITEMS = 400
"""Remembered over lessons, to mark what a class was asked today: more than a day has."""


class Moment(msgspec.Struct, frozen=True, order=True, gc=False):
    """A time that can be compared over restarts: number of the boot, then its clock in ns."""

    boot: int
    mono_ns: int


def moment(boot: int, mono_ns: int) -> Moment:
    """A reading's time. What a receiver kept from before this boot comes after all of the last."""
    return Moment(boot, mono_ns) if mono_ns >= 0 else Moment(boot - 1, BEFORE_BOOT_NS + mono_ns)


class Answer(msgspec.Struct, gc=False):
    """The answer of one keypad that counts. `order` grows from event to event, over epochs too."""

    key: str
    device: str
    order: int
    mono_ns: int


class Buzz(msgspec.Struct, frozen=True, gc=False):
    """When a keypad buzzed, give or take so much; None: nobody knows.

    `late`: it came when the order up to its time had been called final.
    """

    when: Moment
    uncertainty_ns: int | None
    late: bool


class Timer(msgspec.Struct, frozen=True, gc=False):
    """What was left of a question's timer at a moment, and whether it runs since.

    `changes` grows each time it is set, so that one that ran out is known from one set anew.
    """

    left_ms: int
    running: bool
    since: Moment
    changes: int = 0


TEACHER = "@teacher"
"""The device of an answer that the teacher entered."""


class Question(msgspec.Struct, kw_only=True):
    """One question of a lesson; `answers` by keypad. `presses` counts every attempt.

    `place`: the number that people see, the same for all its rounds; `repeats`: the number of the
    first of them. `gaps`: from when to when it was closed before it was opened again. `void`: it
    counts nowhere. `entered`: answers that the teacher gave, by respondent. `corrections` counts
    what may count its answers anew.

    `hid`: what the room saw before all was hidden from it, None if nothing was.
    `shown`: of answers in words, the groups that the room may read, with their spelling.
    `buzzes` are a buzz-in's first presses by keypad, their order final up to `settled`.
    """

    number: int
    kind: ev.QuestionKind
    options: list[str]
    key: list[str] | None
    timer_s: int | None
    policy: ev.Policy
    opened: Moment
    closed: Moment | None = None
    status: QuestionStatus = "open"
    show: ev.Show = "hidden"
    hid: ev.Show | None = None
    answers: dict[str, Answer] = {}
    presses: int = 0
    buzzes: dict[str, Buzz] = {}
    settled: Moment | None = None
    ink: Ink = msgspec.field(default_factory=Ink)
    repeats: int | None = None
    round: int = 1
    place: int = 0
    timer: Timer | None = None
    gaps: list[tuple[Moment, Moment]] = []
    void: bool = False
    was_void: bool = False
    entered: dict[str, Answer] = {}
    corrections: int = 0
    text: str = ""
    points: list[str] = []
    prepared: ev.Prepared | None = None
    shown: dict[str, str] = {}

    def was_open_at(self, when: Moment) -> bool:
        """Whether an answer given at that moment counts."""
        if when < self.opened or (self.closed is not None and when >= self.closed):
            return False
        return not self.gaps or not any(start <= when < end for start, end in self.gaps)

    @property
    def root(self) -> int:
        """The number of its first round."""
        return self.number if self.repeats is None else self.repeats


class Lesson(msgspec.Struct, kw_only=True):
    """One lesson. `keypads`: each that pressed, with its device; `cards`: each tapped card.

    `entered`: respondents for whom the teacher gave an answer. `auto_close`: a question closes by
    itself when all who are there have answered.
    """

    id: str
    title: str
    class_id: str | None
    opened: Moment
    ended: Moment | None = None
    questions: list[Question] = []
    keypads: dict[str, str] = {}
    cards: dict[str, Moment] = {}
    seats: dict[str, int] = {}
    unasked_presses: int = 0
    ink: Ink = msgspec.field(default_factory=Ink)
    auto_close: bool = False
    entered: list[str] = []

    @property
    def current(self) -> Question | None:
        """The newest question that is not void."""
        for question in reversed(self.questions):
            if not question.void:
                return question
        return None


class Position(msgspec.Struct, frozen=True, order=True, gc=False):
    """The name of an event on this board."""

    epoch: int
    seq: int


class LessonSpan(msgspec.Struct, kw_only=True):
    """Where a lesson lies in the journal, for lessons no longer in memory.

    `pictures`: every one that lay under its boards, by SHA-256.
    """

    id: str
    title: str
    class_id: str | None
    opened: Moment
    first: Position
    last: Position
    questions: int = 0
    ended: bool = False
    pictures: list[str] = []


class ClassRoll(msgspec.Struct):
    """A class: its students in order, and whose the keypads and cards are.

    `changes` counts what may file answers anew.
    """

    students: list[str] = []
    keypads: dict[str, str] = {}
    cards: dict[str, str] = {}
    changes: int = 0


Verdict = tuple[str, str]
"""What became of a press: (verdict, code)."""
ACCEPTED: Verdict = ("accepted", "")
CHANGED: Verdict = ("changed", "")


class Seen(msgspec.Struct):
    """What became of a device's newest presses: token to (verdict, code), oldest first."""

    outcomes: dict[str, Verdict] = {}

    def note(self, token: str, verdict: Verdict) -> None:
        """Remember one press; now and then forget all but the newest `SEEN_TOKENS`."""
        outcomes = self.outcomes
        outcomes[token] = verdict
        if len(outcomes) == _TOO_MANY_TOKENS:  # one by one, a dict gets slow at its front
            self.outcomes = dict(islice(outcomes.items(), SEEN_TOKENS, None))


class LastPress(msgspec.Struct):
    """The newest press of all. `count` grows with each."""

    keypad: str = ""
    count: int = 0


class LastMeasurement(msgspec.Struct, frozen=True):
    """The newest value that a sensor told."""

    quantity: str
    value: float
    unit: str
    at: Moment


class Surface(msgspec.Struct, frozen=True):
    """A board as somebody calibrated it: its corners in its device's own mm, and its size."""

    corners: list[tuple[float, float]]
    width_mm: float
    height_mm: float


class WallClock(msgspec.Struct, frozen=True):
    """Wall time of one boot: wall_ns = mono_ns + offset_ns, within uncertainty_ns."""

    offset_ns: int
    uncertainty_ns: int


class AskedItem(msgspec.Struct, frozen=True):
    """A question of a prepared set that was asked, and in which lesson."""

    prepared: ev.Prepared
    lesson: str


class Tool(msgspec.Struct, frozen=True):
    """A pen or eraser of a whiteboard's tray, by the tray and its name there."""

    device: str
    name: str


class State(msgspec.Struct, kw_only=True):
    """Everything the events say. `epoch` and `seq` name the newest event applied.

    `clocks` is by the kernel's boot id, `seen`, `measured` and `surfaces` by device, the
    newest surface last. `lifted`: what is not on its tray, taken last stands last. `asked`: the
    newest questions that came from prepared sets, the newest last.
    """

    epoch: int = 0
    seq: int = 0
    classes: dict[str, ClassRoll] = {}
    lessons: list[Lesson] = []
    spans: dict[str, LessonSpan] = {}
    seen: dict[str, Seen] = {}
    clocks: dict[str, WallClock] = {}
    last_press: LastPress = msgspec.field(default_factory=LastPress)
    measured: dict[str, LastMeasurement] = {}
    surfaces: dict[str, Surface] = {}
    lifted: list[Tool] = []
    asked: list[AskedItem] = []

    @property
    def lesson(self) -> Lesson | None:
        """The open lesson."""
        newest = self.lessons[-1] if self.lessons else None
        return newest if newest is not None and newest.ended is None else None

    def find(self, lesson: str) -> Lesson | None:
        """A lesson in memory."""
        return next((one for one in self.lessons if one.id == lesson), None)

    def roll(self, lesson: Lesson) -> ClassRoll | None:
        """The class of a lesson, None without one."""
        return None if lesson.class_id is None else self.classes.get(lesson.class_id)


def respondent(roll: ClassRoll | None, keypad: str) -> str:
    """Who answers with this keypad: a student's pseudonym, or the keypad itself."""
    return keypad if roll is None else roll.keypads.get(keypad, keypad)


def answers_by_respondent(question: Question, roll: ClassRoll | None) -> dict[str, Answer]:
    """The one answer of each respondent that counts; taken-back answers are left out.

    A student with several keypads has the newest answer, or the first under `first_wins`. What
    the teacher entered stands before both.
    """
    first_wins = question.policy == "first_wins"
    chosen: dict[str, Answer] = {}
    for keypad, answer in question.answers.items():
        who = respondent(roll, keypad)
        other = chosen.get(who)
        if other is None or (answer.order < other.order) is first_wins:
            chosen[who] = answer
    entered: dict[str, Answer] = {}
    for named, answer in question.entered.items():
        who = respondent(roll, named)
        if who not in entered or answer.order > entered[who].order:
            entered[who] = answer
    chosen.update(entered)
    return {who: answer for who, answer in chosen.items() if answer.key}


def present(lesson: Lesson, roll: ClassRoll | None) -> set[str]:
    """Who is there: who pressed in this lesson, whose card was tapped, whom the teacher entered."""
    here = {respondent(roll, keypad) for keypad in (*lesson.keypads, *lesson.entered)}
    if roll is not None:
        here |= {roll.cards[card] for card in lesson.cards if card in roll.cards}
    return here


def expected(lesson: Lesson, roll: ClassRoll | None) -> int | None:
    """How many may answer: the roster, and whoever is there without being on it; None without."""
    if roll is None:
        return None
    return len(roll.students) + len(present(lesson, roll).difference(roll.students))
