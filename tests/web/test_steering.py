"""What a teacher does with a question that was asked, over the API and as the pages see it."""

from __future__ import annotations

import asyncio

from agent.early_close import EarlyClose
from tests.web.room import Board, Json
from tests.web.test_lessons import Lesson, begin


async def step(lesson: Lesson, name: str, number: int = 1, body: object = None) -> Json:
    at = f"{lesson.at}/questions/{number}/{name}"
    answer: Json = await lesson.teacher.ok("POST", at, body)
    return answer


async def test_two_rounds_and_what_changed_between_them(board: Board) -> None:
    lesson = await begin(board)
    await lesson.ask()
    for keypad, key in (("AA", "A"), ("BB", "B"), ("CC", "C")):
        await board.press(keypad, key)
    closed = await step(lesson, "close")
    assert (closed["right"], closed["advice"]) == (1, "explain")
    await lesson.teacher.ok("PUT", f"{lesson.at}/questions/1/answers/CC", {"key": "B"})
    assert (await step(lesson, "close"))["advice"] == "discuss"
    await lesson.teacher.ok("PUT", f"{lesson.at}/questions/1/answers/CC", {"key": None})
    twice = [
        await lesson.teacher.ok(
            "POST", f"{lesson.at}/questions/1/again", headers={"Idempotency-Key": "one tap"}
        )
        for _ in range(2)
    ]
    assert twice[0] == twice[1]
    asked = twice[0]["asked"]
    assert (asked["number"], asked["place"], asked["round"]) == (2, 1, 2)
    assert (twice[0]["key"], asked["options"], twice[0]["answered"]) == (["B"], ["a", "b", "c"], 0)
    for keypad, key in (("AA", "B"), ("BB", "B"), ("DD", "A")):
        await board.press(keypad, key)
    [pair] = (await step(lesson, "close", 2))["rounds"]
    assert pair == {
        "first": 1, "second": 2, "known": False, "both": 2, "changed": 1, "only_first": 1,
        "only_second": 1, "stayed_right": 1, "won": 1, "lost": 0, "stayed_wrong": 0,
        "gain": 1.0, "outcome": "high",
    }  # fmt: skip
    await lesson.ask()
    state = await lesson.state()
    assert [(one["place"], one["round"]) for one in state["history"]] == [(1, 1), (1, 2), (2, 1)]
    assert [one["answers"]["AA"] for one in state["questions"][:2]] == ["A", "B"]


async def test_no_page_has_the_key_of_a_round_before_its_reveal(board: Board) -> None:
    lesson = await begin(board)
    phone = await board.phone(lesson.opened)
    projector = await board.projector(lesson.teacher)
    await lesson.ask(options=["a", "b", "c"], key=["C"])
    await step(lesson, "again")
    for visitor, view in ((phone, "student"), (projector, "projector")):
        async with visitor.live(view) as page:
            question = (await page.next())["question"]
            asked = question.get("asked", question)  # a phone is sent nothing else
            assert (asked["round"], asked["place"]) == (2, 1)
            assert '"C"' not in page.seen
            assert not {"rounds", "advice"} & question.keys()


async def test_the_timer_is_steered_and_every_page_sees_it(board: Board) -> None:
    lesson = await begin(board)
    phone = await board.phone(lesson.opened)
    asked = await lesson.ask(timer_s=60)
    assert asked["asked"]["timer"]["running"] is True
    async with phone.live("student") as page:
        await page.until(lambda view: view["question"] is not None)
        await step(lesson, "timer", body={"step": "extend"})
        seen = await page.until(lambda view: view["question"]["timer"]["changes"] == 1)
        left_ms = seen["question"]["timer"]["left_ms"]
        assert 60_000 < left_ms <= 90_000
        await step(lesson, "timer", body={"step": "pause"})
        seen = await page.until(lambda view: not view["question"]["timer"]["running"])
        paused_ms = seen["question"]["timer"]["left_ms"]
        assert paused_ms <= left_ms
        again = await step(lesson, "timer", body={"step": "resume"})
        assert again["asked"]["timer"]["left_ms"] <= paused_ms
    at = f"{lesson.at}/questions/1/timer"
    teacher = lesson.teacher
    far = {"step": "extend", "by_s": 9999}
    assert await teacher.refused("POST", at, far) == "422 timer_out_of_range"
    assert await teacher.refused("POST", at, {"step": "stop"}) == "422 request_invalid"
    await step(lesson, "close")
    assert await teacher.refused("POST", at, {"step": "pause"}) == "409 step_not_possible"


async def test_a_question_is_opened_again_made_void_and_brought_back(board: Board) -> None:
    lesson = await begin(board)
    await lesson.ask()
    await board.press("AA", "B")
    await step(lesson, "close")
    assert (await step(lesson, "reopen"))["asked"]["status"] == "open"
    await board.press("BB", "A")
    assert (await step(lesson, "reveal"))["answered"] == 2
    at = f"{lesson.at}/questions/1/reopen"
    assert await lesson.teacher.refused("POST", at) == "409 reopen_revealed"
    await lesson.ask()
    assert (await step(lesson, "void", 2))["void"] is True
    state = await lesson.state()
    assert (state["question"]["asked"]["number"], state["history"][1]["void"]) == (1, True)
    assert (await step(lesson, "restore", 2))["void"] is False
    assert (await lesson.state())["question"]["asked"]["number"] == 2


async def test_an_answer_is_entered_for_a_student_without_a_keypad_and_is_marked(
    board: Board,
) -> None:
    lesson = await begin(board, "7-3")
    await lesson.ask()
    without = next(one for one in lesson.opened["respondents"] if not one["keypads"])
    at = f"{lesson.at}/questions/1/answers"
    await lesson.teacher.ok("PUT", f"{at}/{without['id']}", {"key": "b"})
    await board.press("AA", "A")
    state = await lesson.state()
    marked = [
        (one["name"], one["key"], one["entered"], one["present"]) for one in state["respondents"]
    ]
    assert marked == [
        ("甲同学", "A", False, True),
        ("乙同学", None, False, False),
        ("丙同学", "B", True, True),
    ]
    assert state["questions"][0]["entered"] == [without["id"]]
    teacher = lesson.teacher
    wrong = await teacher.refused("PUT", f"{at}/{without['id']}", {"key": "Z"})
    assert wrong == "422 answer_invalid"
    assert await teacher.refused("PUT", f"{at}/nobody", {"key": "A"}) == "404 respondent_unknown"
    assert await board.visitor().refused("PUT", f"{at}/AA", {"key": "A"}) == "401 sign_in_first"


async def test_a_phone_is_told_when_the_teacher_has_entered_its_answer(board: Board) -> None:
    lesson = await begin(board)
    phone = await board.phone(lesson.opened)
    seat = (await phone.ok("GET", "/s/me"))["seat"]
    await lesson.ask()
    await lesson.teacher.ok("PUT", f"{lesson.at}/questions/1/answers/{seat}", {"key": "C"})
    told = await phone.ok("POST", "/s/answer", {"question": 1, "key": "A", "attempt_id": "a1"})
    assert told == {"outcome": "rejected", "code": "answer_entered"}


async def test_the_page_says_how_many_are_awaited_before_a_question_closes_by_itself(
    board: Board,
) -> None:
    early = EarlyClose(board.intake, grace_s=0.01)
    board.intake.on_commit(early.committed)
    lesson = await begin(board)
    await lesson.teacher.ok("PUT", f"{lesson.at}/auto-close", {"on": True})
    await lesson.ask()
    await board.press("AA", "A")
    await board.press("BB", "A")
    state = await lesson.state()
    assert (state["auto_close"], state["awaited"]) == (True, None)
    await lesson.ask()
    assert (await lesson.state())["awaited"] == 2
    await board.press("AA", "A")
    await board.press("BB", "A")
    while (await lesson.state())["question"]["asked"]["status"] == "open":
        await asyncio.sleep(0.005)
    early.stop()
