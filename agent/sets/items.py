"""A prepared question, and what is said of a file that holds some.

Everything that makes an item goes through `item`: what it lets pass can be asked in a lesson, and
written to a file and read again without loss.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import msgspec

from agent.lesson.errors import LessonRefused
from agent.lesson.events import QuestionKind
from agent.lesson.questions import (
    LETTERS,
    MAX_POINT_CHARS,
    MAX_POINTS,
    MAX_TEXT_CHARS,
    TIMER_S,
    check_question,
)

MAX_ITEMS = 500
MAX_PROBLEMS = 200
MAX_NAME_CHARS = 80
MAX_TITLE_CHARS = 120
VERSION_CHARS = 16
KINDS: tuple[QuestionKind, ...] = ("single", "multiple", "true_false", "number")
"""What a set may hold; a buzz-in needs no preparing."""
FORMULA = re.compile(r"\$\$[^$]+\$\$|\$[^$]+\$")
_UNFIT = re.compile(r"[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010fffd]")
"""Control characters but the line feed, half surrogates and noncharacters: no XML may hold them."""


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A question that waits to be asked.

    Attributes:
        key: as a lesson keeps it; None: a poll.
        points: the knowledge points (知识点) that it is about.
        title: what its file calls it; students never see it.
    """

    kind: QuestionKind
    text: str
    options: list[str] = []
    key: list[str] | None = None
    points: list[str] = []
    timer_s: int | None = None
    title: str = ""


class QuestionSet(msgspec.Struct, frozen=True, kw_only=True):
    """Questions in the order in which they are asked."""

    name: str
    items: list[Item]

    @property
    def version(self) -> str:
        """Names the questions as they are, by what is in them: another text, another version."""
        return hashlib.sha256(msgspec.json.encode(self.items)).hexdigest()[:VERSION_CHARS]


class SetProblem(msgspec.Struct, frozen=True, kw_only=True):
    """Something of a file that is not in the set.

    Attributes:
        line: from 1, where it begins; 0: of the whole file.
        code: a stable word.
        hint: what to do, in English.
        what: the question it is about, in its own words.
        file: the file in a package, "" without one.
        left_out: the question was not taken; else it was, without what the code names.
    """

    line: int
    code: str
    hint: str
    what: str = ""
    file: str = ""
    left_out: bool = True


class Found(msgspec.Struct, kw_only=True):
    """What a file holds."""

    name: str = ""
    items: list[Item] = []
    problems: list[SetProblem] = []

    @property
    def questions_left_out(self) -> int:
        """How many questions were not taken."""
        return sum(problem.left_out for problem in self.problems)


class SetInvalid(LessonRefused):
    """Nothing of a file was taken; every problem by its line."""

    def __init__(self, code: str, hint: str, problems: Sequence[SetProblem] = ()) -> None:
        super().__init__(code, "file", hint)
        self.problems = list(problems)


class ItemInvalid(ValueError):
    """A question that cannot be asked as it stands."""

    def __init__(self, code: str, hint: str) -> None:
        super().__init__(f"{code}: {hint}")
        self.code = code
        self.hint = hint


def tidy(text: str) -> str:
    """A text as it is kept: no blanks at the ends of lines, none of it unfit for a file.

    A line break in a formula is a blank, since it means no more there.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
    text = _UNFIT.sub(" ", text)
    text = "\n".join(line.rstrip() for line in text.split("\n")).strip()
    return FORMULA.sub(lambda found: found[0].replace("\n", " "), text)


def tidy_line(text: str) -> str:
    """The same for what stands in one line."""
    return " ".join(tidy(text).split())


def item(
    kind: QuestionKind,
    text: str,
    *,
    options: Sequence[str] = (),
    key: Sequence[str] | None = None,
    points: Sequence[str] = (),
    timer_s: int | None = None,
    title: str = "",
) -> Item:
    """A question that can be asked.

    Raises:
        ItemInvalid: it cannot.
    """
    text = tidy(text)
    if not text:
        raise ItemInvalid("text_missing", "a question needs a text")
    if len(text) > MAX_TEXT_CHARS:
        raise ItemInvalid("text_too_long", f"at most {MAX_TEXT_CHARS} characters")
    if kind not in KINDS:
        raise ItemInvalid("kind_unknown", f"one of {', '.join(KINDS)}")
    shown = [tidy_line(option) for option in options]
    if shown == list(LETTERS[: len(shown)]):  # they say no more than the letters do
        shown = [""] * len(shown)
    if any(shown) and not all(shown):
        raise ItemInvalid("option_empty", "give each option a text, or none")
    if kind == "single" and key is not None and len(set(key)) > 1:
        raise ItemInvalid("two_keys", "a single choice has one right answer")
    try:
        checked, right = check_question(kind, shown, None if key is None else list(key))
    except LessonRefused as error:
        raise ItemInvalid(error.code, error.hint) from error
    if kind == "number" and any("±" in value or ".." in value for value in right or ()):
        raise ItemInvalid("tolerance_unsupported", "a tolerance or range is not taken; be exact")
    if timer_s is not None and timer_s not in TIMER_S:
        hint = f"{TIMER_S.start} to {TIMER_S.stop - 1} seconds, or none"
        raise ItemInvalid("timer_out_of_range", hint)
    about = list(dict.fromkeys(filter(None, (tidy_line(point) for point in points))))
    if len(about) > MAX_POINTS or any(len(point) > MAX_POINT_CHARS for point in about):
        hint = f"at most {MAX_POINTS}, of {MAX_POINT_CHARS} characters each"
        raise ItemInvalid("points_too_many", hint)
    return Item(
        kind=kind,
        text=text,
        options=list(checked),
        key=right,
        points=about,
        timer_s=timer_s,
        title=tidy_line(title)[:MAX_TITLE_CHARS].rstrip(),
    )


class Gathering:
    """Collects the questions of a file, and what is to be said of it."""

    def __init__(self) -> None:
        self.found = Found()
        self.file = ""
        self._unsaid = 0

    def take(self, line: int, made: Item) -> None:
        """One question more."""
        if len(self.found.items) >= MAX_ITEMS:
            hint = f"a set has at most {MAX_ITEMS} questions; make two of it"
            self.leave(line, "set_too_long", hint, made.text)
            return
        self.found.items.append(made)

    def leave(self, line: int, code: str, hint: str, what: str = "") -> None:
        """A question is not taken."""
        self._say(line, code, hint, what, left_out=True)

    def note(self, line: int, code: str, hint: str, what: str = "") -> None:
        """A question is taken without something."""
        self._say(line, code, hint, what, left_out=False)

    def _say(self, line: int, code: str, hint: str, what: str, *, left_out: bool) -> None:
        problems = self.found.problems
        said = SetProblem(
            line=line,
            code=code,
            hint=hint,
            what=_shortened(what),
            file=self.file,
            left_out=left_out,
        )
        if len(problems) < MAX_PROBLEMS:
            problems.append(said)
            return
        self._unsaid += 1
        hint = f"{self._unsaid + 1} more from here on; correct those above first"
        problems[-1] = SetProblem(
            line=problems[-1].line, code="more_problems", hint=hint, left_out=True
        )


def _shortened(text: str) -> str:
    line = tidy_line(text)
    return line if len(line) <= 60 else line[:59] + "…"  # noqa: PLR2004 (what a line shows)
