"""Several classes at once: who is in them, and whose their keypads and cards are. Pure rules."""

from __future__ import annotations

from agent.lesson import commands as cmd
from agent.lesson import events as ev
from agent.lesson.errors import LessonRefused
from agent.lesson.model import State

MAX_IN_CLASS = 200


def take_rosters(state: State, command: cmd.TakeRosters) -> list[ev.Event]:
    """The classes become as they are given, in one commit; only what differs is an event."""
    events: list[ev.Event] = []
    for one in command.classes:
        events += _taken(state, one)
    return events


def _taken(state: State, one: cmd.TakenClass) -> list[ev.Event]:
    there = set(one.students)
    owners = {*one.keypads.values(), *one.cards.values()}
    if len(there) < len(one.students) or len(there) > MAX_IN_CLASS or not owners <= there:
        hint = f"at most {MAX_IN_CLASS} students, each once; bindings of these alone"
        raise LessonRefused("roster_inconsistent", one.class_id, hint)
    roll = state.classes.get(one.class_id)
    students = [] if roll is None else roll.students
    keypads = {} if roll is None else {k: s for k, s in roll.keypads.items() if s in there}
    cards = {} if roll is None else {c: s for c, s in roll.cards.items() if s in there}
    events: list[ev.Event] = []
    if students != one.students or (roll is None and one.students):
        events.append(ev.RosterReplaced(class_id=one.class_id, students=one.students))
    for keypad in keypads:
        if keypad not in one.keypads:
            events.append(ev.BindingRemoved(class_id=one.class_id, keypad=keypad))
    for card in cards:
        if card not in one.cards:
            events.append(ev.BindingRemoved(class_id=one.class_id, card=card))
    for keypad, who in one.keypads.items():
        if keypads.get(keypad) != who:
            events.append(ev.BindingMade(class_id=one.class_id, student=who, keypad=keypad))
    for card, who in one.cards.items():
        if cards.get(card) != who:
            events.append(ev.BindingMade(class_id=one.class_id, student=who, card=card))
    return events
