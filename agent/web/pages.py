"""From the committed state to what each page shows. Pure reading, cheap enough for every change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from agent.journal.roster import StudentName
from agent.lesson.buzz import order
from agent.lesson.model import (
    TEACHER,
    Answer,
    ClassRoll,
    Lesson,
    Moment,
    Question,
    State,
    answers_by_respondent,
    expected,
    present,
    respondent,
)
from agent.lesson.questions import is_right
from agent.lesson.rounds import advice, comparisons
from agent.lesson.timing import awaited, left_ms
from agent.web.device_views import MeasurementView
from agent.web.distribution import bars, mean, seen_texts, texts
from agent.web.round_views import ComparisonView, TimerView
from agent.web.views import (
    AskedView,
    BuzzView,
    LessonView,
    PastQuestionView,
    PressView,
    RespondentView,
    RoomQuestionView,
    StudentView,
    TeacherQuestionView,
)

MAX_ROOM_BUZZES = 8
MAX_TEXT_GROUPS = 100

Names = Mapping[str, StudentName]


class Pages:
    """Builds views of one board at one moment."""

    def __init__(
        self,
        *,
        state: Callable[[], State],
        names: Callable[[str | None], Names],
        now: Callable[[], Moment],
        room_code: Callable[[str], str],
        join_url: Callable[[str], str],
    ) -> None:
        """Take everything.

        Args:
            state: the committed state.
            names: a class's students by pseudonym.
            now: boot and CLOCK_BOOTTIME.
            room_code: of a lesson.
            join_url: what the QR code says, of a room code.
        """
        self._state = state
        self._names = names
        self._now = now
        self._room_code = room_code
        self._join_url = join_url

    def ago_ms(self, then: Moment) -> int:
        """How long ago, in ms; 0 for a moment before this boot, whose distance nobody knows."""
        now = self._now()
        if then.boot != now.boot:
            return 0
        return max(0, (now.mono_ns - then.mono_ns) // 1_000_000)

    def lesson(self, lesson: Lesson, state: State | None = None) -> LessonView:
        """A lesson as its teacher sees it."""
        state = self._state() if state is None else state
        roll = state.roll(lesson)
        question = lesson.current
        answers = {} if question is None else answers_by_respondent(question, roll)
        code = self._room_code(lesson.id)
        press = state.last_press
        bound = {} if roll is None else roll.keypads
        return LessonView(
            id=lesson.id,
            title=lesson.title,
            class_id=lesson.class_id,
            opened_ago_ms=self.ago_ms(lesson.opened),
            expected=expected(lesson, roll),
            present=len(present(lesson, roll)),
            room_code=code,
            join_url=self._join_url(code),
            respondents=self._respondents(state, lesson, answers),
            question=None if question is None else self.question(question, answers, lesson, roll),
            history=[self._past(one, answers_by_respondent(one, roll)) for one in lesson.questions],
            last_press=(
                PressView(keypad=press.keypad, student=bound.get(press.keypad), count=press.count)
                if press.keypad
                else None
            ),
            unbound_cards=[card for card in lesson.cards if roll is None or card not in roll.cards],
            unasked_presses=lesson.unasked_presses,
            auto_close=lesson.auto_close,
            awaited=_awaited(lesson, question, roll),
        )

    def _respondents(
        self, state: State, lesson: Lesson, answers: Mapping[str, Answer]
    ) -> list[RespondentView]:
        roll = state.roll(lesson)
        names = self._names(lesson.class_id)
        here = present(lesson, roll)
        keypads: dict[str, list[str]] = {}
        if roll is not None:
            for keypad, student in roll.keypads.items():
                keypads.setdefault(student, []).append(keypad)
        cards = set() if roll is None else set(roll.cards.values())
        shown: list[RespondentView] = []
        for student in [] if roll is None else roll.students:
            name = names.get(student)
            shown.append(
                RespondentView(
                    id=student,
                    label=student[:4] if name is None else name.number,
                    name=None if name is None else name.name,
                    present=student in here,
                    keypads=keypads.get(student, []),
                    has_card=student in cards,
                    key=_key(answers, student),
                    entered=_entered(answers, student),
                )
            )
        others = dict.fromkeys([*lesson.keypads, *lesson.entered])
        for keypad in [*(one for one in others if one not in lesson.seats), *lesson.seats]:
            if roll is not None and keypad in roll.students:
                continue
            if respondent(roll, keypad) == keypad:
                seat = lesson.seats.get(keypad)
                shown.append(
                    RespondentView(
                        id=keypad,
                        label=keypad if seat is None else str(seat),
                        name=None,
                        present=keypad in here,
                        keypads=[keypad],
                        has_card=False,
                        key=_key(answers, keypad),
                        entered=_entered(answers, keypad),
                    )
                )
        return shown

    def question(
        self,
        question: Question,
        answers: Mapping[str, Answer],
        lesson: Lesson,
        roll: ClassRoll | None,
    ) -> TeacherQuestionView:
        """A question as its teacher sees it. `answers` by respondent."""
        right = _right(question, answers.values())
        return TeacherQuestionView(
            asked=self.asked(question),
            show=question.show,
            answered=len(answers),
            bars=bars(question, answers.values(), with_key=True),
            key=question.key,
            right=right,
            buzzes=self.buzzes(question, lesson, roll),
            void=question.void,
            advice=advice(question, right, len(answers)),
            rounds=[
                ComparisonView(**msgspec.structs.asdict(one))
                for one in comparisons(lesson, question, roll)
            ],
            texts=texts(question, answers.values(), with_key=True)[:MAX_TEXT_GROUPS],
            mean=mean(question, answers.values()),
        )

    def buzzes(self, question: Question, lesson: Lesson, roll: ClassRoll | None) -> list[BuzzView]:
        """The order of a buzz-in; of another question nothing."""
        if question.kind != "buzz":
            return []
        names = self._names(lesson.class_id)
        shown: list[BuzzView] = []
        for one in order(question, roll):
            name, seat = names.get(one.who), lesson.seats.get(one.who)
            student = roll is not None and one.who in roll.students
            label = one.who[:4] if student else one.who
            if name is not None:
                label = name.number
            elif seat is not None:
                label = str(seat)
            behind_ms = None if one.behind_ns is None else round(one.behind_ns / 1e6, 1)
            shown.append(
                BuzzView(
                    place=one.place,
                    who=one.who,
                    label=label,
                    phone=seat is not None,
                    last_place=one.last_place,
                    behind_ms=behind_ms,
                    give_or_take_ms=round(one.give_or_take_ns / 1e6, 1),
                    final=one.final,
                    late=one.late,
                )
            )
        return shown

    def asked(self, question: Question) -> AskedView:
        """What anybody in the room may know of a question."""
        return AskedView(
            number=question.number,
            kind=question.kind,
            options=question.options,
            status=question.status,
            policy=question.policy,
            opened_ago_ms=self.ago_ms(question.opened),
            timer_s=question.timer_s,
            text=question.text,
            place=question.place,
            round=question.round,
            timer=self._timer(question),
        )

    def _timer(self, question: Question) -> TimerView | None:
        timer = question.timer
        if timer is None or question.status != "open":
            return None
        left = left_ms(timer, self._now())
        return TimerView(left_ms=left, running=timer.running, changes=timer.changes)

    @staticmethod
    def _past(question: Question, answers: Mapping[str, Answer]) -> PastQuestionView:
        return PastQuestionView(
            number=question.number,
            kind=question.kind,
            status=question.status,
            answered=len(answers),
            right=_right(question, answers.values()),
            place=question.place,
            round=question.round,
            void=question.void,
        )

    def room_question(self) -> RoomQuestionView | None:
        """The question as the projector may show it."""
        state = self._state()
        lesson = state.lesson
        question = None if lesson is None else lesson.current
        if lesson is None or question is None:
            return None
        roll = state.roll(lesson)
        answers = answers_by_respondent(question, roll)
        show = question.show
        counts, shares, key = show != "hidden", show in ("distribution", "key"), show == "key"
        buzzes = None
        if question.kind == "buzz" and shares:  # numbers, no names and no pseudonyms
            first = self.buzzes(question, lesson, roll)[:MAX_ROOM_BUZZES]
            buzzes = [msgspec.structs.replace(one, who=None) for one in first]
        return RoomQuestionView(
            asked=self.asked(question),
            show=show,
            answered=len(answers) if counts else None,
            expected=expected(lesson, roll) if counts else None,
            bars=bars(question, answers.values(), with_key=key) if shares else None,
            key=question.key if key else None,
            buzzes=buzzes,
            texts=seen_texts(question, answers.values(), with_key=key) if shares else None,
            mean=mean(question, answers.values()) if shares else None,
        )

    def measured(self, device: str) -> MeasurementView | None:
        """The newest value that a sensor told, of whatever boot."""
        newest = self._state().measured.get(device)
        if newest is None:
            return None
        return MeasurementView(
            quantity=newest.quantity,
            value=newest.value,
            unit=newest.unit,
            measured_ago_ms=self.ago_ms(newest.at) if newest.at.boot == self._now().boot else None,
        )

    def student(self, version: int) -> StudentView:
        """The students' page."""
        lesson = self._state().lesson
        question = None if lesson is None else lesson.current
        return StudentView(
            version=version,
            lesson=None if lesson is None else lesson.id,
            question=None if question is None else self.asked(question),
        )


def _key(answers: Mapping[str, Answer], who: str) -> str | None:
    answer = answers.get(who)
    return None if answer is None else answer.key


def _entered(answers: Mapping[str, Answer], who: str) -> bool:
    return who in answers and answers[who].device == TEACHER


def _awaited(lesson: Lesson, question: Question | None, roll: ClassRoll | None) -> int | None:
    if not lesson.auto_close or question is None or question.status != "open":
        return None
    missing = awaited(lesson, question, roll)
    return None if missing is None else len(missing)


def _right(question: Question, answers: Iterable[Answer]) -> int | None:
    if question.key is None:
        return None
    return sum(is_right(answer.key, question.key, question.kind) is True for answer in answers)
