"""What the pages are sent. One snapshot a role, encoded once, shared by all who look.

Times are relative to the moment of sending (`_ago_ms`), since a page's clock is its own.
Names of students are in the teacher's view alone; the key is in no view of the room before
its reveal.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from agent.lesson.events import Policy, QuestionKind, Show
from agent.web.device_views import DeviceView
from agent.web.round_views import Advice, ComparisonView, TimerView
from agent.web.view import View

QuestionStatus = Literal["open", "closed", "revealed"]


class Bar(View, frozen=True, kw_only=True):
    """One bar of the distribution. `key`: the option's letter, "true"/"false", or the number.

    `right` is None while the key may not be seen, or if there is none.
    """

    key: str
    count: int
    right: bool | None = None


class AskedView(View, frozen=True, kw_only=True):
    """What is asked, as anybody in the room may see it.

    `place`: the number that people see, the same for all rounds of a question; `round`: how often
    it was asked, with this one. `timer`: of an open question that has one.
    """

    number: int
    kind: QuestionKind
    options: list[str]
    status: QuestionStatus
    policy: Policy
    opened_ago_ms: int
    timer_s: int | None
    text: str = ""
    place: int = 0
    round: int = 1
    timer: TimerView | None = None


class BuzzView(View, frozen=True, kw_only=True):
    """One in the order of a buzz-in.

    `place` to `last_place`: which they may have; the same if all others can be told apart from
    them. `who`: the respondent's id, told to the teacher only. `label`: number of the student or
    of a phone's seat, or the keypad. `behind_ms` is after the first, give or take so much; None
    if unknown. `final`: nothing that may change the place is expected. `late`: it came after
    that was said.
    """

    place: int
    who: str | None
    label: str
    phone: bool
    last_place: int
    behind_ms: float | None
    give_or_take_ms: float
    final: bool
    late: bool


class TextGroupView(View, frozen=True, kw_only=True):
    """Equal answers in words. `group`: by what they are shown and taken back."""

    group: str
    text: str
    count: int
    right: bool | None = None
    shown: bool = False


class RoomQuestionView(View, frozen=True, kw_only=True):
    """The question on the projector. What `show` does not allow is None.

    `buzzes`: the first few of a buzz-in; None for other questions too. `texts`: of answers in
    words those that the teacher lets the room read. `mean`: of a scale.
    """

    asked: AskedView
    show: Show
    answered: int | None
    expected: int | None
    bars: list[Bar] | None
    key: list[str] | None
    buzzes: list[BuzzView] | None = None
    texts: list[TextGroupView] | None = None
    mean: float | None = None


class RespondentView(View, frozen=True, kw_only=True):
    """One who answers: a student of the roster, or a keypad that is nobody's yet.

    `id` is the student's pseudonym or the keypad. `key` is the answer to the current question,
    None if there is none; `entered`: it is the teacher's entry.
    """

    id: str
    label: str
    name: str | None
    present: bool
    keypads: list[str]
    has_card: bool
    key: str | None
    entered: bool = False


class TeacherQuestionView(View, frozen=True, kw_only=True):
    """The question on the teacher's page. `right` counts right answers, None without a key.

    `buzzes`: the order of a buzz-in. `void`: it counts nowhere. `advice`: what to do after closing.
    `rounds`: each round with the one before. `texts`: answers in words, the commonest. `mean`: of
    a scale.
    """

    asked: AskedView
    show: Show
    answered: int
    bars: list[Bar]
    key: list[str] | None
    right: int | None
    buzzes: list[BuzzView] = msgspec.field(default_factory=list)
    void: bool = False
    advice: Advice | None = None
    rounds: list[ComparisonView] = msgspec.field(default_factory=list)
    texts: list[TextGroupView] = msgspec.field(default_factory=list)
    mean: float | None = None


class PastQuestionView(View, frozen=True, kw_only=True):
    """One line of the lesson's history. `place` and `round` as in `AskedView`."""

    number: int
    kind: QuestionKind
    status: QuestionStatus
    answered: int
    right: int | None
    place: int = 0
    round: int = 1
    void: bool = False


class PressView(View, frozen=True, kw_only=True):
    """The newest press of all, for binding by "press your key now". `count` grows with each."""

    keypad: str
    student: str | None
    count: int


class LessonView(View, frozen=True, kw_only=True):
    """The open lesson. `expected`: how many may answer, those not on the roster included.

    None without a roster. `auto_close`: a question closes when all who are there have answered;
    `awaited`: how many have not, None while nobody can know.
    """

    id: str
    title: str
    class_id: str | None
    opened_ago_ms: int
    expected: int | None
    present: int
    room_code: str
    join_url: str
    respondents: list[RespondentView]
    question: TeacherQuestionView | None
    history: list[PastQuestionView]
    last_press: PressView | None
    unbound_cards: list[str]
    unasked_presses: int
    auto_close: bool = False
    awaited: int | None = None


class CloudView(View, frozen=True, kw_only=True):
    """The line to the school.

    Attributes:
        waiting: events without the school's receipt yet.
        aside: events that the school did not take; they stay on the board.
    """

    state: Literal["off", "connecting", "connected"]
    waiting: int
    aside: int = 0


class CloudHealth(CloudView, frozen=True, kw_only=True):
    """The line to the school, for IT.

    Attributes:
        reason: why there is no connection, or what the broker refused; "" if nothing.
        nobody_listens: the broker took the newest batch and had nobody to give it to.
        malformed: messages from the school's side that could not be read, since the start.
        name_taken: receipts, since the start, for events that this board never wrote: a copy of
            its journal runs elsewhere, or its disk lost what it had said was written.
    """

    reason: str = ""
    nobody_listens: bool = False
    malformed: int = 0
    name_taken: int = 0


class StorageView(View, frozen=True, kw_only=True):
    """The room for answers, and what became of a damaged store.

    Attributes:
        room: "low": a person should act; "full": new answers are refused, without a tick.
        reason: what is short: the journal's own bound, or the disk.
        used_percent: of the journal's bound.
        salvage: whether what can be read of a damaged journal is being saved, or was since the
            start.
        missing: events that could not be read, as far as they can be counted.
        names_lost: a class has students without a name, since its list was damaged; until it is
            sent again.
    """

    room: Literal["ok", "low", "full"] = "ok"
    reason: Literal["", "journal", "disk"] = ""
    used_percent: int = 0
    salvage: Literal["", "running", "ended"] = ""
    missing: int = 0
    names_lost: bool = False


class StorageHealth(StorageView, frozen=True, kw_only=True):
    """The same for IT, in bytes.

    Attributes:
        used_bytes: what the journal holds.
        bound_bytes: what it may hold.
        free_bytes: of the disk.
        damaged_files: damaged files in the data folder; `classroom-agent damaged list` names them.
    """

    used_bytes: int = 0
    bound_bytes: int = 0
    free_bytes: int = 0
    damaged_files: int = 0


class ClassView(View, frozen=True, kw_only=True):
    """A class whose roster is on the board."""

    id: str
    students: int


class PairingView(View, frozen=True, kw_only=True):
    """A code that pairs one new browser, while it is valid."""

    code: str
    expires_s: int


class ScreenView(View, frozen=True, kw_only=True):
    """A browser that asks to be the projector, and the number it shows."""

    id: str
    number: str


class PictureView(View, frozen=True, kw_only=True):
    """A picture under a board, and where it lies on it; its bytes are fetched apart."""

    sha256: str
    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float


class InkView(View, frozen=True, kw_only=True):
    """The board that is drawn on now; its strokes are fetched apart.

    Attributes:
        question: whose it is, None: the lesson's own.
        strokes: how many are seen.
        changes: grows with whatever is more than a stroke more: then all are fetched again.
        undoable: whether there is a step to take back.
        full: strokes are refused.
        picture: what is drawn over.
        attachable: what is on the lesson's own board may be given to the open question.
    """

    question: int | None
    strokes: int
    changes: int
    undoable: bool
    full: bool
    width_mm: float
    height_mm: float
    picture: PictureView | None = None
    attachable: bool = False


class CalibrationView(View, frozen=True, kw_only=True):
    """A whiteboard whose corners somebody touches.

    Attributes:
        touched: so far, in the device's own mm.
        smeared: the newest stroke was a line, and no touch.
    """

    device: str
    touched: list[tuple[float, float]]
    smeared: bool


class TeacherView(View, frozen=True, kw_only=True):
    """All of the teacher's page. `journal_ok` False: answers are refused, without a tick."""

    role: Literal["teacher", "guest"]
    version: int
    device: str
    room: str
    clock_synced: bool
    journal_ok: bool
    storage: StorageView
    cloud: CloudView
    devices: list[DeviceView]
    classes: list[ClassView]
    lesson: LessonView | None
    pairing: PairingView | None
    screens: list[ScreenView]
    ink: InkView | None = None
    calibration: CalibrationView | None = None


class ProjectorView(View, frozen=True, kw_only=True):
    """All of the projector's page. `lesson`: the id of the open one."""

    version: int
    title: str | None
    room_code: str | None
    join_url: str | None
    joined_phones: int
    question: RoomQuestionView | None
    pairing_code: str | None
    lesson: str | None = None
    ink: InkView | None = None


class StudentView(View, frozen=True, kw_only=True):
    """All of a student's page but the own answer, which only its phone knows.

    `lesson` None: the lesson is over.
    """

    version: int
    lesson: str | None
    question: AskedView | None


class Problem(View, frozen=True, kw_only=True):
    """Every error of the API.

    Attributes:
        code: a stable word, translated by the page.
        where: the field, line or thing concerned.
        hint: what to do, in English.
    """

    code: str
    where: str
    hint: str
