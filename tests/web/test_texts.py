"""What was written reaches the teacher alone until it is shown, and never says who wrote it."""

from __future__ import annotations

import json

from tests.web.room import Board

SECRET, SHOWN = "the dog ate it", "photosynthesis"


async def test_a_text_is_in_no_view_of_the_room_until_shown(board: Board) -> None:
    teacher = await board.teacher()
    lesson = await teacher.ok("POST", "/lessons", {})
    at = f"/lessons/{lesson['id']}/questions"
    asked = await teacher.ok("POST", at, {"kind": "text", "key": ["chlorophyll"]})
    assert (asked["bars"], asked["texts"]) == ([], [])
    phones = [await board.phone(lesson) for _ in range(3)]
    for phone, key in zip(phones, (SECRET, SHOWN, f"{SHOWN.upper()}\u202e"), strict=True):
        answer = {"question": 1, "key": key, "attempt_id": "a1"}
        assert (await phone.ok("POST", "/s/answer", answer))["outcome"] == "accepted"
    await teacher.ok("POST", f"{at}/1/show", {"show": "distribution"})
    projector = await board.projector(teacher)
    show, hide = ({"group": SHOWN, "shown": shown} for shown in (True, False))
    async with projector.live("projector") as room:
        before = await room.next()
        assert (before["question"]["texts"], before["question"]["answered"]) == ([], 3)
        told = await teacher.ok("POST", f"{at}/1/texts", show)
        assert [(one["text"], one["count"], one["shown"]) for one in told["texts"]] == [
            (SHOWN, 2, True),
            (SECRET, 1, False),
        ]
        seen = await room.until(lambda view: view["question"]["texts"])
        (one,) = seen["question"]["texts"]
        assert (one["text"], one["count"], one["right"]) == (SHOWN, 2, None)
        for hidden in (SECRET, "seat-", "chlorophyll"):
            assert hidden not in json.dumps(before) + json.dumps(seen)
        await teacher.ok("POST", f"{at}/1/texts", hide)
        await room.until(lambda view: not view["question"]["texts"])
    whole = await teacher.ok("GET", f"/lessons/{lesson['id']}")
    assert SECRET in whole["questions"][0]["answers"].values()  # it stays on record
    nobody = {"group": "chalk", "shown": True}
    assert await teacher.refused("POST", f"{at}/1/texts", nobody) == "404 group_unknown"
    assert (await phones[0].refused("POST", f"{at}/1/texts", show)).startswith("401")
