"""Watches over the ids that keypads claim: none may press for all, and no crowd comes from nowhere.

An id is a claim, not a proof. One that presses without end is held at so many presses a second;
of ids that are nobody's, so many a minute are let in, and those beyond are set aside until they
are bound or a calm minute has passed. An id that two receivers tell is shown, and loses nothing.
What is held is no answer and gets no tick; it is counted, and told in events of its own. Time is
that of the presses. What this knows is not kept over a start.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Literal

from agent.lesson.events import KeypadFlagged
from agent.lesson.model import State
from drivers.readings import KeyPress

Flag = Literal["keypad_flood", "keypads_unknown", "keypad_doubled"]
"""Why a keypad is flagged; pages translate it."""

MOST_PRESSES = 50
"""Of one id a second. Nobody presses a key that often."""
MOST_UNKNOWN = 150
"""New ids that are nobody's, a minute, where no class is known."""
GUESTS = 20
"""Where one is: so many beside one for each student."""
MINUTE_NS = 60_000_000_000
SECOND_BITS = 30
"""Presses are counted by 2^30 ns of their time, about a second: no division an answer."""
TOGETHER = 56
"""So many of these are a minute: an id that moves sooner from receiver to receiver is doubled."""
REMEMBERED = 8_192
MOST_TOLD = 200
"""Ids named by events at a time; what is held beyond them is told in one sum."""


class _Known:
    """An id: the receiver that told it last, and its presses in the newest second."""

    __slots__ = ("apart", "device", "doubled", "presses", "second")

    def __init__(self, device: str, second: int, *, apart: bool) -> None:
        self.device = device
        self.second = second
        self.presses = 0
        self.apart = apart
        self.doubled = False


class KeypadWatch:
    """Judges presses in the order in which they are decided.

    Attributes:
        eventful: something waits to be told, see `take`.
    """

    def __init__(
        self, *, most_presses: int = MOST_PRESSES, most_unknown: int = MOST_UNKNOWN
    ) -> None:
        """`most_presses`: of one id a second; `most_unknown`: new ids a minute."""
        self.eventful = False
        self._most_presses = most_presses
        self._most_unknown = most_unknown
        self._lesson: str | None = None
        self._known: dict[str, _Known] = {}
        self._let_in_ns: deque[int] = deque()
        self._crowd_ns: int | None = None
        self._held: Counter[tuple[str | None, str, str, Flag]] = Counter()
        self._doubled: list[tuple[str | None, str, str, str]] = []
        self._counters: dict[str, Counter[str]] = {}
        self._raised_ns: dict[tuple[str, Flag], int] = {}

    def begin(self, lesson: str | None) -> None:
        """Decide for this lesson; another one begins with nothing known."""
        if lesson != self._lesson:
            self._lesson = lesson
            self._known.clear()
            self._let_in_ns.clear()
            self._crowd_ns = None

    def forgive(self) -> None:
        """The newest presses are decided once more: what they counted for does not count."""
        for one in self._known.values():
            one.presses = 0

    def hold(self, state: State, press: KeyPress) -> Flag | None:
        """Why this press may not count; None if it may."""
        keypad, second = press.keypad, press.mono_ns >> SECOND_BITS
        one = self._known.get(keypad)
        if one is None:
            one = self._meet(state, press, second)
        elif one.device != press.device:
            self._elsewhere(one, press, second)
        if one.second == second:
            one.presses += 1
            if one.presses > self._most_presses:
                return self._set_aside(press, "keypad_flood", "flood_presses")
        else:
            one.second, one.presses = second, 1
        if one.apart:
            return self._still_apart(state, one, press)
        return None

    def _meet(self, state: State, press: KeyPress, second: int) -> _Known:
        unknown = not _is_known(state, press.keypad)
        lesson = state.lesson
        if unknown and lesson is not None and lesson.class_id is not None:
            self._count(press.device, "keypads_not_in_class")
        apart = unknown and not self._let_in(state, press.mono_ns)
        one = _Known(press.device, second, apart=apart)
        if apart:
            self._count(press.device, "keypads_set_aside")
        if len(self._known) >= REMEMBERED:
            if apart:
                return one
            self._known.clear()
        self._known[press.keypad] = one
        return one

    def _let_in(self, state: State, now_ns: int) -> bool:
        """Whether one more id that is nobody's may come in."""
        lesson = state.lesson
        roll = None if lesson is None else state.roll(lesson)
        most = self._most_unknown
        if roll is not None:
            most = min(most, len(roll.students) + GUESTS)
        crowd_ns = self._crowd_ns
        if crowd_ns is not None and abs(now_ns - crowd_ns) > MINUTE_NS:
            self._crowd_ns = crowd_ns = None
        newest = self._let_in_ns
        while newest and abs(now_ns - newest[0]) > MINUTE_NS:
            newest.popleft()
        if crowd_ns is None and len(newest) < most:
            newest.append(now_ns)
            return True
        self._crowd_ns = now_ns if crowd_ns is None else max(crowd_ns, now_ns)
        return False

    def _still_apart(self, state: State, one: _Known, press: KeyPress) -> Flag | None:
        """An id that was set aside comes in when it is bound, or when the crowd has gone."""
        calm = self._crowd_ns is None or press.mono_ns - self._crowd_ns > MINUTE_NS
        if _is_known(state, press.keypad) or (calm and self._let_in(state, press.mono_ns)):
            one.apart = False
            return None
        return self._set_aside(press, "keypads_unknown", "presses_set_aside")

    def _elsewhere(self, one: _Known, press: KeyPress, second: int) -> None:
        """Another receiver tells this id: a copy of it, or a keypad that both hear."""
        if abs(second - one.second) < TOGETHER and not one.doubled:
            one.doubled = True
            for device in (one.device, press.device):
                self._count(device, "keypads_doubled")
                self._raised_ns[device, "keypad_doubled"] = press.mono_ns
            self._doubled.append((self._lesson, press.device, press.keypad, one.device))
            self.eventful = True
        one.device = press.device

    def _set_aside(self, press: KeyPress, flag: Flag, counter: str) -> Flag:
        self._count(press.device, counter)
        name = (self._lesson, press.device, press.keypad, flag)
        if name not in self._held and len(self._held) >= MOST_TOLD:
            name = (self._lesson, press.device, "", flag)
        self._held[name] += 1
        self._raised_ns[press.device, flag] = press.mono_ns
        self.eventful = True
        return flag

    def _count(self, device: str, counter: str) -> None:
        counters = self._counters.get(device)
        if counters is None:
            counters = self._counters[device] = Counter()
        counters[counter] += 1

    def take(self) -> list[KeypadFlagged]:
        """What was held or found since the last call."""
        told = [
            KeypadFlagged(device=device, keypad=keypad, flag=flag, presses=presses, lesson=lesson)
            for (lesson, device, keypad, flag), presses in self._held.items()
        ]
        for lesson, device, keypad, other in self._doubled:
            doubled = KeypadFlagged(
                device=device,
                keypad=keypad,
                flag="keypad_doubled",
                other_device=other,
                lesson=lesson,
            )
            told.append(doubled)
        self._held.clear()
        self._doubled.clear()
        self.eventful = False
        return told

    def expire(self, now_ns: int) -> bool:
        """Forget alarms that are a minute old; whether any is left."""
        for name in [one for one, ns in self._raised_ns.items() if now_ns - ns > MINUTE_NS]:
            del self._raised_ns[name]
        return bool(self._raised_ns)

    def alarms(self, device: str) -> list[Flag]:
        """What is the matter with a device's keypads now."""
        return [flag for whose, flag in self._raised_ns if whose == device]

    def counters(self, device: str) -> dict[str, int]:
        """What was counted of a device's keypads since the start."""
        return self._counters.get(device, {})


def _is_known(state: State, keypad: str) -> bool:
    """Whether it is bound in the class of the open lesson, took a seat, or has pressed in it."""
    lesson = state.lesson
    if lesson is None:
        return any(keypad in roll.keypads for roll in state.classes.values())
    roll = state.roll(lesson)
    return (
        keypad in lesson.seats
        or keypad in lesson.keypads
        or (roll is not None and keypad in roll.keypads)
    )
