"""Which board a stroke is on, what undo takes back, when a board is full, where its corners are."""

from __future__ import annotations

import pytest

from agent.lesson import commands as cmd
from agent.lesson import events as ev
from agent.lesson.drawing import ERASER_MM, MAX_LESSON_PICTURES, decide_stroke
from agent.lesson.errors import LessonRefused
from agent.lesson.ink import MAX_BOARD_POINTS, MAX_STROKE_POINTS, Ink, Point
from agent.lesson.plane import check_corners, plane_of
from agent.lesson.replay import copy_of, replay
from agent.lesson.room import decide_reading
from drivers.readings import Stroke, ToolLifted
from tests.lesson.builder import LESSON, Builder

Points = tuple[tuple[float, float, int], ...]
LINE: Points = ((10.0, 20.5, 0), (30.0, 40.0, 16))


class Room(Builder):
    """A room with a whiteboard and a page."""

    def drawn(self, points: Points = LINE, device: str = "frame") -> list[ev.Event]:
        events = decide_stroke(self.state, Stroke(device=device, mono_ns=5, points=points))
        for event in events:
            self.record(event)
        return events

    def pen(self, question: int | None = None, **changes: object) -> list[ev.Event]:
        given: dict[str, object] = {
            "tool": "pen", "colour": "red", "width_mm": 4.0, "points": list(LINE),
            "pressures": [0.25, 1.0],
        }  # fmt: skip
        return self.do(cmd.DrawStroke(lesson=LESSON, question=question, **given | changes))  # type: ignore[arg-type]

    def undo(self) -> None:
        self.do(cmd.UndoInk(lesson=LESSON, question=None))

    def clear(self) -> None:
        self.do(cmd.ClearInk(lesson=LESSON, question=None))

    @property
    def ink(self) -> Ink:
        return self.state.lessons[-1].ink


@pytest.fixture
def room() -> Room:
    room = Room()
    room.open_lesson()
    return room


def test_a_stroke_is_on_the_board_of_the_open_question_else_of_the_lesson(room: Room) -> None:
    room.drawn()
    room.ask()
    room.drawn()
    room.drawn()
    room.do(cmd.CloseQuestion(lesson=LESSON, question=1))
    room.drawn()
    assert (len(room.ink.steps), len(room.question.ink.steps)) == (2, 2)
    room.do(cmd.EndLesson(lesson=LESSON))
    assert room.drawn() == []


def test_a_page_draws_on_the_board_that_it_showed(room: Room) -> None:
    room.ask()
    room.do(cmd.CloseQuestion(lesson=LESSON, question=1))
    room.pen(question=1)
    assert len(room.question.ink.steps) == 1
    with pytest.raises(LessonRefused, match="question_unknown"):
        room.pen(question=2)


def test_a_stroke_of_a_page_is_kept_as_one_of_a_whiteboard(room: Room) -> None:
    room.drawn()
    room.pen()
    frame, page = room.ink.seen()
    assert [one[:3] for one in frame.points()] == [one[:3] for one in page.points()] == list(LINE)
    assert next(iter(page.points())) == Point(10.0, 20.5, 0, 0.25)
    assert next(iter(frame.points())).pressure is None


def test_how_hard_a_whiteboards_pen_was_pressed_is_kept(room: Room) -> None:
    stroke = Stroke(device="frame", mono_ns=5, points=LINE, pressures=(0.25, 1.0))
    [drawn] = decide_stroke(room.state, stroke)
    room.record(drawn)
    assert [one.pressure for one in room.ink.seen()[0].points()] == [0.25, 1.0]
    for told in ((0.5,), (0.5, 1.5)):
        one = Stroke(device="frame", mono_ns=5, points=LINE, pressures=told)
        assert decide_stroke(room.state, one) == []


def test_undo_takes_back_the_newest_step_and_a_clearing_too(room: Room) -> None:
    room.drawn()
    room.pen()
    room.clear()
    room.drawn(((1.0, 1.0, 0),))
    assert [len(list(one.points())) for one in room.ink.seen()] == [1]
    room.undo()
    assert room.ink.seen() == []
    room.undo()
    assert len(room.ink.seen()) == 2
    room.undo()
    room.undo()
    assert (room.ink.seen(), room.ink.points, room.ink.changes) == ([], 0, 5)
    room.undo()
    room.clear()
    assert room.ink.changes == 5


def test_what_is_replayed_or_copied_is_what_was_drawn(room: Room) -> None:
    room.drawn()
    room.clear()
    room.pen(tool="eraser")
    assert copy_of(room.state) == room.state
    again = Room().state
    assert replay(room.log, again).lessons == room.state.lessons


def test_a_full_board_refuses_a_page_clearly_and_takes_no_more_of_a_whiteboard(room: Room) -> None:
    most = tuple((float(one), 0.0, one) for one in range(MAX_STROKE_POINTS))
    for _ in range(MAX_BOARD_POINTS // MAX_STROKE_POINTS):
        assert room.drawn(most)
    assert room.drawn() == []
    with pytest.raises(LessonRefused, match="board_full"):
        room.pen()
    room.ask()
    assert room.drawn()


@pytest.mark.parametrize("point", [(float("nan"), 0.0, 0), (1e9, 0.0, 0), (0.0, 0.0, 1 << 40)])
def test_a_whiteboard_that_tells_nonsense_draws_nothing(
    room: Room, point: tuple[float, float, int]
) -> None:
    assert room.drawn((point,)) == []


def test_strokes_that_nobody_can_draw_are_refused(room: Room) -> None:
    changes: tuple[dict[str, object], ...] = (
        {"points": []}, {"pressures": [1.0]}, {"pressures": [0.5, 1.5]}, {"width_mm": 0.0},
        {"points": [(float("nan"), 0.0, 0)], "pressures": []},
        {"points": [(0.0, 0.0, -1)], "pressures": []},
        {"points": [(1.0, 1.0, 0)] * (MAX_STROKE_POINTS + 1), "pressures": []},
    )  # fmt: skip
    for change in changes:
        with pytest.raises(LessonRefused, match="stroke_invalid"):
            room.pen(None, **change)


def picture(width_px: int = 800, height_px: int = 600, name: str = "ab") -> ev.Picture:
    return ev.Picture(
        sha256=name * 32, media_type="image/png", size_bytes=9,
        width_px=width_px, height_px=height_px,
    )  # fmt: skip


def place(room: Room, one: ev.Picture, question: int | None = None) -> None:
    room.do(cmd.PlacePicture(lesson=LESSON, question=question, picture=one))


def box(ink: Ink) -> tuple[float, float, float, float]:
    under = ink.under
    assert under is not None
    return under.x_mm, under.y_mm, under.width_mm, under.height_mm


def test_a_picture_lies_in_the_middle_and_stays_where_strokes_are(room: Room) -> None:
    place(room, picture())
    assert box(room.ink) == (200, 0, 1200, 900)
    room.pen()
    calibrate(room, [(0, 0), (900, 0), (900, 900), (0, 900)])
    assert box(room.ink) == (200, 0, 1200, 900)
    place(room, picture(3000, 100, "cd"))
    assert box(room.ink) == (0, 466.6, 2000, 66.7)
    room.clear()
    room.undo()
    room.undo()
    assert room.ink.under is not None
    assert room.do(cmd.RemovePicture(lesson=LESSON, question=None))
    assert not room.do(cmd.RemovePicture(lesson=LESSON, question=None))
    assert room.ink.under is None
    assert room.state.spans[LESSON].pictures == ["ab" * 32, "cd" * 32]


def test_a_picture_laid_there_before_a_question_is_the_questions(room: Room) -> None:
    place(room, picture())
    room.pen()
    first = room.ask()
    assert (len(first.ink.steps), box(first.ink)) == (1, (200, 0, 1200, 900))
    assert room.ink.blank
    second = room.ask()
    assert second.ink.blank
    place(room, picture(), question=2)
    assert not room.ask().ink.under
    assert copy_of(room.state) == room.state
    assert replay(room.log, Room().state) == room.state


def test_what_is_on_the_lessons_board_is_given_to_a_question_on_request(room: Room) -> None:
    room.drawn()
    room.ask()
    attach = cmd.AttachBoard(lesson=LESSON, question=1)
    assert room.do(attach)
    assert (len(room.question.ink.steps), room.ink.blank) == (1, True)
    for refused in (attach, cmd.AttachBoard(lesson=LESSON, question=2)):
        with pytest.raises(LessonRefused):
            room.do(refused)


def test_a_lesson_has_a_bounded_number_of_pictures(room: Room) -> None:
    for number in range(MAX_LESSON_PICTURES):
        place(room, picture(name=f"{number:02x}"))
    place(room, picture(name="05"))
    with pytest.raises(LessonRefused, match="pictures_full"):
        place(room, picture(name="ff"))


def calibrate(room: Room, corners: list[tuple[float, float]], width: float = 2000) -> None:
    room.do(cmd.Calibrate(device="frame", corners=corners, width_mm=width, height_mm=1000))


def test_a_calibrated_board_tells_true_millimetres(room: Room) -> None:
    room.drawn(((100.0, 100.0, 0), (1500.0, 800.0, 5)))
    calibrate(room, [(1500, 800), (100, 800), (100, 100), (1500, 100)])  # hung upside down
    room.drawn(((100.0, 100.0, 0), (1500.0, 800.0, 5), (800.0, 450.0, 9)))
    room.drawn(((100.0, 100.0, 0),), device="another")
    before, after, other = (list(one.points()) for one in room.ink.seen())
    assert [one[:2] for one in before] == [(100, 100), (1500, 800)]
    assert [one[:2] for one in after] == [(2000, 1000), (0, 0), (1000, 500)]
    assert other[0][:2] == (100, 100)
    assert list(replay(room.log).surfaces) == ["frame"]


def test_a_board_seen_from_the_side_is_straightened() -> None:
    corners = [(100.0, 50.0), (900.0, 150.0), (850.0, 600.0), (150.0, 700.0)]
    plane = plane_of(corners, 1600, 900)
    for corner, target in zip(corners, [(0, 0), (1600, 0), (1600, 900), (0, 900)], strict=True):
        assert plane.place(*corner) == pytest.approx(target, abs=1e-6)
    # Where the diagonals cross is the middle of the board.
    a, b, c, d = corners
    det = (c[0] - a[0]) * (d[1] - b[1]) - (c[1] - a[1]) * (d[0] - b[0])
    part = ((b[0] - a[0]) * (d[1] - b[1]) - (b[1] - a[1]) * (d[0] - b[0])) / det
    crossing = a[0] + part * (c[0] - a[0]), a[1] + part * (c[1] - a[1])
    assert plane.place(*crossing) == pytest.approx((800, 450), abs=1e-6)


@pytest.mark.parametrize(
    ("corners", "said"),
    [
        ([(0, 0), (100, 0), (100, 100)], "four corners"),
        ([(0, 0), (3, 2), (1000, 600), (0, 600)], "corners 1 and 2 are the same"),
        ([(0, 0), (500, 2), (1000, 0), (0, 600)], "corner 2 lies between"),
        ([(0, 0), (1000, 600), (1000, 0), (0, 600)], "the order is"),
        ([(0, 0), (1000, 0), (300, 200), (0, 1000)], "the order is"),
    ],
)
def test_corners_that_are_none_are_refused_with_what_is_wrong(
    room: Room, corners: list[tuple[float, float]], said: str
) -> None:
    with pytest.raises(LessonRefused, match=said):
        calibrate(room, corners)
    assert not room.state.surfaces


def test_a_size_that_no_board_has_is_refused(room: Room) -> None:
    square = [(0.0, 0.0), (900.0, 0.0), (900.0, 900.0), (0.0, 900.0)]
    check_corners(square)
    for width in (20.0, 200_000.0):
        with pytest.raises(LessonRefused, match="size_out_of_range"):
            calibrate(room, square, width)


def take(room: Room, tool: str, *, lifted: bool = True) -> list[ev.Event]:
    told = ToolLifted(device="tray", mono_ns=5, tool=tool, lifted=lifted)
    events = decide_reading(room.state, told)
    for event in events:
        room.record(event)
    return events


def strokes(room: Room) -> list[ev.StrokeDrawn]:
    return [event for event in room.drawn() if isinstance(event, ev.StrokeDrawn)]


def test_what_is_taken_from_the_tray_draws(room: Room) -> None:
    assert take(room, "red")
    assert not take(room, "red")
    (drawn,) = strokes(room)
    assert (drawn.tool, drawn.colour) == ("pen", "red")
    take(room, "eraser")
    (wiped,) = strokes(room)
    assert (wiped.tool, wiped.width_mm) == ("eraser", ERASER_MM)
    take(room, "eraser", lifted=False)
    (drawn,) = strokes(room)
    assert (drawn.tool, drawn.colour) == ("pen", "red")
    take(room, "red", lifted=False)
    (drawn,) = strokes(room)
    assert (drawn.tool, drawn.colour) == ("pen", "black")
