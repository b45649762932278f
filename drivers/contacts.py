"""From the kernel's input events to what each finger or pen did, from its touch to its lift.

Multitouch devices (type B) give every contact a slot, and say of a slot only what changes: an axis
keeps its value from one contact to the next. They say the oldest contact once more as ABS_X and
BTN_TOUCH, for programs that know no slots; that is the same touch. Others say all contacts in every
packet, each ended by SYN_MT_REPORT (type A). Pens and older screens say only a single touch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from drivers.anonymous_contacts import (
    ABS_MT_POSITION_X,
    ABS_MT_POSITION_Y,
    ABS_MT_PRESSURE,
    ABS_MT_TOOL_TYPE,
    ABS_MT_TOUCH_MAJOR,
    ABS_MT_TRACKING_ID,
    Packet,
    continued,
)
from drivers.evdev import (
    ABS_MT_SLOT,
    EV_ABS,
    EV_KEY,
    EV_SYN,
    MAX_SLOTS,
    SYN_DROPPED,
    InputEvent,
)
from drivers.ports import Axis, SlotState

SYN_REPORT, SYN_MT_REPORT = 0, 2
ABS_X, ABS_Y, ABS_PRESSURE = 0x00, 0x01, 0x18
BTN_TOOL_RUBBER, BTN_TOUCH = 0x141, 0x14A
TOOL_PALM = 2
ACROSS = {ABS_X: 0, ABS_MT_POSITION_X: 0, ABS_Y: 1, ABS_MT_POSITION_Y: 1}

MAX_TRACKS = 20
"""Contacts followed at once: ten fingers of two people."""
MAX_POINTS = 500
"""A longer track goes on as another that begins where it ends."""
TOLERANCE = 10
"""A position further outside its axis than the tenth part of it was not said by the device."""


class Track:
    """One contact's way in the device's own units; time in µs.

    Attributes:
        pressures: 0 to 1, one a point; None where none was said.
    """

    __slots__ = ("palm", "points", "pressures", "rubber", "widest")

    def __init__(self, *, rubber: bool) -> None:
        self.points: list[tuple[int, int, int]] = []
        self.pressures: list[float | None] = []
        self.rubber, self.palm, self.widest = rubber, False, 0


class _Slot:
    __slots__ = ("at", "contact", "major", "moved", "pressure", "track")

    def __init__(self) -> None:
        self.contact: int | None = None
        self.at: list[int | None] = [None, None]
        self.major = 0
        self.pressure: float | None = None
        self.track: Track | None = None
        self.moved = False


class Contacts:
    """Tells tracks as they end. Holds `MAX_TRACKS` of them, each of `MAX_POINTS` at most.

    Attributes:
        wants_state: records are missing, or none came yet: ask the kernel and call `resume`.
    """

    def __init__(self, axes: Mapping[int, Axis], *, step: int, slots: bool) -> None:
        """Take what is known of the device.

        Args:
            axes: by code; a position far outside its own was not said by the device, and a
                pressure without one means nothing.
            step: lesser moves on both axes are none.
            slots: it is known to have slots; else that is seen from what it says.
        """
        self.skipped = 0
        self.wants_state = True
        self._axes, self._step = axes, step
        self._has_slots = slots
        self._slotless = self._lifted = False
        self._packet = Packet(MAX_TRACKS)
        self._anonymous: list[_Slot] = []
        self._dropped = self._rubber = False
        self._last_us = 0
        self._slots: dict[int, _Slot] = {}
        self._slot: int | None = 0
        self._single = _Slot()
        self._ended: list[Track] = []

    def hear(self, event: InputEvent) -> Iterator[Track]:
        """Take one event; give the tracks that end with it."""
        if event.time_us < self._last_us:  # the kernel's clock does not go back
            self.lose()
        self._last_us = event.time_us
        if event.type == EV_SYN:
            yield from self._synchronise(event)
        elif self._dropped:
            return
        elif event.type == EV_ABS:
            self._move(event.code, event.value)
        elif event.type == EV_KEY:
            self._key(event.code, event.value)

    def lose(self) -> None:
        """Bytes are missing: nothing that was held can be trusted."""
        self._slots.clear()
        self._single = _Slot()
        self._anonymous = []
        self._packet.clear()
        self._ended.clear()
        self._dropped = self._rubber = self._lifted = False
        self._slot = 0

    def resume(self, slot: int, states: Mapping[int, SlotState]) -> None:
        """Go on from what the kernel knows now."""
        self.wants_state = False
        if not states:
            return
        self._has_slots, self._slotless, self._slot = True, False, slot
        self._slots = {}
        for number, state in states.items():
            if 0 <= number < MAX_SLOTS:
                known = self._slots[number] = _Slot()
                known.at = [state.x, state.y]
                if state.pressure is not None:
                    known.pressure = self._pressed(ABS_MT_PRESSURE, state.pressure)
                if state.contact is not None:
                    self._begin(known, state.contact)

    def _synchronise(self, event: InputEvent) -> Iterator[Track]:
        if event.code == SYN_DROPPED:
            self._dropped = True
        elif event.code == SYN_MT_REPORT and not self._dropped:
            self._end_contact()
        elif event.code == SYN_REPORT and self._dropped:
            yield from self._overflown()
        elif event.code == SYN_REPORT:
            if self._slotless:
                self._regard()
            slots: Iterable[_Slot] = self._slots.values() if self._has_slots else [self._single]
            for slot in self._anonymous if self._slotless else slots:
                if slot.moved:
                    self._note(slot, event.time_us)
            self._packet.clear()
            self._lifted = False
            yield from self._give()

    def _end_contact(self) -> None:
        """Only devices without slots say this."""
        if not self._slotless:
            self._slotless, self._single = True, _Slot()
            self._slots.clear()
        if not self._packet.end_contact():
            self.skipped += 1

    def _regard(self) -> None:
        """Who of the packet goes on, who is new, and who was lifted."""
        packet = self._packet
        if not packet.told and not self._lifted:
            return
        known = [(one.contact, one.at[0] or 0, one.at[1] or 0) for one in self._anonymous]
        axes = self._axes[ABS_MT_POSITION_X], self._axes[ABS_MT_POSITION_Y]
        places = continued(known, packet.contacts, axes)
        for place, slot in enumerate(self._anonymous):
            if place not in places:
                self._end(slot)
        anonymous = []
        for contact, goes_on in zip(packet.contacts, places, strict=True):
            slot = _Slot() if goes_on is None else self._anonymous[goes_on]
            if goes_on is None:
                self._begin(slot, contact.name)
            slot.at, slot.major, slot.moved = [contact.x, contact.y], contact.major, True
            pressed = contact.pressure
            slot.pressure = None if pressed is None else self._pressed(ABS_MT_PRESSURE, pressed)
            if slot.track is not None:
                slot.track.palm |= contact.tool == TOOL_PALM
            anonymous.append(slot)
        self._anonymous = anonymous

    def _overflown(self) -> Iterator[Track]:
        """What was drawn until then was drawn; how it went on, and where each axis is, is unknown.

        The slot is unknown, too: what is said before a slot is named belongs to one without number.
        """
        for slot in (*self._slots.values(), *self._anonymous, self._single):
            self._end(slot)
        yield from self._give()
        self.lose()
        self._slot = None
        self.wants_state = True

    def _give(self) -> Iterator[Track]:
        ended, self._ended = self._ended, []
        yield from (track for track in ended if track.points)

    def _move(self, code: int, value: int) -> None:
        if code == ABS_MT_SLOT:
            self._choose(value)
        elif code in (ABS_X, ABS_Y):
            self._place(self._single, code, value)
        elif code == ABS_PRESSURE:
            self._lifted |= value == 0
            self._single.pressure = self._pressed(code, value)
        elif code == ABS_MT_TRACKING_ID and value < 0 and self._slotless:
            self._with_slots()
        elif code >= ABS_MT_TOUCH_MAJOR:
            place = self._within(code, value) if code in ACROSS else value
            if place is not None:
                self._packet.say(code, place)
                if not self._slotless:
                    self._change(code, place)

    def _change(self, code: int, value: int) -> None:
        slot = self._current()
        if slot is None:
            return
        if code in ACROSS:
            slot.at[ACROSS[code]], slot.moved = value, True
        elif code == ABS_MT_TRACKING_ID:
            self._track(slot, value)
        elif code == ABS_MT_TOUCH_MAJOR:
            slot.major, slot.moved = value, True
        elif code == ABS_MT_PRESSURE:
            slot.pressure = self._pressed(code, value)
        elif code == ABS_MT_TOOL_TYPE and slot.track is not None:
            slot.track.palm |= value == TOOL_PALM

    def _with_slots(self) -> None:
        """It was taken for one without."""
        self.lose()
        self._slotless = False

    def _choose(self, number: int) -> None:
        if self._slotless:
            self._with_slots()
        self._has_slots = True
        if self._slot is None:
            self._slots.pop(-1, None)
        self._slot = number

    def _current(self) -> _Slot | None:
        number = -1 if self._slot is None else self._slot
        slot = self._slots.get(number)
        if slot is None:
            if not -1 <= number < MAX_SLOTS:
                self.skipped += 1
                return None
            slot = self._slots[number] = _Slot()
        return slot

    def _place(self, slot: _Slot, code: int, value: int) -> None:
        place = self._within(code, value)
        if place is not None:
            slot.at[ACROSS[code]], slot.moved = place, True

    def _within(self, code: int, value: int) -> int | None:
        """The position; None, and nothing held is trusted, if it is too far off the board."""
        axis = self._axes.get(code)
        if axis is None:
            return value
        beyond = (axis.highest - axis.lowest) // TOLERANCE
        if not axis.lowest - beyond <= value <= axis.highest + beyond:
            self.lose()
            self.skipped += 1
            return None
        return min(max(value, axis.lowest), axis.highest)

    def _pressed(self, code: int, value: int) -> float | None:
        axis = self._axes.get(code)
        if axis is None or axis.highest <= axis.lowest:
            return None
        share = (value - axis.lowest) / (axis.highest - axis.lowest)
        return round(min(max(share, 0.0), 1.0), 3)

    def _track(self, slot: _Slot, contact: int) -> None:
        self._has_slots = True
        if contact < 0:
            self._end(slot)
        elif contact != slot.contact:
            self._end(slot)
            self._begin(slot, contact)

    def _key(self, code: int, value: int) -> None:
        if code == BTN_TOOL_RUBBER:
            self._rubber = bool(value)
        elif code == BTN_TOUCH and self._slotless:
            self._lifted |= not value
        elif code == BTN_TOUCH and not self._has_slots:
            self._end(self._single)
            if value:
                self._begin(self._single, 0)

    def _begin(self, slot: _Slot, contact: int | None) -> None:
        slot.contact, slot.moved = contact, True
        if sum(one.track is not None for one in self._slots.values()) < MAX_TRACKS:
            slot.track = Track(rubber=self._rubber)
        else:
            self.skipped += 1

    def _end(self, slot: _Slot) -> None:
        if slot.track is not None:
            self._ended.append(slot.track)
        slot.contact = slot.track = None
        slot.major = 0

    def _note(self, slot: _Slot, time_us: int) -> None:
        slot.moved = False
        track, (x, y) = slot.track, slot.at
        if track is None or x is None or y is None:
            return
        track.widest = max(track.widest, slot.major)
        track.rubber |= self._rubber
        if track.points:
            last_x, last_y, _ = track.points[-1]
            if abs(x - last_x) < self._step and abs(y - last_y) < self._step:
                return
        track.points.append((x, y, time_us))
        track.pressures.append(slot.pressure)
        if len(track.points) == MAX_POINTS:
            self._ended.append(track)
            slot.track = Track(rubber=track.rubber)
            slot.track.points.append(track.points[-1])
            slot.track.pressures.append(slot.pressure)
            slot.track.palm, slot.track.widest = track.palm, track.widest
