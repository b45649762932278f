"""Questions in a table: one a row, the columns named in Chinese or English."""

from __future__ import annotations

import re
import unicodedata

from agent.files.tables import Row
from agent.lesson.events import QuestionKind
from agent.lesson.questions import LETTERS
from agent.sets.items import Gathering, Item, ItemInvalid, item

COLUMNS = {
    "text": {"text", "question", "stem", "题干", "题目", "问题", "试题", "题目内容", "试题内容"},
    "kind": {"kind", "type", "question type", "题型", "类型", "试题类型"},
    "key": {"key", "answer", "correct", "correct answer", "答案", "正确答案", "参考答案"},
    "points": {"points", "knowledge", "knowledge points", "tags", "知识点", "考点"},
    "timer": {"timer", "time", "seconds", "timer (s)", "时限", "限时", "时间", "时限(秒)"},
    "title": {"title", "name", "标题", "题名"},
}  # fmt: skip
KINDS: dict[str, QuestionKind] = {
    "single": "single", "single choice": "single", "单选": "single", "单选题": "single",
    "单项选择": "single", "单项选择题": "single",
    "multiple": "multiple", "multiple choice": "multiple", "multiple response": "multiple",
    "多选": "multiple", "多选题": "multiple", "多项选择": "multiple", "多项选择题": "multiple",
    "不定项": "multiple", "不定项选择题": "multiple",
    "true/false": "true_false", "true_false": "true_false", "判断": "true_false",
    "判断题": "true_false", "是非题": "true_false",
    "number": "number", "numeric": "number", "数字": "number", "数字题": "number",
    "数值": "number", "数值题": "number",
}  # fmt: skip
_TRUE = {"true", "t", "对", "正确", "√", "✓", "是", "yes", "y"}
_FALSE = {"false", "f", "错", "错误", "×", "✗", "x", "否", "no", "n"}
_OPTION = re.compile(r"(?:选项|option)?\s*([A-Ja-j])(?:选项|项)?")
_BETWEEN = re.compile(r"[;；、|\n]+")
_LETTERS = re.compile(r"[A-Ja-j\s,，、;；.]+")
HEADER = (
    "the first row names the columns: 题干 (text), A, B, C, D, 答案 (answer), 知识点, 题型, 时限"
)


def is_table(rows: list[Row]) -> bool:
    """Whether the first row names the columns of questions."""
    return bool(rows) and "text" in _header(rows[0]) and "key" in _header(rows[0])


def _header(row: Row) -> dict[str, int]:
    named: dict[str, int] = {}
    for place, cell in enumerate(row.cells):
        said = unicodedata.normalize("NFKC", cell).strip().strip("*").lower()
        option = _OPTION.fullmatch(said)
        name = option[1].upper() if option else ""
        for column, words in COLUMNS.items():
            if said in words:
                name = column
        if name:
            named.setdefault(name, place)
    return named


def read(rows: list[Row], into: Gathering) -> None:
    """Take all questions of a table; its first row is the header."""
    columns = _header(rows[0])
    unknown = [
        cell.strip()
        for place, cell in enumerate(rows[0].cells)
        if cell.strip() and place not in columns.values()
    ]
    if unknown:
        hint = f"these columns are left out: {', '.join(unknown)}"
        into.note(rows[0].line, "columns_left", hint[:200])
    for row in rows[1:]:
        cells = {
            name: row.cells[place].strip() if place < len(row.cells) else ""
            for name, place in columns.items()
        }
        what = cells["text"] or " ".join(cell for cell in row.cells if cell)
        try:
            made = _item(cells)
        except ItemInvalid as error:
            into.leave(row.line, error.code, error.hint, what)
            continue
        if made.key is None:
            into.note(row.line, "no_key", "no right answer is named, so it is a poll", what)
        into.take(row.line, made)


def _item(cells: dict[str, str]) -> Item:
    options = [cells.get(letter, "") for letter in LETTERS]
    while options and not options[-1]:
        options.pop()
    answer = unicodedata.normalize("NFKC", cells["key"]).strip()
    kind = _kind(cells.get("kind", ""), options, answer)
    if kind == "true_false" and answer.upper() in LETTERS[: len(options)]:
        answer = options[LETTERS.index(answer.upper())]
    timer = (
        unicodedata.normalize("NFKC", cells.get("timer", "")).removesuffix("s").removesuffix("秒")
    )
    timer = timer.strip()
    if timer and not (timer.isascii() and timer.isdecimal() and len(timer) < 6):  # noqa: PLR2004
        raise ItemInvalid("timer_out_of_range", "a timer is a number of seconds")
    return item(
        kind,
        cells["text"],
        options=options if kind in ("single", "multiple") else (),
        key=_key(kind, answer) if answer else None,
        points=_BETWEEN.split(cells.get("points", "")),
        timer_s=int(timer) if timer else None,
        title=cells.get("title", ""),
    )


def _kind(said: str, options: list[str], answer: str) -> QuestionKind:
    said = unicodedata.normalize("NFKC", said).strip().lower()
    if said:
        if said not in KINDS:
            raise ItemInvalid("kind_unsupported", f"the kind {said!r} is not taken")
        if KINDS[said] in ("true_false", "number") and any(options) and not _says_it(options):
            raise ItemInvalid("options_count", f"a {KINDS[said]} question has no options")
        return KINDS[said]
    if any(options):
        return "single"
    if answer.lower() in _TRUE | _FALSE:
        return "true_false"
    if re.fullmatch(r"[-+]?[\d.]+(\s*[;|]\s*[-+]?[\d.]+)*", answer):
        return "number"
    hint = "give its options, or name its kind: 单选, 多选, 判断, 数字"
    raise ItemInvalid("kind_unsupported", hint)


def _says_it(options: list[str]) -> bool:
    """Whether the options of a true/false question only say so."""
    return {option.lower() for option in options} <= _TRUE | _FALSE


def _key(kind: QuestionKind, answer: str) -> list[str]:
    if kind == "true_false":
        said = answer.lower()
        if said in ("a", "b"):  # of options that say 对 and 错
            return ["true" if said == "a" else "false"]
        if said not in _TRUE | _FALSE:
            raise ItemInvalid("key_invalid", f"{answer!r} is neither true nor false")
        return ["true" if said in _TRUE else "false"]
    if kind == "number":
        return [part.strip() for part in _BETWEEN.split(answer) if part.strip()]
    if not _LETTERS.fullmatch(answer):
        raise ItemInvalid("key_invalid", "name the right option by its letter")
    return [letter.upper() for letter in answer if letter.isalpha()]
