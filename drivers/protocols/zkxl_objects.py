"""The other dialect of ZKXL receivers: JSON objects in single quotes, one behind the other.

Nothing stands between two objects, and there is no checksum: the grammar is all that tells a whole
object from the pieces of two. Braces may stand inside strings.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import msgspec

MAX_OBJECT_BYTES = 8_192
CARD_ID = re.compile(r"\d{10}")
NUMBER_ID = re.compile(r"\d{1,5}")
NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")
LETTERS = re.compile("[A-Z]+")
SEPARATORS = str.maketrans("", "", " ,;")
RSSI = re.compile(r"-\d{1,3}")
UPDATE = "update_answer_list"

_STRING = rb"'(?:[^'\\\x00-\x1f]|\\[^\x00-\x1f])*'"
_TOKEN = re.compile(rb"[ \t\r\n]*(?:(?P<mark>[][{}:,])|(?P<string>" + _STRING + rb")|(?P<word>"
                    rb"[\w.+-]+(?=[^\w.+-])))")  # fmt: skip
_UNFINISHED = re.compile(rb"[ \t\r\n]*(?:'(?:[^'\\\x00-\x1f]|\\[^\x00-\x1f])*\\?|[\w.+-]*)")
_PLAIN = rb"'[^'\"\\\x00-\x1f]*+'"
_FLAT = rb"\{" + _PLAIN + rb":" + _PLAIN + rb"(?:," + _PLAIN + rb":" + _PLAIN + rb")*+\}"
_FIELD = _PLAIN + rb":(?:" + _PLAIN + rb"|\[(?:" + _FLAT + rb"(?:," + _FLAT + rb")*+)?+\])"
_USUAL = re.compile(rb"\{" + _FIELD + rb"(?:," + _FIELD + rb")*+\}")
"""What nearly every object is: read at once, where the grammar goes token by token."""
_ESCAPED = re.compile(r"\\(.)")
_JSON = msgspec.json.Decoder(dict[str, Any])
_TOP = b"fun"
_TOP_START = b"{'fun'"

_VALUE = "value"


class Answered(NamedTuple):
    """What one clicker has answered so far.

    Attributes:
        keypad: its ten digits.
        rssi_dbm: how strongly it was heard; None if that was not said.
        answers: the question's number (None if it is no number) and the key.
    """

    keypad: str
    rssi_dbm: int | None
    answers: list[tuple[int | None, str]]


class _Misread(ValueError):
    """This is no object, whatever follows."""


class ObjectReader:
    """Reads one object from its brace on, as its bytes come; knows early when it is none."""

    def __init__(self) -> None:
        self._at = 0
        self._open: list[Any] = []
        self._keys: list[str | None] = []
        self._expect = _VALUE
        self._usual_from = 0

    def read(self, held: bytes, start: int) -> tuple[dict[str, Any] | None, int]:
        """The object that begins at `start`, and its size.

        (None, 0) if it is not all there yet, (None, 1) if none begins here. Must be called with
        the same object's bytes, and more of them, until it says.
        """
        if len(held) - start >= self._usual_from:
            self._usual_from = 2 * (len(held) - start)  # not tried again for every byte
            usual = _USUAL.match(held, start)
            if usual is not None and held.find(_TOP_START, start + 1, usual.end()) < 0:
                size = usual.end() - start
                return (_usual(usual[0]), size) if size <= MAX_OBJECT_BYTES else (None, 1)
        try:
            while True:
                token = _TOKEN.match(held, start + self._at)
                if token is None:
                    rest = _UNFINISHED.match(held, start + self._at)
                    whole = rest is not None and rest.end() == len(held)
                    return None, int(not whole or len(held) - start > MAX_OBJECT_BYTES)
                self._at = token.end() - start
                if self._at > MAX_OBJECT_BYTES:
                    return None, 1
                done = self._take(token)
                if done is not None:
                    return done, self._at
        except _Misread:
            return None, 1

    def _take(self, token: re.Match[bytes]) -> dict[str, Any] | None:
        mark = token["mark"]
        if mark is None:
            self._scalar(token["string"], token["word"])
        elif mark in b"{[":
            self._need(_VALUE)
            if not self._open and mark == b"[":
                raise _Misread
            self._open.append({} if mark == b"{" else [])
            self._keys.append(None)
            self._expect = "key" if mark == b"{" else "value or end"
        elif mark in b"}]":
            if not self._open or isinstance(self._open[-1], dict) != (mark == b"}"):
                raise _Misread
            if self._expect in ("colon", _VALUE):
                raise _Misread
            done = self._open.pop()
            self._keys.pop()
            if not self._open:
                return dict(done)
            self._put(done)
        elif mark == b":":
            self._need("colon")
            self._expect = _VALUE
        else:
            self._need("comma")
            self._expect = "key" if isinstance(self._open[-1], dict) else "value or end"
        return None

    def _need(self, what: str) -> None:
        if self._expect != what and not (what == _VALUE and self._expect == "value or end"):
            raise _Misread

    def _scalar(self, string: bytes | None, word: bytes | None) -> None:
        text = (string[1:-1] if string is not None else word or b"").decode("utf-8", "replace")
        text = _ESCAPED.sub(r"\1", text)
        if self._expect == "key":
            if string is None or (len(self._open) > 1 and string[1:-1] == _TOP):
                raise _Misread  # an object within another that begins like one of its own
            self._keys[-1] = text
            self._expect = "colon"
        else:
            self._need(_VALUE)
            if not self._open:
                raise _Misread
            self._put(text)

    def _put(self, value: Any) -> None:
        into, key = self._open[-1], self._keys[-1]
        if isinstance(into, dict):
            into[key] = value
        else:
            into.append(value)
        self._expect = "comma"


def _usual(said: bytes) -> dict[str, Any]:
    text = said.replace(b"'", b'"')
    if not text.isascii():
        text = text.decode("utf-8", "replace").encode()
    return _JSON.decode(text)


def answered(said: dict[str, Any]) -> Answered | None:
    """The answers that an object reports; None if it reports none, or is spoilt."""
    keypad, given = said.get("card_id"), said.get("answers")
    if said.get("fun") != UPDATE or not isinstance(given, list):
        return None
    if not isinstance(keypad, str) or not CARD_ID.fullmatch(keypad):
        return None
    rssi = said.get("rssi")
    heard = isinstance(rssi, str) and RSSI.fullmatch(rssi)
    found = []
    for one in given:
        if not isinstance(one, dict):
            return None
        number, key = one.get("id"), _key(one)
        if not isinstance(number, str) or not number or key is None:
            return None
        if key:
            found.append((int(number) if NUMBER_ID.fullmatch(number) else None, key))
    return Answered(keypad, int(rssi) if isinstance(rssi, str) and heard else None, found)


def _key(one: dict[str, Any]) -> str | None:
    """The key of one answer, "" if it was not answered, None if it is spoilt."""
    kind, said = one.get("type"), one.get("answer")
    if not isinstance(said, str) or not isinstance(kind, str):
        return None
    text = said.strip()
    if not text:
        return ""
    if kind == "j":
        return text.lower() if text.lower() in ("true", "false") else None
    if kind == "d":
        return text if NUMBER.fullmatch(text) else None
    letters = text.upper().translate(SEPARATORS)
    if kind not in ("s", "m") or not LETTERS.fullmatch(letters):
        return None
    return letters


def start(*, time: str, attendance: bool, number: int, kind: str, choice: str) -> bytes:
    """The object that asks one question. `kind`: s, m, j or d; `choice`: e.g. "A-D"."""
    return (
        f"{{'fun':'answer_start','time':'{time}','raise_hand':'1',"
        f"'attendance':'{int(attendance)}',"
        f"'questions':[{{'type':'{kind}','id':'{number}','range':'{choice}'}}]}}"
    ).encode("ascii")
