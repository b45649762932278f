"""The one way in: readings and commands are decided, made durable, and only then told.

Intake owns the decided state, advanced event by event, so that two presses of one commit see
each other. Pages, outcomes and uplink see the committed state alone. When a commit fails,
decided is rebuilt from committed, those presses stay without a tick, and are decided anew a little
later, in their order, until they are durable.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence

from agent.corners import Corners
from agent.errors import NotDurable
from agent.journal.errors import JournalError
from agent.journal.store import Journal
from agent.lesson import commands as cmd
from agent.lesson import room, rules
from agent.lesson.events import (
    Event,
    KeypadFlagged,
    QuestionOpened,
    QuestionReopened,
    QuestionVoided,
    TimerChanged,
)
from agent.lesson.keypads import KeypadWatch
from agent.lesson.model import Moment, State
from agent.lesson.replay import Stamped, apply, apply_all, copy_of
from agent.lesson.timing import left_ms
from drivers.capabilities import Outcome
from drivers.readings import CardTap, KeyPress, Measurement, Reading, RemoteKey, Stroke, Token

log = logging.getLogger(__name__)

CAPACITY = 3_072
"""Readings that wait for their commit. Beyond it drivers wait; our receivers keep their presses."""

NEED_ROOM = (
    cmd.OpenLesson,
    cmd.AskQuestion,
    cmd.JoinPhone,
    cmd.ReplaceRoster,
    cmd.TakeRosters,
    cmd.DrawStroke,
    cmd.PlacePicture,
)
"""Refused while the store is full: they only lead to answers that would be refused."""
STORAGE_FULL = Outcome("rejected", "storage_full")
UNHEEDED = Outcome("rejected", "no_question_open")

TIMED = (QuestionOpened, QuestionReopened, QuestionVoided, TimerChanged)
"""After these, another timer may run."""

HELD_BACK = {flag: Outcome("rejected", flag) for flag in ("keypad_flood", "keypads_unknown")}

FLAGS_S = 1.0
"""So often is it told what is held back."""
RETRY_S = 0.5
"""So long after a commit that failed its readings are tried again."""

Outcomes = dict[str, list[tuple[Token, Outcome]]]
Confirm = Callable[[str, Sequence[tuple[Token, Outcome]]], None]


class _Group:
    """What is decided together and becomes durable together."""

    __slots__ = ("events", "generation", "outcomes", "promise", "readings", "unheeded")

    readings: list[Reading]

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.events: list[Stamped] = []
        self.outcomes: Outcomes = {}
        self.unheeded: list[str] = []
        self.readings = []
        self.promise: asyncio.Future[list[Event]] | None = None


class Intake:
    """The bounded queue between drivers, rules and journal. All of it runs in the loop."""

    def __init__(
        self,
        journal: Journal,
        *,
        state: State,
        window_s: float,
        now_ns: Callable[[], int],
        name_card: Callable[[str], str],
        confirm: Confirm,
        keypads: KeypadWatch | None = None,
    ) -> None:
        """Take everything, start nothing.

        Args:
            journal: open.
            state: what the journal says; becomes the committed state.
            window_s: at least so long from one commit to the next; the first does not wait.
            now_ns: CLOCK_BOOTTIME.
            name_card: a card's UID to its keyed hash.
            confirm: where outcomes go, by device.
            keypads: who judges their ids; without it, one with its usual limits.
        """
        self.keypads = KeypadWatch() if keypads is None else keypads
        self.committed = state
        self._decided = copy_of(state)
        self._journal = journal
        self._window_s = window_s
        self._now_ns = now_ns
        self._name_card = name_card
        self._confirm = confirm
        self._readings: list[Reading] = []
        self._room = asyncio.Event()
        self._uncommitted = 0
        self._handed_over: deque[_Group] = deque()
        self._generation = 0
        self._drain_due: asyncio.TimerHandle | None = None
        self._drained_s = 0.0
        self._watchers: list[Callable[[], None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._flags_due: asyncio.TimerHandle | None = None
        self.corners = Corners()
        self.drained = 0
        self.unheeded: Counter[str] = Counter()
        """Readings that led to no event, by device: say, a presenter's key without a lesson."""
        self.full = False
        """Set while there is no room: new readings are refused, and none is recorded."""

    def on_commit(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` after each commit, when the committed state has advanced."""
        self._watchers.append(watcher)

    @property
    def waiting(self) -> int:
        """Readings that are not durable yet."""
        return len(self._readings) + self._uncommitted

    async def emit(self, *readings: Reading) -> None:
        """Take readings, in order. Waits for room in the queue, not for the commit."""
        while len(self._readings) + self._uncommitted >= CAPACITY:
            self._room.clear()
            await self._room.wait()
        self._readings.extend(readings)
        if self._drain_due is None:
            loop = asyncio.get_running_loop()
            due_s = max(loop.time(), self._drained_s + self._window_s)
            self._drain_due = loop.call_at(due_s, self._drain)

    async def submit(self, command: cmd.Command) -> list[Event]:
        """Carry out a command; its events, once durable.

        Raises:
            LessonRefused: it makes no sense now.
            NotDurable: it could not be written, or there is no room; nothing happened.
        """
        if self.full and isinstance(command, NEED_ROOM):
            hint = "the board's store is full; end the lesson, and tell the school's IT"
            raise NotDurable("storage_full", type(command).__name__, hint)
        self._drain()  # what was pressed before the click is decided before it
        events = rules.decide(self._decided, command)
        return await self._record(events)

    async def begin_epoch(self, event: Event, epoch: int) -> None:
        """Start a new numbering with its first event."""
        self._decided.epoch, self._decided.seq = epoch, 0
        await self._record([event])

    def forget_lessons(self, lessons: Sequence[str]) -> None:
        """Old lessons are about to be deleted from the journal: no page lists them any more."""
        for state in (self.committed, self._decided):
            for lesson in lessons:
                state.spans.pop(lesson, None)

    async def _record(self, events: list[Event]) -> list[Event]:
        group = self._decided_now(events)
        group.promise = asyncio.get_running_loop().create_future()
        self._hand_over(group)
        return await group.promise

    def _decided_now(self, events: Sequence[Event]) -> _Group:
        group = _Group(self._generation)
        now_ns = self._now_ns()
        decided, boot = self._decided, self._journal.boot
        for event in events:
            at = Stamped(decided.epoch, decided.seq + 1, boot, now_ns, event)
            apply(decided, at)
            group.events.append(at)
        return group

    def _drain(self) -> None:
        """Decide all that waits, as one group."""
        self._drain_no_more()
        readings = self._readings
        if not readings:
            return
        self._readings = []
        self._drained_s = asyncio.get_running_loop().time()
        group = _Group(self._generation)
        group.readings = readings
        decided, boot, full = self._decided, self._journal.boot, self.full
        keypads, lesson = self.keypads, decided.lesson
        keypads.begin(None if lesson is None else lesson.id)
        known = keypads.known
        for reading in readings:
            event: Event | None
            if type(reading) is KeyPress:
                event, outcome = rules.decide_press(decided, reading, boot)
                one = known.get(reading.keypad)
                if one is not None and one.left > 0 and one.device is reading.device:
                    one.left -= 1  # what nearly every press is
                elif event is not None and (flag := keypads.hold(decided, reading)) is not None:
                    event, outcome = None, HELD_BACK[flag]
            else:
                event, outcome = self._decide(group, reading)
            if event is not None:
                if full:
                    outcome = STORAGE_FULL
                else:
                    at = Stamped(decided.epoch, decided.seq + 1, boot, reading.mono_ns, event)
                    apply(decided, at)
                    group.events.append(at)
            if reading.token is not None:
                told = group.outcomes.get(reading.device)
                if told is None:
                    told = group.outcomes[reading.device] = []
                told.append((reading.token, outcome))
        self._hand_over(group)
        if keypads.eventful and self._flags_due is None:
            self._flags_due = asyncio.get_running_loop().call_later(FLAGS_S, self._tell_flags)

    def _drain_no_more(self) -> None:
        if self._drain_due is not None:
            self._drain_due.cancel()
            self._drain_due = None

    def _record_flags(self) -> None:
        """What was held back, a sum an id."""
        if self.keypads.eventful and not self.full:
            self._hand_over(self._decided_now(self.keypads.take()))

    def _tell_flags(self) -> None:
        """Record what was held back; while an alarm lasts, look again."""
        self._flags_due = None
        self._record_flags()
        if self.keypads.expire(self._now_ns()):
            self._flags_due = asyncio.get_running_loop().call_later(FLAGS_S, self._tell_flags)
        for watcher in self._watchers:
            watcher()

    def _decide(self, group: _Group, reading: Reading) -> tuple[Event | None, Outcome]:
        """Of a reading that is no press."""
        if type(reading) is CardTap:
            name = self._name_card(reading.uid)
            event = rules.decide_tap(self._decided, reading.device, name, reading.token)
            return event, rules.ACCEPTED
        return None, self._hear(group, reading)

    def _hear(self, group: _Group, reading: Reading) -> Outcome:
        """What is neither an answer nor a card. A step of the lesson is taken without room, too."""
        if type(reading) is Stroke and self.corners.take(reading):
            return rules.ACCEPTED
        no_room = self.full and type(reading) in (Measurement, Stroke)
        events = [] if no_room else room.decide_reading(self._decided, reading)
        decided = self._decided
        for event in events:
            at = Stamped(decided.epoch, decided.seq + 1, self._journal.boot, reading.mono_ns, event)
            apply(decided, at)
            group.events.append(at)
        if events:
            return rules.ACCEPTED
        group.unheeded.append(reading.device)
        return STORAGE_FULL if no_room else UNHEEDED

    def _hand_over(self, group: _Group) -> None:
        self._uncommitted += len(group.readings)
        self._handed_over.append(group)
        self._journal.append(group.events, lambda error: self._done(group, error))

    def _done(self, group: _Group, error: JournalError | None) -> None:
        self._uncommitted -= len(group.readings)
        self._handed_over.popleft()
        self.drained += 1
        if error is None:
            self._committed(group)
        else:
            self._failed(group, error)
        self._room.set()

    def _committed(self, group: _Group) -> None:
        apply_all(self.committed, group.events)
        if group.promise is not None and not group.promise.done():
            group.promise.set_result([stamped.event for stamped in group.events])
        self.unheeded.update(group.unheeded)
        for device, outcomes in group.outcomes.items():
            self._confirm(device, outcomes)
        if not group.readings and any(type(one.event) in TIMED for one in group.events):
            self.set_timer()
        for watcher in self._watchers:
            watcher()

    def _failed(self, group: _Group, error: JournalError) -> None:
        if group.generation == self._generation:
            log.error("a commit failed: %s", error)
            self._generation += 1
            self._journal.begin_again()
            self._decided = copy_of(self.committed)
            self.keypads.forgive()
            self._take_back([group, *self._handed_over])
            for watcher in self._watchers:
                watcher()
        if group.promise is not None and not group.promise.done():
            group.promise.set_exception(NotDurable("not_durable", error.where, error.hint))

    def _take_back(self, groups: Sequence[_Group]) -> None:
        """Decide their readings anew in a while, before any that came later.

        A receiver that sends a press again is not heard: its driver knows that it was taken. A
        presenter's key is refused, as a page's wish would be: its teacher has gone on meanwhile.
        """
        events = [one.event for group in groups for one in group.events]
        self.keypads.give_back(one for one in events if type(one) is KeypadFlagged)
        all_of_them = [reading for group in groups for reading in group.readings]
        failed = [reading for reading in all_of_them if type(reading) is not RemoteKey]
        late = [reading.device for reading in all_of_them if type(reading) is RemoteKey]
        self.unheeded.update(late)
        if not failed:
            return
        self._readings[:0] = failed
        self._drain_no_more()
        self._drain_due = asyncio.get_running_loop().call_later(RETRY_S, self._drain)

    def set_timer(self) -> None:
        """Close the open question by itself when its time is up; call once after a start."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lesson = self.committed.lesson
        question = None if lesson is None else lesson.current
        if lesson is None or question is None or question.status != "open":
            return
        timer, now = question.timer, Moment(self._journal.boot, self._now_ns())
        if timer is None or not timer.running:
            return
        if timer.since.boot != now.boot:  # from now on its time is known in this boot's clock
            again = cmd.ResumeTimer(lesson=lesson.id, question=question.number, at=now)
            self._step_by_itself(again)
            return
        close = cmd.CloseQuestion(
            lesson=lesson.id, question=question.number, by="timer", timer_changes=timer.changes
        )
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(left_ms(timer, now) / 1e3, self._step_by_itself, close)

    def _step_by_itself(self, command: cmd.Command) -> None:
        task = asyncio.ensure_future(self.submit(command))
        task.add_done_callback(_log_refusal)

    def stop(self) -> None:
        """Decide what waits and set no timer any more."""
        for timer in (self._timer, self._flags_due):
            if timer is not None:
                timer.cancel()
        self._drain()
        self._record_flags()


def _log_refusal(task: asyncio.Future[list[Event]]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.warning("the timer could not close its question: %s", task.exception())
