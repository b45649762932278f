"""What the routes work with, and who is asking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from starlette.requests import Request

from agent.clock import ClockQuality
from agent.flashing import Flashing
from agent.identity import Identity
from agent.intake import Intake
from agent.journal.roster import RosterStore
from agent.journal.sets import SetStore
from agent.journal.store import Journal
from agent.lesson.events import Place
from agent.lesson.model import Lesson
from agent.pictures import PictureStore
from agent.plugged import PluggedDevices
from agent.rosters.desk import RosterDesk
from agent.supervisor import Supervisor
from agent.web.auth import Access, Role, Session
from agent.web.live import Live
from agent.web.monitor import Monitor
from agent.web.pages import Pages
from agent.web.phones import PhoneDesk
from agent.web.problems import Refusal
from agent.web.views import CloudView, StorageHealth

SESSION_COOKIE = "session"
SEAT_COOKIE = "seat"
SEAT_PREFIX = "seat-"
TOKEN_SCHEMES = ("seat", "bearer")

Wall = Callable[[int, int], tuple[datetime | None, ClockQuality]]
"""Wall time of a moment (boot number, CLOCK_BOOTTIME), None if unknown, and how good it is."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """The parts of the agent that the pages need.

    `today`: the day, as well as the board can tell it.
    """

    device: str
    place: Place
    intake: Intake
    journal: Journal
    rosters: RosterStore
    sets: SetStore
    roster_desk: RosterDesk
    identity: Identity
    supervisor: Supervisor
    flashing: Flashing
    plugged: PluggedDevices
    phones: PhoneDesk
    pictures: PictureStore
    access: Access
    pages: Pages
    live: Live
    monitor: Monitor
    cloud: Callable[[], CloudView]
    storage: Callable[[], StorageHealth]
    clock_synced: Callable[[], bool]
    wall: Wall
    today: Callable[[], date]
    now_ns: Callable[[], int]
    secure: bool

    def session(self, request: Request) -> Session | None:
        """Who asks, by the cookie; None for nobody."""
        session = self.access.cookies.open(request.cookies.get(SESSION_COOKIE))
        return session if session is not None and self.lasts(session) else None

    def lasts(self, session: Session) -> bool:
        """Whether a session of a page still holds: not over, and of the PIN as it is."""
        return (
            session.role != "phone"
            and session.pin == self.access.pins.mark
            and self.access.cookies.lasts(session)
        )

    def demand(self, request: Request, *roles: Role) -> Session:
        """Who asks, if in one of these roles.

        Raises:
            Refusal: 401 for nobody, 403 for another role.
        """
        session = self.session(request)
        if session is None:
            raise Refusal(401, "sign_in_first", "session", "sign in with the PIN")
        if session.role not in roles:
            raise Refusal(403, "not_allowed", session.role, "sign in with the teacher's PIN")
        if not self.its_lesson(session):
            raise Refusal(403, "not_allowed", "guest", "a guest runs one lesson only")
        return session

    def its_lesson(self, session: Session) -> bool:
        """Whether the open lesson, if there is one, is not another than this session's."""
        lesson = self.open_lesson
        return lesson is None or session.lesson in ("", lesson.id)

    def demand_lesson(self, request: Request, lesson: str) -> Session:
        """A teacher, or a guest whose lesson this is and is still open."""
        session = self.demand(request, "teacher", "guest")
        if session.role == "guest":
            current = self.intake.committed.lesson
            if current is None or current.id != lesson or session.lesson not in ("", lesson):
                raise Refusal(403, "not_allowed", "guest", "a guest runs the open lesson only")
        return session

    def demand_drawing(self, request: Request, lesson: str) -> None:
        """Who runs this lesson, or a projector that a teacher let in while it is open."""
        if self.demand(request, "teacher", "guest", "projector").role != "projector":
            self.demand_lesson(request, lesson)
        elif self.open_lesson is None or self.open_lesson.id != lesson:
            raise Refusal(403, "not_allowed", "projector", "it draws in the open lesson only")

    def demand_class(self, request: Request, class_id: str) -> Session:
        """A teacher, or a guest whose open lesson is this class's."""
        session = self.demand(request, "teacher", "guest")
        lesson = self.open_lesson
        if session.role == "guest" and (lesson is None or lesson.class_id != class_id):
            raise Refusal(403, "not_allowed", "guest", "a guest runs the open lesson only")
        return session

    def any_seat(self, request: Request) -> Session:
        """The phone that asks, with a seat in whatever lesson.

        Raises:
            Refusal: it must join first.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = scheme.lower() in TOKEN_SCHEMES
        seat = self.access.cookies.open(token if given else request.cookies.get(SEAT_COOKIE))
        if seat is None or seat.role != "phone":
            hint = "join with the room code; then its cookie, or `Authorization: Seat TOKEN`"
            raise Refusal(401, "join_first", "seat", hint)
        return seat

    def seat(self, request: Request) -> Session:
        """The phone that asks, with a seat in the open lesson.

        Raises:
            Refusal: it must join first, or the lesson is over.
        """
        seat, lesson = self.any_seat(request), self.open_lesson
        if lesson is None or lesson.id != seat.lesson or seat.seat not in lesson.seats:
            raise Refusal(409, "lesson_over", "lesson", "join the new lesson with its room code")
        return seat

    @property
    def open_lesson(self) -> Lesson | None:
        """The open lesson."""
        return self.intake.committed.lesson


def client_of(request: Request) -> str:
    """Whose tries are counted together: the address of the connection, no header is believed."""
    return request.client.host if request.client is not None else ""
