"""GIFT, Moodle's text format: questions between empty lines, answers in braces.

What a plain GIFT file has no word for stands in a comment of the question, as Moodle does it with
tags: `// [tag:方程] [timer:60] [kind:multiple]`. Other readers pass over it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from agent.lesson.events import QuestionKind
from agent.lesson.questions import LETTERS
from agent.sets.items import FORMULA, Gathering, Item, ItemInvalid, QuestionSet, item, tidy_line
from agent.sets.markup import is_marked_up, plain

_ESCAPED = "\\:#={}~n"
_HELD = {char: chr(0xFDD0 + place) for place, char in enumerate(_ESCAPED)}
"""In place of an escaped sign while a question is taken apart; no text has these."""
_SIGNS = {held: "\n" if char == "n" else char for char, held in _HELD.items()}
_BREAK = _HELD["n"]
_ESCAPE = re.compile(r"\\([\\:#={}~n])")
_NONCHARACTERS = re.compile("[\ufdd0-\ufdef]")
_MARK = re.compile(r"\[(tag|timer|kind):((?:\\.|[^\]\\])*)\]")
_FORMAT = re.compile(r"\s*\[(html|moodle|plain|markdown)\]")
_WEIGHT = re.compile(r"\s*%(-?\d+(?:\.\d+)?)%")
_ANSWER = re.compile(r"([~=])([^~=]*)")
_TRUE_FALSE = re.compile(r"(T|TRUE|F|FALSE)", re.IGNORECASE)
_NUMBER = re.compile(r"([^:]*?)\s*(?::\s*(.*)|\.\.\s*(.*))?")
_CLOZE = re.compile(r"\d*:\w+:")
ALL = 100.0
GAP = "_____"

NO_KEY = "no right answer is named, so it is a poll"


class _Block(NamedTuple):
    """One question's lines as they stand, and the marks of its comments."""

    line: int
    text: str
    marks: list[tuple[str, str]]


def read(text: str, into: Gathering) -> None:
    """Take all questions of a file."""
    for block in _blocks(text, into):
        said = _NONCHARACTERS.sub(" ", block.text)
        held = _ESCAPE.sub(lambda found: _HELD[found[1]], said)
        _Reader(into, block, held).read()


def _blocks(text: str, into: Gathering) -> list[_Block]:
    blocks: list[_Block] = []
    lines: list[str] = []
    marks: list[tuple[str, str]] = []
    begun = 0

    def finish() -> None:
        nonlocal lines, marks
        if lines:
            blocks.append(_Block(begun, "\n".join(lines), marks))
            lines, marks = [], []

    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if not stripped:
            finish()
        elif stripped.startswith("//"):
            marks += [(found[1], found[2]) for found in _MARK.finditer(stripped)]
        elif stripped.startswith("$CATEGORY:"):
            finish()
            name = stripped.removeprefix("$CATEGORY:").strip().removeprefix("$course$/")
            if into.found.name and name != into.found.name:
                hint = "one file is one set; what is below belongs to it too"
                into.note(number, "category_left", hint, name)
            into.found.name = into.found.name or tidy_line(name)
        else:
            if not lines:
                begun = number
            lines.append(line)
    finish()
    return blocks


class _Left(Exception):
    """This question is not taken."""

    def __init__(self, code: str, hint: str) -> None:
        super().__init__(code)
        self.code = code
        self.hint = hint


class _Reader:
    """One question."""

    def __init__(self, into: Gathering, block: _Block, held: str) -> None:
        self._into = into
        self._block = block
        self._held = held
        self._kind: str = next((said for name, said in block.marks if name == "kind"), "")
        self._notes: dict[str, str] = {}
        self._format = ""

    def read(self) -> None:
        line, what = self._block.line, self._block.text
        try:
            made = self._item()
        except (_Left, ItemInvalid) as error:
            self._into.leave(line, error.code, error.hint, what)
            return
        for code, hint in self._notes.items():
            self._into.note(line, code, hint, made.text)
        self._into.take(line, made)

    def _item(self) -> Item:
        rest, title = self._held.strip(), ""
        if rest.startswith("::"):
            title, found, rest = rest[2:].partition("::")
            if not found:
                raise _Left("unfinished", "the title has no end: write ::title:: before the text")
        rest, form = _formatted(rest)
        self._format = form
        before, begins, inner = rest.partition("{")
        if "}" in before:
            raise _Left("unfinished", "a } without a {: escape it as \\}")
        if not begins:
            raise _Left("no_answers", "a text without answers in braces is no question")
        inner, ends, after = inner.partition("}")
        if not ends:
            raise _Left("unfinished", "the answers have no end: a } is missing")
        if "{" in inner or "{" in after or "}" in after:
            hint = "leave an empty line between questions, and escape braces as \\{ and \\}"
            raise _Left("two_in_one", hint)
        stem = f"{before.rstrip()} {GAP} {after.lstrip()}" if after.strip() else before
        kind, options, key = self._answers(inner.strip())
        return item(
            kind,
            self._text(stem, form),
            options=options,
            key=key,
            points=[_unmarked(said) for name, said in self._block.marks if name == "tag"],
            timer_s=self._timer_s(),
            title=self._text(title, "plain"),
        )

    def _timer_s(self) -> int | None:
        said = next((said for name, said in self._block.marks if name == "timer"), "")
        if said and not (said.isascii() and said.isdecimal() and len(said) < 6):  # noqa: PLR2004
            raise _Left("timer_out_of_range", "a timer is a number of seconds: [timer:60]")
        return int(said) if said else None

    def _answers(self, body: str) -> tuple[QuestionKind, list[str], list[str] | None]:
        body, remark, _ = body.partition("####")
        body = body.strip()
        if remark:
            self._feedback()
        if not body:
            raise _Left("kind_unsupported", "an essay has no answer that a clicker could give")
        if body.startswith("#"):
            return "number", [], self._numbers(body[1:].strip())
        if _CLOZE.match(body):
            raise _Left("kind_unsupported", "a text with several gaps (Cloze) is not taken")
        if "~" in body:
            return self._choice(body)
        if "=" in body and "->" in body:
            raise _Left("kind_unsupported", "matching is not taken")
        said = self._without_feedback(body)
        if _TRUE_FALSE.fullmatch(said):
            return "true_false", [], ["true" if said[0] in "Tt" else "false"]
        raise _Left("kind_unsupported", "a short text answer is not taken; give wrong ones with ~")

    def _choice(self, body: str) -> tuple[QuestionKind, list[str], list[str] | None]:
        if body[0] not in "~=":
            raise _Left("unfinished", "each answer begins with = (right) or ~ (wrong)")
        options: list[str] = []
        right: list[str] = []
        shares: list[float] = []
        marked = 0
        for place, (sign, said) in enumerate(_ANSWER.findall(body)):
            weight = _WEIGHT.match(said)
            share = float(weight[1]) if weight else ALL if sign == "=" else 0.0
            shares.append(share)
            options.append(self._option(said[weight.end() :] if weight else said))
            marked += sign == "="
            if place < len(LETTERS) and (sign == "=" or share > 0):
                right.append(LETTERS[place])
        if marked > 1:
            hint = "one = at most; several right answers are written ~%50%one ~%50%other"
            raise _Left("two_keys", hint)
        if self._kind == "true_false" and not right:
            return "true_false", [], self._poll()
        if marked:
            right = [LETTERS[place] for place in [body_place(body)] if place < len(LETTERS)]
            if any(share not in (0.0, ALL) for share in shares) or shares.count(ALL) > 1:
                self._weights()
            return "single", options, right
        if not right:
            return "multiple" if self._kind == "multiple" else "single", options, self._poll()
        gains = [share for share in shares if share > 0]
        if min(shares) < 0 or max(gains) - min(gains) > 0.1 or abs(sum(gains) - ALL) > 1:  # noqa: PLR2004
            self._weights()
        return "multiple", options, right

    def _numbers(self, body: str) -> list[str] | None:
        if not body:
            return self._poll()
        key: list[str] = []
        for said in body.split("=") if "=" in body else [body]:
            weight = _WEIGHT.match(said)
            if weight and float(weight[1]) < ALL:
                self._weights()
                continue
            text = self._without_feedback(said[weight.end() :] if weight else said)
            if not text:
                continue
            found = _NUMBER.fullmatch(text)
            if found is None or (found[3] is not None and found[3].strip() != found[1].strip()):
                raise _Left("tolerance_unsupported", "a range is not taken; give the exact number")
            if found[2] is not None and not re.fullmatch(r"0*\.?0*", found[2].strip()):
                raise _Left("tolerance_unsupported", "a tolerance is not taken; leave it out")
            key.append(found[1].strip())
        if not key:
            raise _Left("key_invalid", "no number is wholly right")
        return key

    def _poll(self) -> list[str] | None:
        self._notes["no_key"] = NO_KEY
        return None

    def _weights(self) -> None:
        hint = "an answer is right or wrong here; shares of points are left out"
        self._notes["weights_left"] = hint

    def _feedback(self) -> None:
        self._notes["feedback_left"] = "remarks on answers are left out"

    def _without_feedback(self, said: str) -> str:
        said, sign, remark = said.partition("#")
        if sign and remark.strip():
            self._feedback()
        return said.strip()

    def _option(self, said: str) -> str:
        rest, form = _formatted(self._without_feedback(said))
        return self._text(rest, form or self._format)

    def _text(self, held: str, form: str) -> str:
        """The text that was meant. In a formula a backslash before an n begins a command."""
        found = FORMULA.sub(lambda one: re.sub(f"{_BREAK}(?=[a-z])", r"\\n", one[0]), held)
        text = "".join(_SIGNS.get(char, char) for char in found)
        if form == "html" or (form != "plain" and is_marked_up(text)):
            text, pictures = plain(text)
            if pictures:
                self._notes["picture_left"] = "pictures in the text are left out"
        return text


def body_place(body: str) -> int:
    """Which answer of a choice the one = marks, from 0."""
    return [sign for sign, _ in _ANSWER.findall(body)].index("=")


def _formatted(text: str) -> tuple[str, str]:
    found = _FORMAT.match(text)
    return (text[found.end() :], found[1]) if found else (text, "")


def _unmarked(said: str) -> str:
    return re.sub(r"\\(.)", r"\1", said)


# -- writing --------------------------------------------------------------------------------------


def write(made: QuestionSet) -> str:
    """The set as a GIFT file; `read` gives the same questions."""
    lines = [f"$CATEGORY: {tidy_line(made.name)}", ""] if made.name else []
    for one in made.items:
        marks = _marks(one)
        if marks:
            lines.append(f"// {' '.join(marks)}")
        title = f"::{_escaped(one.title)}::" if one.title else ""
        lines += [f"{title}{_plainly(one.text)}{{{_written_answers(one)}}}", ""]
    return "\n".join(lines)


def _marks(one: Item) -> list[str]:
    marks = [f"[tag:{_marked(point)}]" for point in one.points]
    if one.timer_s is not None:
        marks.append(f"[timer:{one.timer_s}]")
    if one.key is None and one.kind in ("multiple", "true_false"):
        marks.append(f"[kind:{one.kind}]")
    return marks


def _marked(point: str) -> str:
    return point.replace("\\", "\\\\").replace("]", "\\]")


def _written_answers(one: Item) -> str:
    if one.kind == "number":
        return "#" if one.key is None else "#" + " ".join(f"={value}" for value in one.key)
    if one.kind == "true_false":
        return "~True ~False" if one.key is None else one.key[0].upper()
    right = "".join(one.key or ())
    share = f"{ALL / len(right):.5f}".rstrip("0").rstrip(".") if right else ""
    said = []
    for letter, option in zip(LETTERS, one.options, strict=False):
        sign = "="
        if letter not in right or one.kind == "multiple":
            sign = f"~%{share}%" if letter in right else "~"
        if option.startswith("%") and not sign.endswith("%"):
            sign += "%100%" if sign == "=" else "%0%"
        said.append(sign + _plainly(option))
    return " ".join(said)


def _plainly(text: str) -> str:
    """Marked as plain where somebody could take a part of it for something else."""
    odd = text.startswith(("[", "//", "$")) or any(char in text for char in "<&")
    return ("[plain]" if odd else "") + _escaped(text)


def _escaped(text: str) -> str:
    return re.sub(r"[\\:#={}~]", lambda found: "\\" + found[0], text).replace("\n", "\\n")
