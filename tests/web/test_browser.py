"""The pages in a real browser against a real agent, as teachers and students use them."""

from __future__ import annotations

import asyncio
import gzip
import queue
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from agent.clock import now_ns
from drivers.sim.receiver import PtyLine, VirtualReceiver
from tests.web.browser_room import ROOT, Room, room_code, running_agent

pytestmark = pytest.mark.needs("chromium")
FIRST_LOAD_BYTES = 25 * 1024


def ask(teacher: Page, kind: int = 0) -> None:
    """Two taps: the kind, and the big button."""
    teacher.locator(".kind").nth(kind).click()
    teacher.get_by_test_id("next").click()
    expect(teacher.locator(".status.open")).to_be_visible()


def give(teacher: Page, name: str, roster: str) -> None:
    """Choose a file of this name."""
    file = FilePayload(name=name, mimeType="text/csv", buffer=roster.encode())
    teacher.locator(".roster input[type=file]").set_input_files(file)


def answered(teacher: Page, count: int) -> None:
    expect(teacher.get_by_test_id("answered").locator("b")).to_have_text(str(count))


def test_a_lesson_from_the_first_tap_to_the_revealed_answer(room: Room) -> None:
    teacher = room.lesson()
    projector = teacher.context.new_page()
    projector.goto(f"{room.agent.url}/projector")
    expect(projector.locator(".join img")).to_be_visible()
    teacher.bring_to_front()
    phone = room.phone(teacher)
    expect(phone.get_by_role("heading", name="等老师提问")).to_be_visible()

    teacher.locator(".key").nth(1).click()
    ask(teacher)
    expect(projector.locator(".choices li")).to_have_count(4)
    phone.locator(".tile").nth(1).click()
    expect(phone.locator(".in")).to_have_text(re.compile("B 已收到"))
    answered(teacher, 1)
    expect(teacher.locator(".seat.filled")).to_have_count(1)
    expect(teacher.locator(".bars")).to_have_count(0)
    expect(projector.locator(".count")).to_have_count(0)

    phone.locator(".tile").nth(2).click()
    expect(phone.locator(".in")).to_have_text(re.compile("已改为 C"))
    teacher.locator(".segments.four button").nth(1).click()
    expect(projector.locator(".count b")).to_have_text("1")

    teacher.get_by_test_id("next").click()
    expect(phone.locator(".how")).to_have_text("已截止")
    expect(projector.locator(".bar.right")).to_have_count(0)
    teacher.get_by_test_id("next").click()
    expect(projector.locator(".bar.right .letter")).to_have_text("B")
    expect(phone.locator(".how")).to_have_text(re.compile("答案已公布"))

    teacher.get_by_text("下课").click()
    teacher.get_by_text("继续上课").click()
    expect(teacher.get_by_test_id("next")).to_be_visible()
    room.agent.end_lesson()
    expect(phone.get_by_role("heading", name="这节课结束了")).to_be_visible()
    expect(projector.get_by_role("heading", name="还没有上课")).to_be_visible()
    expect(teacher.get_by_role("heading", name="开始上课")).to_be_visible()


@pytest.mark.parametrize(
    ("kind", "taps", "tick"),
    [
        (1, [".tile >> nth=2", ".tile >> nth=0", ".send"], "AC 已收到"),
        (2, [".tile >> nth=0"], "对 已收到"),
        (3, ["text='1'", "text='2'", "text='.'", "text='5'", "text='±'", ".send"], "-12.5 已收到"),
    ],
    ids=["multiple", "true_false", "number"],
)
def test_every_kind_is_answered_with_one_thumb(
    room: Room, kind: int, taps: list[str], tick: str
) -> None:
    teacher = room.lesson()
    phone = room.phone(teacher)
    ask(teacher, kind)
    for tap in taps:
        phone.locator(f"main >> {tap}").click()
    expect(phone.locator(".in")).to_have_text(tick)
    answered(teacher, 1)
    teacher.get_by_text("看分布").click()
    expect(teacher.locator(".bars .bar-count b", has_text="1").first).to_be_visible()


def test_words_reach_the_projector_by_a_tap_alone_and_are_taken_back(room: Room) -> None:
    teacher = room.lesson()
    projector = teacher.context.new_page()
    projector.goto(f"{room.agent.url}/projector")
    teacher.bring_to_front()
    one, other = room.phone(teacher), room.phone(teacher)
    ask(teacher, 5)
    for phone, text in ((one, "<b>Leaf</b>"), (other, " <B>leaf</b>\u202e")):
        phone.locator("textarea").fill(text)
        phone.locator(".send").click()
        expect(phone.locator(".in")).to_contain_text("已收到")
    answered(teacher, 2)
    teacher.locator(".segments.four button").nth(2).click()
    expect(projector.locator(".count b")).to_have_text("2")
    expect(projector.get_by_text("Leaf")).to_have_count(0)
    teacher.get_by_text("看分布").click()
    shown = teacher.locator(".texts li")
    expect(shown).to_have_count(1)
    expect(shown.locator(".text-count")).to_have_text("2")
    shown.get_by_role("button").click()
    expect(projector.locator(".said span").first).to_have_text("<b>Leaf</b>")
    shown.get_by_role("button").click()
    expect(projector.locator(".said")).to_have_count(0)


def test_a_rating_an_order_and_a_call_are_asked_and_answered(room: Room) -> None:
    teacher = room.lesson()
    phone = room.phone(teacher)
    ask(teacher, 6)
    phone.locator(".tile").nth(4).click()
    expect(phone.locator(".in")).to_have_text("5 已收到")
    teacher.get_by_text("看分布").click()
    expect(teacher.locator(".mean")).to_contain_text("5.00")

    teacher.locator(".kind").nth(7).click()
    for place in (1, 0, 3, 2):
        teacher.locator(".key").nth(place).click()
    teacher.locator(".ask > .button").click()
    expect(phone.locator(".tile")).to_have_count(4)
    for place in (1, 0, 3, 2):
        expect(phone.locator(".send")).to_be_disabled()
        phone.locator(".tile").nth(place).click()
    phone.locator(".send").click()
    expect(phone.locator(".in")).to_have_text("BADC 已收到")
    teacher.get_by_test_id("next").click()
    teacher.get_by_test_id("next").click()
    expect(teacher.locator(".bar.right .letter")).to_have_text("BADC")

    teacher.locator(".kind").nth(8).click()
    teacher.get_by_test_id("next").click()
    expect(phone.locator(".tile")).to_have_count(1)
    phone.locator(".tile").click()
    expect(phone.locator(".in")).to_have_text("到 已收到")
    answered(teacher, 1)
    teacher.get_by_test_id("next").click()
    expect(teacher.get_by_test_id("next")).to_contain_text("下一题")


def test_the_tick_waits_for_the_board_and_a_cut_line_loses_nothing(room: Room) -> None:
    teacher = room.lesson()
    phone = room.phone(teacher)
    ask(teacher)
    expect(phone.locator(".tile")).to_have_count(4)
    phone.context.set_offline(True)
    phone.locator(".tile").nth(3).click()
    expect(phone.locator(".outcome .trouble")).to_have_text(re.compile("D 还没有交上"))
    expect(phone.locator(".in")).to_have_count(0)
    expect(phone.locator(".tile.safe")).to_have_count(0)
    phone.context.set_offline(False)
    expect(phone.locator(".in")).to_have_text(re.compile("D 已收到"))
    answered(teacher, 1)

    phone.reload()
    expect(phone.locator(".tile.safe b")).to_have_text("D")
    expect(phone.locator(".seat")).to_have_text("1 号")


def test_an_answer_that_the_lesson_was_quicker_than_is_said_and_stays_out_of_the_next(
    room: Room,
) -> None:
    teacher = room.lesson()
    phone, asleep = room.phone(teacher), room.phone(teacher)
    ask(teacher)
    for one in (phone, asleep):
        one.route("**/api/v1/s/answer", lambda route: route.abort())
        one.locator(".tile").nth(1).click()
        expect(one.locator(".outcome .trouble")).to_have_text(re.compile("B 还没有交上"))
    asleep.goto("about:blank")
    room.agent.end_lesson()
    expect(phone.locator(".trouble")).to_have_text(re.compile("B 没有来得及交上"))

    teacher.locator(".start-card .button.big").click()
    teacher.get_by_test_id("next").wait_for()
    code = room_code(teacher)
    ask(teacher)
    woken = asleep.context.new_page()
    woken.goto(f"{room.agent.url}/s?c={code}")
    expect(woken.locator(".outcome")).to_have_text("还没有作答")
    answered(teacher, 0)


def test_a_restart_of_the_board_is_shown_and_survived(room: Room) -> None:
    teacher = room.lesson()
    phone = room.phone(teacher)
    ask(teacher)
    expect(phone.locator(".tile")).to_have_count(4)
    room.agent.stop()
    expect(teacher.locator(".banner.warning")).to_be_visible()
    expect(teacher.locator(".work.stale")).to_be_visible()
    phone.locator(".tile").nth(0).click()
    expect(phone.locator(".outcome .trouble")).to_be_visible()
    room.agent.start()
    expect(phone.locator(".in")).to_have_text(re.compile("A 已收到"))
    expect(teacher.locator(".banner.warning")).to_have_count(0)
    answered(teacher, 1)


def test_what_the_school_did_not_take_is_told(browser: Browser, tmp_path: Path) -> None:
    with running_agent(tmp_path) as agent:
        agent.stop()
        with closing(sqlite3.connect(tmp_path / "data" / "journal.db")) as journal:
            journal.execute("insert into aside select max(id), 'rejected' from event")
            journal.commit()
        agent.start()
        room = Room(browser, agent)
        page = room.teacher()
        label = page.get_by_role("button", name="学校：有数据没收进")
        expect(label.locator(".dot.wait")).to_be_visible()
        label.click()
        told = page.get_by_text("1 条学校服务器没能收进，已在本机另存，请告诉信息老师。")
        expect(told).to_be_visible()
        room.close()


@contextmanager
def receiver_without_room(refused: int) -> Iterator[str]:
    """The port of a receiver that has refused so many presses."""
    left = threading.Event()
    paths: queue.Queue[str] = queue.Queue()

    async def serve() -> None:
        receiver = VirtualReceiver(now_ns=now_ns)
        receiver.refused = refused
        async with PtyLine(receiver, now_ns) as line:
            paths.put(line.path)
            await asyncio.to_thread(left.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        yield paths.get(timeout=10)
    finally:
        left.set()
        thread.join()


def test_presses_that_a_full_receiver_refused_are_told_and_seen_without_looking(
    browser: Browser, tmp_path: Path
) -> None:
    with receiver_without_room(refused=3) as port, running_agent(tmp_path) as agent:
        agent.stop()
        config = tmp_path / "agent.toml"
        config.write_text(config.read_text().replace(f"{tmp_path / 'data'}/no-such-port", port))
        agent.start()
        room = Room(browser, agent)
        page = room.teacher()
        label = page.get_by_role("button", name=re.compile("^设备: 2, 有按键没有收下$"))
        expect(label.locator(".dot.wait")).to_be_visible()
        label.click()
        expect(page.get_by_text("接收器存满过：通电以来有 3 次按键没有收下")).to_be_visible()
        room.close()


def test_a_wrong_pin_is_told_and_guessing_is_slowed_down(room: Room) -> None:
    page = room.open("/")
    secret = page.locator("input.secret")
    submit = page.locator("form.sign-in button[type=submit]")
    told: list[str] = []
    while not submit.is_disabled() and len(told) < 10:
        secret.fill("000000")
        submit.click()
        expect(secret).to_have_value("")
        told.append(page.locator(".trouble").inner_text())
    assert told[0].startswith("PIN 不对")
    assert told[-1].startswith("试得太多了")
    expect(submit).to_have_text(re.compile("请等 .* 秒"))
    expect(submit).to_have_text("登录")
    secret.fill(room.agent.pin)
    submit.click()
    expect(page.locator("header.top")).to_be_visible()


def test_a_screen_becomes_the_projector_only_when_the_teacher_allows_it(room: Room) -> None:
    screen = room.open("/projector")
    number = screen.locator(".huge-code")
    expect(number).to_have_text(re.compile(r"^\d{4}$"))
    teacher = room.lesson()
    expect(teacher.locator(".banner")).to_contain_text(number.inner_text())
    teacher.get_by_role("button", name="允许").click()
    expect(screen.locator(".join img")).to_be_visible()

    teacher.get_by_role("button", name="更多").click()
    teacher.get_by_role("button", name="配对码").click()
    code = screen.locator(".huge-code")
    expect(screen.get_by_role("heading", name="教师配对码")).to_be_visible()
    guest = room.open("/")
    guest.get_by_role("button", name="配对码").click()
    guest.locator("input.secret").fill(code.inner_text())
    guest.locator("form.sign-in button[type=submit]").click()
    expect(guest.locator(".tag")).to_have_text("代课")


def test_a_roster_is_looked_over_then_taken_and_undone(room: Room) -> None:
    teacher = room.teacher()
    teacher.get_by_text("导入名单").click()
    give(teacher, "七年级3班.csv", "学号,姓名,血型\n1,甲同学\n1,乙同学\n2,\n3,<b>丙</b>\n")
    expect(teacher.locator(".roster input[type=text]")).to_have_value("七年级3班")
    expect(teacher.locator("[role=alert] .line-problems li")).to_have_text(
        [
            re.compile("第 3 行.*学号与前面某行重复", re.S),
            re.compile("第 4 行.*缺姓名", re.S),
            re.compile("第 5 行.*网页标记", re.S),
        ]
    )
    expect(teacher.get_by_text("1 条提示")).to_be_visible()
    expect(teacher.locator(".class-button")).to_have_count(0)
    give(teacher, "七年级3班.csv", "学号,姓名\n1,甲同学\n")
    expect(teacher.locator(".roster-preview td")).to_have_text(["1", "1", "0", "0", "0", "0"])
    teacher.get_by_test_id("roster-take").click()
    expect(teacher.locator(".class-button")).to_have_text(re.compile("七年级3班.*1 人", re.S))
    teacher.get_by_test_id("roster-undo").click()
    expect(teacher.locator(".class-button")).to_have_count(0)
    give(teacher, "七年级3班.csv", "学号,姓名\n1,甲同学\n2,乙同学\n3,丙同学\n")
    teacher.get_by_test_id("roster-take").click()
    expect(teacher.locator(".class-button")).to_have_text(re.compile("七年级3班.*3 人", re.S))

    teacher.locator(".class-button").click()
    expect(teacher.locator(".seat")).to_have_count(3)
    phone = room.phone(teacher)
    ask(teacher)
    phone.locator(".tile").nth(0).click()
    expect(phone.locator(".in")).to_be_visible()
    expect(teacher.locator(".seat.nobody.filled")).to_have_count(1)

    teacher.get_by_role("button", name="认领答题器").click()
    teacher.get_by_role("button", name="2 乙同学").click()
    expect(teacher.locator(".bind-now b")).to_have_text(re.compile("请 乙同学 现在按"))
    phone.locator(".tile").nth(1).click()
    expect(teacher.locator(".seat.nobody")).to_have_count(0)
    teacher.get_by_role("button", name="显示姓名和答案").click()
    expect(teacher.locator(".seat.filled")).to_have_text(re.compile("乙同学.*B", re.S))

    teacher.get_by_role("button", name="撤销").click()
    expect(teacher.locator(".seat.nobody.filled")).to_have_count(1)
    teacher.locator(".things .chip").click()
    teacher.get_by_role("button", name="3 丙同学").click()
    expect(teacher.locator(".seat.filled")).to_have_text(re.compile("丙同学.*B", re.S))

    teacher.locator(".class-picker select").select_option("")
    expect(teacher.locator(".seat")).to_have_count(1)
    # The picture may be here before the reply that offers to undo it.
    expect(teacher.get_by_role("button", name="撤销")).to_have_count(2)
    teacher.get_by_role("button", name="撤销").last.click()
    expect(teacher.locator(".seat")).to_have_count(3)


def test_a_lesson_runs_by_the_keyboard_alone(room: Room) -> None:
    teacher = room.lesson()
    teacher.keyboard.press("c")
    expect(teacher.locator(".kind[aria-pressed=true]")).to_contain_text("判断")
    teacher.keyboard.press("Space")
    expect(teacher.locator(".status")).to_have_text("作答中")
    teacher.keyboard.press("Space")
    expect(teacher.locator(".status")).to_have_text("已截止")
    teacher.keyboard.press("r")
    expect(teacher.locator(".status")).to_have_text("已公布")
    shown = teacher.locator(".segments.four button[aria-pressed=true]")
    expect(shown).to_have_text("答案")
    teacher.keyboard.press("h")
    expect(shown).to_have_text("只有题目")
    teacher.locator(".kind").nth(0).click()
    teacher.keyboard.press("Space")
    expect(teacher.locator("#question-title")).to_have_text(re.compile("第 2 题.*单选"))


def test_a_title_with_markup_is_shown_as_it_was_typed(room: Room) -> None:
    teacher = room.teacher()
    markup = "<img src=x onerror=alert(1)>"
    teacher.locator(".start-card input").fill(markup)
    teacher.locator(".start-card .button.big").click()
    expect(teacher.locator("header h1")).to_have_text(markup)


def test_the_students_page_is_light(browser: Browser) -> None:
    page = (ROOT / "frontend/dist/s.html").read_text(encoding="utf-8")
    files = ["s.html", *re.findall(r'(?:src|href)="/(assets/[^"]+)"', page)]
    sizes = {
        name: len(gzip.compress((ROOT / "frontend/dist" / name).read_bytes())) for name in files
    }
    assert len(sizes) >= 3
    assert sum(sizes.values()) <= FIRST_LOAD_BYTES, sizes
