"""What taking a file would change: compared with what the board has. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from agent.journal.roster import StudentName
from agent.lesson.commands import TakenClass
from agent.lesson.model import ClassRoll
from agent.rosters.model import Known, LineFault, Read, ReadClass


class StudentChange(msgspec.Struct, kw_only=True, frozen=True):
    """A student whose name differs. `before` "": the student is new."""

    number: str
    name: str
    before: str = ""


class ClassPlan(msgspec.Struct, kw_only=True):
    """One class: as it is, as it would be, and the difference in words.

    Attributes:
        names: of all who would be in it.
        names_before: of all who are.
        keypads: how many would be bound anew, `cards` likewise.
    """

    class_id: str
    before: TakenClass
    after: TakenClass
    names: list[StudentName]
    names_before: list[StudentName]
    new: list[StudentChange]
    changed: list[StudentChange]
    gone: list[StudentChange]
    keypads: int = 0
    cards: int = 0


class Plan(msgspec.Struct, kw_only=True):
    """All classes of a file. `takeable`: something of it may be taken."""

    classes: list[ClassPlan]
    problems: list[LineFault]
    more_problems: int = 0
    takeable: bool = False
    known: Known | None = None


Name = Callable[[str], str]


def as_it_is(class_id: str, roll: ClassRoll | None) -> TakenClass:
    """A class of the board, as a command would say it."""
    if roll is None:
        return TakenClass(class_id=class_id, students=[])
    return TakenClass(
        class_id=class_id,
        students=list(roll.students),
        keypads=dict(roll.keypads),
        cards=dict(roll.cards),
    )


def plan(
    read: Read,
    rolls: Mapping[str, ClassRoll],
    names: Callable[[str], Mapping[str, StudentName]],
    *,
    student: Name,
    card: Name,
) -> Plan:
    """What taking it would change. `student`, `card`: make the pseudonym, the keyed hash."""
    problems = list(read.problems)
    who = _Who(names, student, card)
    classes = [
        _class(one, as_it_is(one.class_id, rolls.get(one.class_id)), who, problems)
        for one in read.classes
    ]
    refused = read.whole_or_nothing and any(not one.note for one in problems)
    takeable = not refused and any(one.names or one.gone for one in classes)
    return Plan(
        classes=classes,
        problems=problems,
        more_problems=read.more_problems,
        takeable=takeable,
        known=read.known,
    )


class _Who(NamedTuple):
    names: Callable[[str], Mapping[str, StudentName]]
    student: Name
    card: Name


def _class(
    read: ReadClass, before: TakenClass, who_is: _Who, problems: list[LineFault]
) -> ClassPlan:
    known = who_is.names(read.class_id)
    now = [StudentName(who_is.student(one.number), one.number, one.name) for one in read.students]
    numbers = {one.student: one.number for one in now}  # of those whose name was lost
    here = [known.get(who, StudentName(who, numbers.get(who, ""), "")) for who in before.students]
    by_number = {one.number: one for one in here if one.number}
    listed = {one.number for one in read.students}
    stay = [one for one in here if one.number not in listed and _stays(read, one.number)]
    all_now = now + stay
    # In a new school year the same number has another pseudonym: what was bound goes along.
    renamed = {by_number[one.number].student: one.student for one in now if one.number in by_number}
    renamed |= {one.student: one.student for one in stay}
    after = TakenClass(
        class_id=read.class_id,
        students=[one.student for one in all_now],
        keypads={k: renamed[who] for k, who in before.keypads.items() if who in renamed},
        cards={c: renamed[who] for c, who in before.cards.items() if who in renamed},
    )
    bound = [0, 0]
    for one, who in zip(read.students, now, strict=True):
        pairs = (
            (after.keypads, "keypad", one.keypads),
            (after.cards, "card", [who_is.card(uid) for uid in one.cards]),
        )
        for place, (things, what, given) in enumerate(pairs):
            for thing in given:
                owner = things.get(thing)
                if owner == who.student:
                    continue
                bound[place] += 1
                if owner is not None:
                    problems.append(
                        LineFault(
                            file=one.file,
                            line=one.line,
                            code=f"{what}_moves",
                            hint="it is another student's now, and would be this one's",
                            what=thing if what == "keypad" else "",
                            note=True,
                        )
                    )
                things[thing] = who.student
    stayed = {one.number for one in all_now}
    return ClassPlan(
        class_id=read.class_id,
        before=before,
        after=after,
        names=all_now,
        names_before=here,
        new=[StudentChange(number=o.number, name=o.name) for o in now if o.number not in by_number],
        changed=[
            StudentChange(number=o.number, name=o.name, before=by_number[o.number].name)
            for o in now
            if o.number in by_number and by_number[o.number].name != o.name
        ],
        gone=[StudentChange(number=o.number, name=o.name) for o in here if o.number not in stayed],
        keypads=bound[0],
        cards=bound[1],
    )


def _stays(read: ReadClass, number: str) -> bool:
    """Whether one who does not stand in the list stays in the class."""
    if read.whole and not read.unsure:
        return number in read.kept
    return number not in read.gone


def undone(before: TakenClass, after: TakenClass, current: TakenClass) -> TakenClass:
    """The class without what a taking changed; what has been changed since stays."""
    added = set(after.students) - set(before.students)
    if current.students == after.students:
        students = list(before.students)
    else:
        students = [one for one in current.students if one not in added]
        students += [one for one in before.students if one not in students]
    return TakenClass(
        class_id=before.class_id,
        students=students,
        keypads=_without(before.keypads, after.keypads, current.keypads, students),
        cards=_without(before.cards, after.cards, current.cards, students),
    )


def _without(
    before: Mapping[str, str],
    after: Mapping[str, str],
    current: Mapping[str, str],
    students: list[str],
) -> dict[str, str]:
    result = dict(current)
    for thing in before.keys() | after.keys():
        if before.get(thing) != after.get(thing) and current.get(thing) == after.get(thing):
            if thing in before:
                result[thing] = before[thing]
            else:
                result.pop(thing, None)
    there = set(students)
    return {thing: who for thing, who in result.items() if who in there}
