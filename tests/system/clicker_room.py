"""A whole room in one scene: what its teacher and its class of clickers do, in one call each."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from agent.demo.broker import BrokerName, free_port
from agent.demo.ledger import count_duplicates
from agent.demo.play import receive
from agent.demo.scene import CLASS_ID, Scene


class ClickerRoom(Scene):
    """A scene without phones of its own. `lesson` and `room_code`: of the lesson opened last."""

    def __init__(
        self,
        folder: Path,
        *,
        rng: random.Random,
        clickers: int,
        broker: BrokerName = "mosquitto",
        agent_environment: Mapping[str, str] | None = None,
    ) -> None:
        """Take everything, start nothing."""
        super().__init__(
            folder,
            broker=broker,
            port=free_port(),
            rng=rng,
            clickers=clickers,
            phones=0,
            agent_environment=agent_environment,
        )
        self.lesson = ""
        self.room_code = ""

    async def __aenter__(self) -> Self:
        """Start all."""
        await super().__aenter__()
        return self

    async def open_lesson(self) -> None:
        opened = await self.teacher.call("POST", "/lessons", {"class_id": CLASS_ID})
        self.lesson, self.room_code = opened["id"], str(opened["room_code"])

    async def ask(self, **more: Any) -> int:
        """A question with four options, open from now on; its number."""
        body = {"kind": "single", "options": [""] * 4, "key": ["B"], **more}
        asked = await self.teacher.call("POST", f"/lessons/{self.lesson}/questions", body)
        return int(asked["number"])

    async def begin(self) -> None:
        """A lesson with its first question."""
        await self.open_lesson()
        await self.ask()

    def press_all(self, key: str, question: int = 1) -> None:
        for pupil in self.classroom.pupils:
            self.classroom.press(pupil, key, question)

    async def tokens_received(self) -> set[str | None]:
        """What the school has of the presses, once it has all of the board; each is there once."""
        await receive(self)
        held = self.ledger.compare(self.stage.database, self.receipts)
        assert count_duplicates(held) == 0
        return {one.token for one in held}
