"""Multitouch without slots (type A): every packet says all contacts anew, mostly without a name.

A contact ends with SYN_MT_REPORT, all of them with SYN_REPORT; a contact that is no longer said was
lifted. Which contact is which from packet to packet is for the reader to find.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from drivers.ports import Axis

ABS_MT_TOUCH_MAJOR = 0x30
ABS_MT_POSITION_X, ABS_MT_POSITION_Y, ABS_MT_TOOL_TYPE, ABS_MT_TRACKING_ID = 0x35, 0x36, 0x37, 0x39
ABS_MT_PRESSURE = 0x3A
KNOWN = frozenset(
    (
        ABS_MT_TOUCH_MAJOR,
        ABS_MT_POSITION_X,
        ABS_MT_POSITION_Y,
        ABS_MT_TOOL_TYPE,
        ABS_MT_TRACKING_ID,
        ABS_MT_PRESSURE,
    )
)
REACH = 0.1
"""Of the board's side: what is further away after one packet is another contact."""


class Contact(NamedTuple):
    """One contact of one packet; `name`: of a device that tells them apart."""

    x: int
    y: int
    name: int | None
    major: int
    tool: int
    pressure: int | None


class Packet:
    """The contacts said since the last SYN_REPORT, `most` at most.

    Attributes:
        told: whether it says which contacts there are, be it none.
    """

    def __init__(self, most: int) -> None:
        self.told = False
        self.contacts: list[Contact] = []
        self._most = most
        self._said: dict[int, int] = {}

    def say(self, code: int, value: int) -> None:
        """An axis of the contact that is being said."""
        if code in KNOWN:
            self._said[code] = value

    def end_contact(self) -> bool:
        """SYN_MT_REPORT; False if there was one that cannot be followed."""
        self.told = True
        said, self._said = self._said, {}
        x, y = said.get(ABS_MT_POSITION_X), said.get(ABS_MT_POSITION_Y)
        if x is None or y is None:
            return not said
        if len(self.contacts) == self._most:
            return False
        self.contacts.append(
            Contact(
                x,
                y,
                said.get(ABS_MT_TRACKING_ID),
                said.get(ABS_MT_TOUCH_MAJOR, 0),
                said.get(ABS_MT_TOOL_TYPE, 0),
                said.get(ABS_MT_PRESSURE),
            )
        )
        return True

    def clear(self) -> None:
        """The packet is over, or lost."""
        self.told = False
        self.contacts.clear()
        self._said.clear()


def continued(
    known: Sequence[tuple[int | None, int, int]],
    contacts: Sequence[Contact],
    axes: tuple[Axis, Axis],
) -> list[int | None]:
    """For each contact the place, among the known ones, of the one that it goes on from.

    By name where they have one; else the nearest pairs first, none further apart than `REACH`.

    Args:
        known: name, x and y of each.
        contacts: of the newest packet.
        axes: x and y.
    """
    found: list[int | None] = [None] * len(contacts)
    across, down = (max(1, axis.highest - axis.lowest) for axis in axes)
    free = set(range(len(known)))
    pairs: list[tuple[float, int, int]] = []
    for at, contact in enumerate(contacts):
        for place, (name, x, y) in enumerate(known):
            if name is not None or contact.name is not None:
                if name == contact.name and place in free:
                    found[at] = place
                    free.discard(place)
                    break
                continue
            apart = ((contact.x - x) / across) ** 2 + ((contact.y - y) / down) ** 2
            if apart <= REACH**2:
                pairs.append((apart, at, place))
    for _, at, place in sorted(pairs):
        if found[at] is None and place in free:
            found[at] = place
            free.discard(place)
    return found
