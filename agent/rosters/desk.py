"""Where a roster is looked over before it is taken, and can be undone once.

A look-over holds names, so it is kept in memory alone, and few of them; what undoes the newest
taking is kept in the roster database. Cards are keyed hashes from here on.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Sequence
from datetime import date

import msgspec

from agent.control import Attend, Reply
from agent.identity import Identity, school_year
from agent.intake import Intake
from agent.journal.errors import CommitFailed
from agent.journal.roster import RosterStore, StudentName
from agent.lesson.commands import TakenClass, TakeRosters
from agent.lesson.errors import LessonRefused, NotThere
from agent.rosters.model import Known, LineFault
from agent.rosters.plan import ClassPlan, Plan, StudentChange, as_it_is, plan, undone
from agent.rosters.process import Given, read_apart

KEPT = 4
UNDO, ONEROSTER = "undo", "oneroster"
STALE = "the board has changed since it was looked over; look it over again"


class ClassPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What would become of a class. `keypads`, `cards`: how many would be bound anew."""

    class_id: str
    students: int
    new: list[StudentChange]
    changed: list[StudentChange]
    gone: list[StudentChange]
    keypads: int
    cards: int


class RosterPreview(msgspec.Struct, frozen=True, kw_only=True):
    """A file, looked over. `id` names it when it is taken; "" where nothing can be."""

    id: str
    classes: list[ClassPreview]
    problems: list[LineFault]
    more_problems: int
    takeable: bool


class RosterTaken(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken, or undone: the classes, and how many students they have now.

    `school_year`: the year in which it began; students' pseudonyms change with it.
    """

    classes: list[str]
    students: int
    school_year: int


class _UndoneClass(msgspec.Struct):
    before: TakenClass
    after: TakenClass
    names: list[StudentName]


class _Undo(msgspec.Struct):
    classes: list[_UndoneClass]
    known: Known | None = None


class RosterDesk:
    """Looks files over, takes them, undoes the newest."""

    def __init__(
        self,
        *,
        intake: Intake,
        rosters: RosterStore,
        identity: Identity,
        today: Callable[[], date],
    ) -> None:
        """`today`: the day, as well as the board can tell it."""
        self._intake = intake
        self._rosters = rosters
        self._identity = identity
        self._today = today
        self._plans: dict[str, Plan] = {}
        self._one_at_a_time = asyncio.Lock()

    async def look_over(self, name: str, data: bytes, class_id: str = "") -> RosterPreview:
        """What taking a file would change, and everything that is wrong with it."""
        async with self._one_at_a_time:  # two large files at once need not be
            given = Given(name=name, data=data, class_id=class_id, known=self._known())
            read = await read_apart(given)
        today = self._today()
        made = plan(
            read,
            self._intake.committed.classes,
            self._rosters.names,
            student=lambda number: self._identity.student(number, today),
            card=self._identity.card,
        )
        identity = secrets.token_hex(8) if made.takeable else ""
        if identity:
            self._plans[identity] = made
            while len(self._plans) > KEPT:
                del self._plans[next(iter(self._plans))]
        return _preview(identity, made)

    async def take(self, identity: str, classes: Collection[str] | None = None) -> RosterTaken:
        """Take what was looked over: all of it, or these classes.

        Raises:
            NotThere: it was not, or is too long ago.
            LessonRefused: the board has changed meanwhile.
            NotDurable: nothing was taken.
            CommitFailed: likewise.
        """
        async with self._one_at_a_time:
            made = self._plans.get(identity)
            if made is None:
                raise NotThere("preview_unknown", "roster", "choose the file again")
            chosen = [one for one in made.classes if classes is None or one.class_id in classes]
            if not chosen:
                raise NotThere("class_unknown", "classes", "choose a class of the file")
            rolls = self._intake.committed.classes
            if any(as_it_is(one.class_id, rolls.get(one.class_id)) != one.before for one in chosen):
                raise LessonRefused("preview_stale", "roster", STALE)
            await self._take(chosen, made.known)
            del self._plans[identity]
        return RosterTaken(
            classes=[one.class_id for one in chosen],
            students=sum(len(o.names) for o in chosen),
            school_year=school_year(self._today()),
        )

    async def _take(self, chosen: Sequence[ClassPlan], known: Known | None) -> None:
        keep, names = self._rosters.keep_note, self._rosters
        former = names.note(UNDO)
        undo = _Undo(
            [_UndoneClass(one.before, one.after, one.names_before) for one in chosen],
            self._known() if known is not None else None,
        )
        # Names first: should it end here, a name too many is known, not a student without one.
        await asyncio.to_thread(keep, UNDO, msgspec.json.encode(undo))
        try:
            for one in chosen:
                await asyncio.to_thread(names.add, one.class_id, one.names)
            await self._intake.submit(TakeRosters(classes=[one.after for one in chosen]))
        except BaseException:
            await asyncio.to_thread(keep, UNDO, former)
            raise
        for one in chosen:
            await asyncio.to_thread(names.replace, one.class_id, one.names)
        if known is not None:
            await asyncio.to_thread(keep, ONEROSTER, msgspec.json.encode(known))

    def undoable(self) -> list[str]:
        """The classes that undoing would put back; none if there is nothing to undo."""
        undo = self._undo()
        return [] if undo is None else [one.before.class_id for one in undo.classes]

    async def undo(self) -> RosterTaken:
        """Put the classes back as they were before the newest taking.

        Raises:
            LessonRefused: there is nothing to undo.
            NotDurable: nothing was done.
        """
        async with self._one_at_a_time:
            undo = self._undo()
            if undo is None:
                raise LessonRefused("nothing_to_undo", "roster", "no roster was taken since")
            rolls = self._intake.committed.classes
            now: list[TakenClass] = []
            names: list[list[StudentName]] = []
            for one in undo.classes:
                class_id = one.before.class_id
                there = undone(one.before, one.after, as_it_is(class_id, rolls.get(class_id)))
                former = {name.student: name for name in one.names}
                known = {**self._rosters.names(class_id), **former}
                now.append(there)
                names.append([known[who] for who in there.students if who in known])
                await asyncio.to_thread(self._rosters.add, class_id, one.names)
            await self._intake.submit(TakeRosters(classes=now))
            for taken, who in zip(now, names, strict=True):
                await asyncio.to_thread(self._rosters.replace, taken.class_id, who)
            if undo.known is not None:
                known_then = msgspec.json.encode(undo.known)
                await asyncio.to_thread(self._rosters.keep_note, ONEROSTER, known_then)
            await asyncio.to_thread(self._rosters.keep_note, UNDO, None)
        return RosterTaken(
            classes=[one.class_id for one in now],
            students=sum(len(one.students) for one in now),
            school_year=school_year(self._today()),
        )

    def _known(self) -> Known:
        kept = self._rosters.note(ONEROSTER)
        return Known() if kept is None else msgspec.json.decode(kept, type=Known)

    def _undo(self) -> _Undo | None:
        kept = self._rosters.note(UNDO)
        return None if kept is None else msgspec.json.decode(kept, type=_Undo)


def _preview(identity: str, made: Plan) -> RosterPreview:
    return RosterPreview(
        id=identity,
        classes=[
            ClassPreview(
                class_id=one.class_id,
                students=len(one.names),
                new=one.new,
                changed=one.changed,
                gone=one.gone,
                keypads=one.keypads,
                cards=one.cards,
            )
            for one in made.classes
        ],
        problems=made.problems,
        more_problems=made.more_problems,
        takeable=made.takeable,
    )


def attend(desk: RosterDesk) -> Attend:
    """What the command line asks of the desk: look a file over, or take it at once; undo."""

    async def attended(given: dict[str, str], body: bytes) -> Reply:
        try:
            if given.get("what") == "undo":
                return Reply(ok=True, told=msgspec.Raw(msgspec.json.encode(await desk.undo())))
            seen = await desk.look_over(
                given.get("name", "roster"), body, given.get("class_id", "")
            )
            told = msgspec.Raw(msgspec.json.encode(seen))
            if given.get("what") != "take":
                return Reply(ok=True, told=told)
            if not seen.takeable:
                return Reply(ok=False, code="roster_invalid", hint="nothing was taken", told=told)
            await desk.take(seen.id)
            return Reply(ok=True, told=told)
        except (LessonRefused, CommitFailed) as error:
            return Reply(ok=False, code=error.code, hint=error.hint)

    return attended
