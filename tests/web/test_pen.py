"""The pen on the pages: drawn with a mouse or a finger, seen by the room, wiped, undone, kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.web.browser_room import Agent, Room
from tests.web.test_accessibility import check
from tests.web.touch_frame import TouchFrame

pytestmark = pytest.mark.needs("chromium", "umockdev")
INKED = """canvas => {
    const all = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let inked = 0;
    for (let at = 3; at < all.length; at += 4) if (all[at] > 0) inked++;
    return inked;
}"""


@pytest.fixture(scope="module")
def frame(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TouchFrame]:
    frame = TouchFrame(tmp_path_factory.mktemp("frame"))
    yield frame
    frame.close()


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory, frame: TouchFrame) -> Iterator[Agent]:
    """With a touch frame in the room."""
    agent = Agent(tmp_path_factory.mktemp("agent"))
    agent.add_device(id="frame", driver="whiteboard.touch", port=frame.usb)
    try:
        agent.start(within=frame)
        yield agent
    finally:
        agent.stop()


def board_of(page: Page) -> Locator:
    return page.locator(".ink canvas")


def draw(page: Page, *places: tuple[float, float]) -> None:
    """A line with the mouse, its places in parts of the board."""
    canvas = board_of(page)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    (x, y), *others = [
        (box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in places
    ]
    page.mouse.move(x, y)
    page.mouse.down()
    for x, y in others:
        page.mouse.move(x, y, steps=5)
    page.mouse.up()


def touch(page: Page, x: float, y: float) -> None:
    """A finger goes from one place of the board to the right."""
    box = board_of(page).bounding_box()
    assert box is not None
    line = page.context.new_cdp_session(page)
    at = {"x": box["x"] + box["width"] * x, "y": box["y"] + box["height"] * y}
    for kind, points in (
        ("touchStart", [at]), ("touchMove", [at | {"x": at["x"] + 60}]), ("touchEnd", []),
    ):  # fmt: skip
        line.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def press(page: Page, x: float, y: float) -> None:
    """A stylus goes from one place of the board to the right, and presses harder."""
    box = board_of(page).bounding_box()
    assert box is not None
    line = page.context.new_cdp_session(page)
    for kind, beside, force in (
        ("mousePressed", 0, 0.25), ("mouseMoved", 60, 0.75), ("mouseReleased", 60, 0.0),
    ):  # fmt: skip
        where = {"x": box["x"] + box["width"] * x + beside, "y": box["y"] + box["height"] * y}
        how = {"button": "left", "buttons": 1, "pointerType": "pen", "force": force}
        line.send("Input.dispatchMouseEvent", {"type": kind, **where, **how})


def strokes(page: Page) -> list[dict[str, Any]]:
    """What the board keeps of the lesson's own board."""
    found: list[dict[str, Any]] = page.evaluate(
        """async () => {
            const {lessons} = await (await fetch("/api/v1/lessons")).json();
            return (await (await fetch(`/api/v1/lessons/${lessons[0].id}/ink`)).json()).strokes;
        }"""
    )
    return found


def until_inked(canvas: Locator, fits: str) -> None:
    canvas.page.wait_for_function(
        f"canvas => (({INKED})(canvas)) {fits}", arg=canvas.element_handle()
    )


def begin(room: Room, **looks: Any) -> Page:
    teacher = room.lesson(**looks)
    teacher.locator(".whiteboard button").first.click()
    return teacher


def test_what_a_teacher_draws_the_room_sees_and_it_is_undone_and_cleared(room: Room) -> None:
    teacher = begin(room)
    wall = room.teacher()
    wall.goto(f"{room.agent.url}/projector")
    teacher.locator(".ink-tool").nth(1).click()
    draw(teacher, (0.1, 0.2), (0.9, 0.2), (0.9, 0.8))
    expect(board_of(wall)).to_be_visible()
    until_inked(board_of(wall), "> 1000")
    [stroke] = strokes(teacher)
    assert (stroke["tool"], stroke["colour"]) == ("pen", "red")
    first, last = stroke["points"][0], stroke["points"][-1]
    assert first[:2] == pytest.approx([160, 180], abs=4)
    assert last[:2] == pytest.approx([1440, 720], abs=4)
    assert first[3] is None

    before = board_of(wall).evaluate(INKED)
    teacher.locator(".ink-tool").nth(4).click()
    draw(teacher, (0.5, 0.1), (0.5, 0.3))
    until_inked(board_of(wall), f"< {before}")
    assert [one["tool"] for one in strokes(teacher)] == ["pen", "eraser"]

    clear, undo = teacher.locator(".ink-tool").nth(6), teacher.locator(".ink-tool").nth(5)
    clear.click()
    until_inked(board_of(teacher), "=== 0")
    undo.click()
    until_inked(board_of(wall), "> 1000")
    undo.click()
    until_inked(board_of(wall), f">= {before}")
    with teacher.expect_download() as svg:
        teacher.locator(".whiteboard-files a").first.click()
    assert svg.value.suggested_filename.endswith("-lesson.svg")
    assert "<path" in svg.value.path().read_text(encoding="utf-8")


def test_a_finger_draws_on_a_phone_and_a_stylus_with_its_pressure(room: Room) -> None:
    small = {"width": 375, "height": 700}
    teacher = begin(room, viewport=small, has_touch=True)
    canvas = board_of(teacher)
    assert canvas.evaluate("one => getComputedStyle(one).touchAction") == "none"
    expect(teacher.locator(".whiteboard .by-hand")).to_be_visible()  # the camera
    check(teacher, "a board on a phone")
    canvas.evaluate("one => one.scrollIntoView({block: 'center'})")
    touch(teacher, 0.2, 0.2)
    press(teacher, 0.2, 0.6)
    expect(teacher.locator(".ink-tool").nth(5)).to_be_enabled()
    teacher.wait_for_function(
        """async () => {
            const {lessons} = await (await fetch("/api/v1/lessons")).json();
            const at = `/api/v1/lessons/${lessons[0].id}/ink`;
            return (await (await fetch(at)).json()).strokes.length === 2;
        }"""
    )
    finger, stylus = strokes(teacher)
    assert {one[3] for one in finger["points"]} == {None}
    assert [one[3] for one in stylus["points"]] == [0.25, 0.75]


def test_the_projectors_own_pen_draws(room: Room) -> None:
    teacher = room.lesson()
    wall = room.teacher()
    wall.goto(f"{room.agent.url}/projector")
    expect(wall.locator(".join")).to_be_visible()
    wall.mouse.move(300, 300)
    wall.locator(".tools button").nth(2).click()
    draw(wall, (0.3, 0.3), (0.6, 0.6))
    until_inked(board_of(teacher), "> 100")
    assert len(strokes(teacher)) == 1


PHOTO = Path(__file__).parents[1] / "samples" / "baseline.jpg"
PASTE = """bytes => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], "x.png", {type: "image/png"}));
    dispatchEvent(new ClipboardEvent("paste", {clipboardData: data}));
}"""
LIES = """image => {
    const [box, board] = [image, image.parentElement].map((one) => one.getBoundingClientRect());
    return [(box.left - board.left) / board.width, box.width / board.width,
            box.height / board.height, image.naturalWidth];
}"""


def test_a_picture_lies_under_the_pen_at_the_same_place_on_every_page(room: Room) -> None:
    teacher = room.lesson(color_scheme="dark")
    wall = room.teacher()
    wall.goto(f"{room.agent.url}/projector")
    teacher.locator(".whiteboard input[type=file]").first.set_input_files(PHOTO)
    for page in (teacher, wall):
        image = page.locator(".ink-board img")
        expect(image).to_be_visible()
        page.wait_for_function("() => document.querySelector('.ink-board img').naturalWidth")
        assert image.evaluate(LIES) == pytest.approx([0.125, 0.75, 1, 40], abs=0.01)
    draw(teacher, (0.2, 0.2), (0.8, 0.8))
    until_inked(board_of(wall), "> 1000")
    dot = teacher.locator(".ink-dot").first
    expect(dot).to_have_css("background-color", "rgb(27, 31, 35)")  # as it draws there
    teacher.evaluate(PASTE, [71, 73, 70, 56])
    expect(teacher.get_by_text("PNG、JPEG 或 WebP")).to_be_visible()
    check(teacher, "a picture lies under the board, another was refused")
    teacher.set_viewport_size({"width": 360, "height": 800})
    check(teacher, "the same on a phone")
    teacher.locator(".whiteboard-files button", has_text="移除图片").click()
    expect(wall.locator(".ink-board img")).to_have_count(0)
    expect(dot).to_have_css("background-color", "rgb(238, 243, 241)")
    assert len(strokes(teacher)) == 1


CORNERS = [(0.1, 0.2), (0.9, 0.1), (0.8, 0.9), (0.2, 0.8)]
"""Of a board that hangs askew in its frame, from the upper left one around."""
SIDES_INKED = """canvas => [canvas.width - 9, 0].map((left) => {
    const beside = canvas.getContext("2d").getImageData(left, canvas.height / 2, 9, 9).data;
    return beside.some((one) => one > 0);
})"""
"""Half down its right side, where a line goes, and its left one, where none goes."""
THERE = """async () => {
    const {lessons} = await (await fetch("/api/v1/lessons")).json();
    const at = `/api/v1/lessons/${lessons[0].id}/ink`;
    return (await (await fetch(at)).json()).strokes.length === 2;
}"""


def test_four_touches_set_a_whiteboard_right_and_lines_land_where_they_are_drawn(
    room: Room, frame: TouchFrame
) -> None:
    teacher = room.lesson(locale="en-GB", color_scheme="dark")
    teacher.locator(".top-tools .popover > button").first.click()
    teacher.locator(".devices-head button").click()
    card = teacher.locator(".device-card", has_text="whiteboard.touch")
    card.get_by_text("Calibrate").click()
    said, touched = card.locator(".calibrate p"), card.locator(".calibrate-board .touched")
    frame.draw((0.1, 0.2), (0.9, 0.2))
    expect(said).to_contain_text("That was a line")
    for number, corner in enumerate(CORNERS):
        expect(touched).to_have_count(number)
        frame.draw(corner)
        expect(touched).to_have_count(number + 1)
    expect(said).to_contain_text("All four corners")
    check(teacher, "four corners are touched")
    for field, size_mm in zip(
        card.locator(".calibrate-size input").all(), (2000, 1000), strict=True
    ):
        field.fill(str(size_mm))
    card.locator(".calibrate-buttons .primary").click()
    expect(said).to_have_count(0)
    teacher.go_back()

    frame.draw(*CORNERS[:3])
    frame.draw((0.5, 0.5), (0.5, 0.6))
    teacher.wait_for_function(THERE)
    corners, _ = strokes(teacher)
    expected = [[0, 0], [2000, 0], [2000, 1000]]
    assert [point[:2] for point in corners["points"]] == [
        pytest.approx(place, abs=0.5) for place in expected
    ]
    assert board_of(teacher).evaluate("one => one.width / one.height") == pytest.approx(2, abs=0.01)
    until_inked(board_of(teacher), "> 100")
    assert board_of(teacher).evaluate(SIDES_INKED) == [True, False]
