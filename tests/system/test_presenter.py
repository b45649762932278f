"""A lesson driven by a presenter alone: from the kernel's records to what the room sees."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from drivers.presenter.keys import KEY_DOT, KEY_PAGEDOWN
from tests.drivers.input_world import World, pressed
from tests.web.browser_room import Agent

WAIT_S = 6.0


def question_of(client: httpx.Client, lesson: str) -> tuple[str, str]:
    question: Any = client.get(f"/lessons/{lesson}").json()["question"]
    return question["asked"]["status"], question["show"]


@pytest.mark.needs("umockdev")
def test_a_presenter_closes_reveals_and_blanks_with_no_page_open(tmp_path: Path) -> None:
    """The question is asked before the presenter is plugged in: that takes a page."""
    folders = [tmp_path / name for name in ("agent", "world")]
    for folder in folders:
        folder.mkdir()
    agent, world = Agent(folders[0]), World(folders[1])
    keys = pressed([KEY_PAGEDOWN, KEY_PAGEDOWN, KEY_DOT])
    world.add("046d:c52d", "a presenter", [*range(1, 120)], keys)
    world.add("046d:c52d", "its pointer", [272], [])
    agent.add_device(id="presenter", driver="presenter.keys")
    try:
        agent.start()
        with agent.teacher() as client:
            lesson = client.post("/lessons", json={}).json()["id"]
            body = {"kind": "single", "options": ["", ""], "key": ["B"]}
            client.post(f"/lessons/{lesson}/questions", json=body).raise_for_status()
            assert question_of(client, lesson) == ("open", "hidden")
        agent.stop()
        for _ in range(4):  # now and then the imitation loses all that it should say
            agent.start(within=world)
            with agent.teacher() as client:
                deadline_s = time.monotonic() + WAIT_S
                while question_of(client, lesson)[1] != "hidden" or time.monotonic() < deadline_s:
                    if question_of(client, lesson) == ("revealed", "hidden"):
                        return
                    time.sleep(0.05)
                assert question_of(client, lesson)[0] == "open", client.get("/devices").text
            agent.stop()
        pytest.fail("the keys never arrived")
    finally:
        agent.stop()
