"""QTI 3 (1EdTech): one file an item, or a package of them. Items of QTI 2 are read too.

QTI 2 calls the same things by other names (`choiceInteraction` for `qti-choice-interaction`), so
names are compared without hyphens and prefix.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from agent.files.xml_tree import Node
from agent.lesson.events import QuestionKind
from agent.lesson.questions import LETTERS
from agent.sets.items import Gathering, Item, ItemInvalid, item
from agent.sets.markup import RAISED

_BLOCKS = {
    *("p", "div", "li", "tr", "br", "pre", "prompt", "blockquote"),
    *("h1", "h2", "h3", "h4", "h5", "h6"),
}
_HELD = re.compile("[\ufdd0\ufdd1]")
_PICTURES = {"img", "object", "picture", "video", "audio", "svg", "mediainteraction"}
_UNSAID = {"rubricblock", "stylesheet", "catalog", "script", "templateblock"}
NUMBERS = {"float", "integer"}
HIGHEST = "no right answer but points: the option with the most is taken for right"


def plain_name(node: Node) -> str:
    """The name by which a thing goes in either version."""
    return node.name.lower().replace("-", "").removeprefix("qti")


def _named(node: Node, name: str) -> Iterator[Node]:
    return (one for one in node.walk() if plain_name(one) == name)


def is_item(root: Node) -> bool:
    """Whether it is an item of QTI 2 or 3."""
    return plain_name(root) == "assessmentitem"


class _Left(Exception):
    def __init__(self, code: str, hint: str) -> None:
        super().__init__(code)
        self.code = code
        self.hint = hint


def read_item(
    root: Node, into: Gathering, *, points: list[str] | None = None, timer_s: int | None = None
) -> None:
    """Take an item, with what its package says of it."""
    title = root.attributes.get("title", "")
    reader = _Reader()
    try:
        made = reader.item(root, title, points or [], timer_s)
    except (_Left, ItemInvalid) as error:
        into.leave(root.line, error.code, error.hint, title or reader.stem)
        return
    for code, hint in reader.notes.items():
        into.note(root.line, code, hint, made.text)
    into.take(root.line, made)


class _Reader:
    """One item."""

    def __init__(self) -> None:
        self.notes: dict[str, str] = {}
        self.stem = ""

    def item(self, root: Node, title: str, points: list[str], timer_s: int | None) -> Item:
        body = next(_named(root, "itembody"), None)
        if body is None:
            raise _Left("unfinished", "it has no body")
        self.stem = self._flow(body)
        asked = [one for one in body.walk() if plain_name(one).endswith("interaction")]
        if not asked:
            raise _Left("no_answers", "it asks for no answer")
        if len(asked) > 1:
            raise _Left("kind_unsupported", "it asks for several answers")
        if next(_named(root, "modalfeedback"), None) or next(_named(root, "feedbackinline"), None):
            self.notes["feedback_left"] = "remarks on answers are left out"
        declared = self._declaration(root, asked[0])
        kind, options, key = self._answers(root, asked[0], declared)
        return item(
            kind, self.stem, options=options, key=key, points=points, timer_s=timer_s, title=title
        )

    @staticmethod
    def _declaration(root: Node, interaction: Node) -> Node:
        wanted = interaction.attributes.get(
            "response-identifier", interaction.attributes.get("responseIdentifier", "")
        )
        for one in _named(root, "responsedeclaration"):
            if one.attributes.get("identifier", "") == wanted:
                return one
        raise _Left("unfinished", f"what answers {wanted or 'it'} may have is not declared")

    def _answers(
        self, root: Node, asked: Node, declared: Node
    ) -> tuple[QuestionKind, list[str], list[str] | None]:
        name = plain_name(asked)
        if name == "choiceinteraction":
            return self._choice(asked, declared)
        base = declared.attributes.get("base-type", declared.attributes.get("baseType", ""))
        if name == "textentryinteraction" and base in NUMBERS:
            return self._number(root, declared)
        raise _Left("kind_unsupported", f"{asked.name} is not taken")

    def _choice(
        self, asked: Node, declared: Node
    ) -> tuple[QuestionKind, list[str], list[str] | None]:
        choices = list(_named(asked, "simplechoice"))
        names = [one.attributes.get("identifier", "") for one in choices]
        if len(choices) > len(LETTERS):
            raise _Left("options_count", f"at most {len(LETTERS)} options")
        right = self._right(declared)
        unknown = [one for one in right if one not in names]
        if unknown:
            raise _Left("key_invalid", f"there is no option {unknown[0]}")
        if [name.lower() for name in names] in (["true", "false"], ["false", "true"]):
            if len(right) > 1:
                raise _Left("two_keys", "true/false has one right answer")
            return "true_false", [], [right[0].lower()] if right else self._poll()
        several = declared.attributes.get("cardinality") == "multiple" and (
            asked.attributes.get("max-choices", asked.attributes.get("maxChoices", "1")) != "1"
            or len(right) > 1
        )
        options = [self._flow(one) for one in choices]
        key = sorted(LETTERS[names.index(one)] for one in right) if right else self._poll()
        return "multiple" if several else "single", options, key

    def _number(
        self, root: Node, declared: Node
    ) -> tuple[QuestionKind, list[str], list[str] | None]:
        for one in _named(root, "equal"):
            mode = one.attributes.get("tolerance-mode", one.attributes.get("toleranceMode"))
            if mode not in (None, "exact"):
                raise _Left("tolerance_unsupported", "a tolerance is not taken; make it exact")
        return "number", [], self._right(declared) or self._poll()

    def _right(self, declared: Node) -> list[str]:
        """The right values; by their points where no right answer is named."""
        for one in _named(declared, "correctresponse"):
            return [value.text().strip() for value in _named(one, "value")]
        points = {}
        for one in _named(declared, "mapentry"):
            at = one.attributes
            key = at.get("map-key", at.get("mapKey", ""))
            value = at.get("mapped-value", at.get("mappedValue", "0"))
            if not re.fullmatch(r"[-+]?\d+(\.\d+)?", value):
                raise _Left("key_invalid", "the points of an answer are no number")
            points[key] = float(value)
        best = max(points.values(), default=0.0)
        if best <= 0:
            return []
        if declared.attributes.get("cardinality") == "multiple":
            return [key for key, value in points.items() if value > 0]
        if any(value not in (0.0, best) for value in points.values()):
            self.notes["weights_left"] = HIGHEST
        return [key for key, value in points.items() if value == best]

    def _poll(self) -> list[str] | None:
        self.notes["no_key"] = "no right answer is named, so it is a poll"
        return None

    # -- texts ------------------------------------------------------------------------------------

    def _flow(self, node: Node) -> str:
        """The text of a part, a line a block, without what is asked in it but its prompt."""
        lines = re.split(r"\n", "".join(self._said(node, kept=False)))
        shown = [re.sub("[\ufdd0]", " ", re.sub(r" +", " ", line).strip()) for line in lines]
        return "\n".join(shown).replace("\ufdd1", "\n").strip()

    def _said(self, node: Node, *, kept: bool) -> Iterator[str]:
        for child in node.children:
            if isinstance(child, Node):
                yield from self._element(node, child, kept=kept)
            else:
                text = _HELD.sub(" ", child)
                yield _held(text) if kept else re.sub("[ \t\r\n]+", " ", text)

    def _element(self, parent: Node, child: Node, *, kept: bool) -> Iterator[str]:
        name = plain_name(child)
        if name in _UNSAID or name.startswith("feedback"):
            return
        if name in _PICTURES:
            self.notes["picture_left"] = "pictures in the text are left out"
        elif name == "math":
            yield self._formula(child)
        elif name in RAISED:
            yield f"${RAISED[name]}{{{''.join(self._said(child, kept=kept))}}}$"
        elif name.endswith("interaction"):
            if name == "textentryinteraction":
                yield "" if _stands_alone(parent, child) else " _____ "
            for prompt in _named(child, "prompt"):
                yield f"\n{''.join(self._said(prompt, kept=kept))}\n"
        elif name in _BLOCKS:
            yield f"\n{''.join(self._said(child, kept=kept or name == 'pre'))}\n"
        else:
            yield from self._said(child, kept=kept)

    @staticmethod
    def _formula(math: Node) -> str:
        for one in _named(math, "annotation"):
            if "tex" in one.attributes.get("encoding", "").lower():
                return f"${one.text().strip()}$"
        said = " ".join(math.text().split())
        if math.children and all(plain_name(one) in ("mn", "mi", "mo") for one in _leaves(math)):
            flat = not any(plain_name(one) in _BUILT for one in math.walk())
            if flat:
                return said.replace(" ", "")
        raise _Left("formula_unsupported", "a formula in MathML without its TeX is not taken")


_BUILT = {
    "mfrac", "msqrt", "mroot", "msup", "msub", "msubsup", "munder", "mover", "munderover", "mtable",
    "mmultiscripts", "menclose",
}  # fmt: skip


def _leaves(node: Node) -> Iterator[Node]:
    return (one for one in node.walk() if not any(True for _ in one.elements()))


def _held(text: str) -> str:
    """A text whose blanks and line breaks stay as they are."""
    return text.replace(" ", "\ufdd0").replace("\n", "\ufdd1")


def _stands_alone(parent: Node, entry: Node) -> bool:
    """Whether a field is a line by itself, so that no gap in the text is meant."""
    others = [one for one in parent.children if one is not entry]
    return all(isinstance(one, str) and not one.strip() for one in others)


# -- writing --------------------------------------------------------------------------------------

NAMESPACE = "http://www.imsglobal.org/xsd/imsqtiasi_v3p0"
SCHEMA = "https://purl.imsglobal.org/spec/qti/v3p0/schema/xsd/imsqti_asiv3p0_v1p0.xsd"
RULES = "https://purl.imsglobal.org/spec/qti/v3p0/rptemplates/match_correct"
TRUE_FALSE = {"true": "True", "false": "False"}


def escaped(text: str) -> str:
    """For an element or an attribute."""
    for sign, said in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(sign, said)
    return text


def written_item(one: Item, identifier: str) -> str:
    """One item as a file of its own."""
    number = one.kind == "number"
    cardinality = "multiple" if one.kind == "multiple" else "single"
    right: list[Any] = list("".join(one.key or ())) if one.kind == "multiple" else one.key or []
    values = "".join(f"<qti-value>{escaped(value)}</qti-value>" for value in right)
    correct = f"<qti-correct-response>{values}</qti-correct-response>" if right else ""
    if number and len(right) > 1:  # several numbers are right: an alternative is worth as much
        entries = "".join(
            f'<qti-map-entry map-key="{escaped(value)}" mapped-value="1"/>' for value in right
        )
        correct = f'<qti-mapping default-value="0">{entries}</qti-mapping>'
    rules = f'<qti-response-processing template="{RULES}"/>' if right else ""
    if number and len(right) > 1:
        rules = rules.replace("match_correct", "map_response")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<qti-assessment-item xmlns="{NAMESPACE}"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        f' xsi:schemaLocation="{NAMESPACE} {SCHEMA}" identifier="{identifier}"'
        f' title="{escaped(one.title)}" adaptive="false" time-dependent="false" xml:lang="zh">\n'
        f'<qti-response-declaration identifier="RESPONSE" cardinality="{cardinality}"'
        f' base-type="{"float" if number else "identifier"}">{correct}'
        "</qti-response-declaration>\n"
        '<qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="float"/>\n'
        f"<qti-item-body>{_blocks(one.text)}{_interaction(one)}</qti-item-body>\n"
        f"{rules}\n</qti-assessment-item>\n"
    )


def _interaction(one: Item) -> str:
    if one.kind == "number":
        return '<div><qti-text-entry-interaction response-identifier="RESPONSE"/></div>'
    if one.kind == "true_false":
        choices = list(TRUE_FALSE.items())
    else:
        choices = [
            (letter, option or letter) for letter, option in zip(LETTERS, one.options, strict=False)
        ]
    most = 0 if one.kind == "multiple" else 1
    said = "".join(
        f'<qti-simple-choice identifier="{name}">{escaped(text)}</qti-simple-choice>'
        for name, text in choices
    )
    return (
        f'<qti-choice-interaction response-identifier="RESPONSE" max-choices="{most}">{said}'
        "</qti-choice-interaction>"
    )


def _blocks(text: str) -> str:
    """A paragraph; as it stands where blanks or line breaks mean something."""
    if "\n" in text or "  " in text:
        return f"<pre>{escaped(text)}</pre>"
    return f"<p>{escaped(text)}</p>"
