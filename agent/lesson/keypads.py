"""Watches over the ids that keypads claim: none may press for all, and no crowd comes from nowhere.

An id is a claim, not a proof. One that presses without end is held at so many presses a second;
of ids that are nobody's, so many a minute are let in, and those beyond are set aside until they
are bound or a calm minute has passed. An id that two receivers tell is shown, and loses nothing.
What is held is no answer and gets no tick; it is counted, and told in events of its own. Time is
that of the presses. What this knows is not kept over a start.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
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
REMEMBERED = 8_192
MOST_TOLD = 200
"""Ids named by events at a time; what is held beyond them is told in one sum."""


class Known:
    """An id.

    Attributes:
        device: the receiver that told it last.
        left: presses that may still come before anybody looks how fast they come; 0 while it is
            set aside.
        second: when that was looked at last.
        apart: set aside.
        moves: how often another receiver told it than the one before.
    """

    __slots__ = ("apart", "device", "doubled", "left", "moves", "second")

    def __init__(self, device: str, second: int, *, apart: bool) -> None:
        self.device = device
        self.second = second
        self.left = 0
        self.apart = apart
        self.moves = 0
        self.doubled = False


class KeypadWatch:
    """Judges presses in the order in which they are decided.

    Attributes:
        known: by id. A press from `device` with some `left` may count, and takes one of them:
            the intake's shortest way; all others go to `hold`.
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
        self.known: dict[str, Known] = {}
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
            self.known.clear()
            self._let_in_ns.clear()
            self._crowd_ns = None

    def forgive(self) -> None:
        """The newest presses are decided once more: what they counted for does not count."""
        for one in self.known.values():
            one.left = 0 if one.apart else self._most_presses

    def hold(self, state: State, press: KeyPress) -> Flag | None:
        """Why this press may not count; None if it may."""
        one = self.known.get(press.keypad)
        if one is None:
            one = self._meet(state, press)
        elif one.device != press.device:
            self._elsewhere(state, one, press)
        one.device = press.device
        second = press.mono_ns >> SECOND_BITS
        if one.left == 0 and one.second != second:
            one.second, one.left = second, self._most_presses
        if one.left == 0:
            return self._set_aside(press, "keypad_flood", "flood_presses")
        if one.apart and (flag := self._still_apart(state, one, press)) is not None:
            one.left, one.second = 0, second - 1
            return flag
        one.left -= 1
        return None

    def _meet(self, state: State, press: KeyPress) -> Known:
        unknown = not _is_known(state, press.keypad)
        lesson = state.lesson
        if unknown and lesson is not None and lesson.class_id is not None:
            self._count(press.device, "keypads_not_in_class")
        apart = unknown and not self._let_in(state, press.mono_ns)
        one = Known(press.device, (press.mono_ns >> SECOND_BITS) - 1, apart=apart)
        if apart:
            self._count(press.device, "keypads_set_aside")
        if len(self.known) >= REMEMBERED:
            if apart:
                return one
            self.known.clear()
        self.known[press.keypad] = one
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

    def _still_apart(self, state: State, one: Known, press: KeyPress) -> Flag | None:
        """An id that was set aside comes in when it is bound, or when the crowd has gone."""
        calm = self._crowd_ns is None or press.mono_ns - self._crowd_ns > MINUTE_NS
        if _is_known(state, press.keypad) or (calm and self._let_in(state, press.mono_ns)):
            one.apart = False
            return None
        return self._set_aside(press, "keypads_unknown", "presses_set_aside")

    def _elsewhere(self, state: State, one: Known, press: KeyPress) -> None:
        """Another receiver tells this id: a copy of it, a keypad that both hear, or one that moved.

        It only moved if it has not answered the newest question through the other, nor comes back.
        """
        one.moves += 1
        question = None if state.lesson is None else state.lesson.current
        answer = None if question is None else question.answers.get(press.keypad)
        here = answer is not None and answer.device == one.device
        if not one.doubled and (here or one.moves > 1):
            one.doubled = True
            for device in (one.device, press.device):
                self._count(device, "keypads_doubled")
                self._raised_ns[device, "keypad_doubled"] = press.mono_ns
            self._doubled.append((self._lesson, press.device, press.keypad, one.device))
            self.eventful = True

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

    def give_back(self, told: Iterable[KeypadFlagged]) -> None:
        """These could not be recorded: they wait to be told again."""
        for one in told:
            if one.flag == "keypad_doubled":
                other = one.other_device or ""
                self._doubled.append((one.lesson, one.device, one.keypad, other))
            else:
                self._held[one.lesson, one.device, one.keypad, one.flag] += one.presses
            self.eventful = True

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
