"""Topics: edu1/{city}/{county}/{school}/{room}/{device}/{up|dn}/{kind}, codes and not names."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from agent.wire.errors import TopicInvalid

ROOT = "edu1"
Direction = Literal["up", "dn"]
BATCH = "b"
STATE = "state"
SUM = "sum"
ACK = "ack"
JOB = "job"
LOG = "log"

CODE_PATTERN = "[A-Za-z0-9-]{1,40}"
_CODE = re.compile(CODE_PATTERN)
_DIRECTIONS: dict[str, Direction] = {"up": "up", "dn": "dn"}


class Address(NamedTuple):
    """Where a board is and which one: `device` is its lasting identity, the place may change."""

    city: str
    county: str
    school: str
    room: str
    device: str

    def checked(self) -> Address:
        """Itself, if every part is a code.

        Raises:
            TopicInvalid: a part is not.
        """
        for name, code in zip(self._fields, self, strict=True):
            if not _CODE.fullmatch(code):
                raise TopicInvalid(
                    f"{name} {code!r} is not a code: 1 to 40 letters, digits and hyphens"
                )
        return self

    def up(self, kind: str) -> str:
        """The topic on which the board speaks."""
        return f"{ROOT}/{'/'.join(self)}/up/{kind}"

    def dn(self, kind: str) -> str:
        """The topic on which the school speaks to this board."""
        return f"{ROOT}/{'/'.join(self)}/dn/{kind}"

    @property
    def place(self) -> str:
        """The place alone, e.g. 4403/440305/s012/r301."""
        return "/".join(self[:4])


class Topic(NamedTuple):
    """A topic taken apart."""

    address: Address
    direction: Direction
    kind: str


def parse(topic: str) -> Topic:
    """A topic taken apart.

    Raises:
        TopicInvalid: it is none of ours.
    """
    parts = topic.split("/")
    if len(parts) != len(Address._fields) + 3 or parts[0] != ROOT:
        raise TopicInvalid(f"{topic[:200]!r} is not {ROOT}/PLACE/DEVICE/up|dn/KIND")
    direction = _DIRECTIONS.get(parts[6])
    if direction is None:
        raise TopicInvalid(f"{topic[:200]!r}: neither up nor dn")
    if not _CODE.fullmatch(parts[7]):
        raise TopicInvalid(f"{topic[:200]!r}: the kind is not a code")
    return Topic(Address(*parts[1:6]).checked(), direction, parts[7])


def every_board(kind: str, *, share: str | None = None) -> str:
    """The filter for one kind of message of all boards, among the workers of `share` if given.

    Raises:
        TopicInvalid: `share` is not a code.
    """
    if share is None:
        return f"{ROOT}/+/+/+/+/+/up/{kind}"
    if not _CODE.fullmatch(share):
        raise TopicInvalid(f"share {share!r} is not a code: 1 to 40 letters, digits and hyphens")
    return f"$share/{share}/{ROOT}/+/+/+/+/+/up/{kind}"
