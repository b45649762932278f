"""What should not be there at all, beside a class that answers: it is shown, and nobody is harmed.

One agent, its usual limits, and for each device at fault the state that its card shows.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from agent.clock import now_ns
from agent.lesson.events import KeypadFlagged, decode_body, kind_of
from benchmarks.rig.board import Board, Teacher
from drivers.protocols import zkxl_frames
from drivers.sim.card_reader import VirtualCardReader
from drivers.sim.receiver import PtyLine, Shown, VirtualReceiver
from drivers.sim.serial_port import VirtualPort
from drivers.sim.sunvote_base import VirtualSunvote
from drivers.sim.zkxl_receiver import VirtualZkxl

CLASS = [f"00C1A5{number:02X}" for number in range(40)]
ROSTER = "number,name,keypad\n" + "".join(
    f"{number},Pupil {number},{keypad}\n" for number, keypad in enumerate(CLASS, start=1)
)
ANSWER_A = zkxl_frames.SINGLE << 6 | 1


class Room:
    """The agent with these devices beside a class on a receiver of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.devices: list[dict[str, Any]] = []
        self.shown: list[Shown] = []
        self.receiver = VirtualReceiver(
            "00000000000C1A55", now_ns=now_ns, on_shown=self.shown.append
        )
        self.pressed: set[str] = set()

    def add(self, name: str, driver: str, port: str, **options: Any) -> None:
        """An entry of the settings."""
        self.devices.append({"id": name, "driver": driver, "port": port, **options})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The agent runs, the class is known, and a question is open."""
        async with PtyLine(self.receiver, now_ns) as line:
            self.add("class", "clicker.reference", line.path)
            self.board = Board(
                self.folder, ports=[], devices=self.devices, cloud_url=None, usual_limits=True
            )
            await asyncio.to_thread(self.board.__enter__)
            try:
                self.teacher = await asyncio.to_thread(self._begin)
                yield
                self.teacher.close()
            finally:
                await asyncio.to_thread(self.board.stop)

    def _begin(self) -> Teacher:
        teacher = self.board.teacher()
        sent = teacher.client.put(
            "/classes/7-3/roster", content=ROSTER, headers={"Content-Type": "text/csv"}
        )
        sent.raise_for_status()
        teacher.open_lesson("7-3")
        teacher.ask()
        return teacher

    def press(self, keypad: str, key: str = "B") -> None:
        """A clicker of the class's own receiver."""
        token = self.receiver.press(keypad, key)
        assert token is not None
        self.pressed.add(token)

    async def all_answer(self) -> None:
        """The whole class answers, and every clicker shows that it counts."""
        for keypad in CLASS:
            self.press(keypad)
        await self.until(lambda: {one.token for one in self.shown} >= self.pressed)
        assert {one.code for one in self.shown if one.token in self.pressed} <= {0, 1}

    async def until(self, condition: Any) -> None:
        """Wait for it."""
        while not condition():
            await asyncio.sleep(0.02)

    async def card(self, name: str) -> dict[str, Any]:
        """A device as its card shows it."""
        answer = await asyncio.to_thread(self.teacher.client.get, "/devices")
        return next(one for one in answer.json()["devices"] if one["id"] == name)

    async def until_card(self, name: str, **wanted: Any) -> dict[str, Any]:
        """Wait until a card shows this."""
        while True:
            card = await self.card(name)
            if all(card[field] == value for field, value in wanted.items()):
                return card
            await asyncio.sleep(0.05)

    def events(self) -> list[Any]:
        """All that is in the journal."""
        with sqlite3.connect(f"file:{self.board.journal}?mode=ro", uri=True) as db:
            rows = db.execute("select kind, body from event order by id").fetchall()
        return [decode_body(kind_of(kind), body) for kind, body in rows]

    async def until_flagged(self, flag: str, presses: int) -> list[KeypadFlagged]:
        """Wait until the journal tells of so many presses held back."""
        while True:
            found = [one for one in self.events() if isinstance(one, KeypadFlagged)]
            found = [one for one in found if one.flag == flag]
            if found and sum(one.presses for one in found) >= presses:
                return found
            await asyncio.sleep(0.05)


async def test_wrong_entries_and_broken_devices_are_shown_and_the_class_loses_nothing(
    tmp_path: Path,
) -> None:
    """Wrong speed, wrong driver, two entries on a port, a silent base, a full list, a cut card."""
    room, exits = Room(tmp_path), AsyncExitStack()
    async with exits:
        wrong_speed = await exits.enter_async_context(VirtualPort(lambda _: None))
        wrong_driver = VirtualSunvote()
        await exits.enter_async_context(wrong_driver.port)
        base, full = VirtualSunvote(), VirtualZkxl(capacity=2)
        await exits.enter_async_context(base.port)
        await exits.enter_async_context(full.port)
        reader = await exits.enter_async_context(VirtualCardReader(every_s=0.01))
        room.add("wrong-speed", "card.em4100", wrong_speed.path)
        room.add("wrong-driver", "clicker.reference", wrong_driver.port.path)
        room.add("base", "clicker.sunvote", base.port.path)
        (tmp_path / "by-id").symlink_to(base.port.path)
        room.add("same-port", "sensor.serial_line", str(tmp_path / "by-id"))
        room.add("full", "clicker.zkxl", full.port.path, clickers=["00000001"] * 3)
        room.add("reader", "card.em4100", reader.path)
        async with room.running():
            noise = asyncio.create_task(_noise(wrong_speed))
            exits.callback(noise.cancel)
            await room.until_card("base", state="ready")
            await room.all_answer()

            doubled = await room.card("same-port")
            assert (doubled["state"], doubled["code"]) == ("misconfigured", "port_doubled")
            assert "base" in doubled["hint"]

            card = await room.until_card("full", state="ready", alarms=["whitelist_full"])
            assert card["counters"]["whitelist_full"] == 1
            full.answer("00000009", (1, ANSWER_A))  # who did not fit may answer

            reader.send(b"\x0204A1")
            reader.unplug()
            await room.until_card("reader", state="lost")
            assert not [one for one in room.events() if type(one).__name__ == "CardTapped"]

            await room.until(lambda: base.polling)
            base.press(7, 1)
            await room.until(lambda: base.acknowledged)
            base.silent = True
            card = await room.until_card("base", state="lost", code="base_silent")
            assert card["counters"]["base_silent"] == 1
            base.silent = False
            await room.until_card("base", state="ready")

            card = await room.until_card("wrong-driver", state="lost", code="receiver_silent")
            assert card["counters"]["receiver_silent"] == 1
            card = await room.until_card("wrong-speed", code="line_garbled")
            assert card["counters"]["line_garbled"] == 1
            await room.all_answer()
            assert (await room.card("class"))["counters"]["repeats"] == 0
            tokens = {getattr(one, "token", None) for one in room.events()}
            keypads = {getattr(one, "keypad", None) for one in room.events()}
            assert tokens >= room.pressed
            assert keypads >= {"00000009"}


async def _noise(port: VirtualPort) -> None:
    """What a reader of another speed looks like."""
    while True:
        port.send(b"\xf8\x1c\xe6\x00\x9f\x3e")
        await asyncio.sleep(0.02)


async def test_strangers_doubles_and_a_stuck_key_are_shown_and_the_class_loses_nothing(
    tmp_path: Path,
) -> None:
    room = Room(tmp_path)
    other = VirtualReceiver("00000000000C1A56", now_ns=now_ns)
    async with PtyLine(other, now_ns) as line:
        room.add("other", "clicker.reference", line.path)
        async with room.running():
            await room.all_answer()

            other.press(CLASS[0], "C")  # a copy of the first keypad of the class
            await room.until_card("other", alarms=["keypad_doubled"])
            assert (await room.card("class"))["alarms"] == ["keypad_doubled"]
            [doubled] = await room.until_flagged("keypad_doubled", 0)
            assert (doubled.keypad, doubled.other_device) == (CLASS[0], "class")

            for number in range(200):
                while other.waiting > 30:
                    await asyncio.sleep(0.005)
                other.press(f"0BAD{number:04X}", "D")
            await room.until_card("other", alarms=["keypad_doubled", "keypads_unknown"])
            while other.waiting:
                await asyncio.sleep(0.005)
            counters = (await room.card("other"))["counters"]
            assert counters["keypads_not_in_class"] == 200
            assert counters["keypads_set_aside"] == 140  # 40 students and 20 guests come in
            await room.until_flagged("keypads_unknown", 140)

            for _ in range(200):
                while other.waiting > 30:
                    await asyncio.sleep(0.005)
                other.press("0BAD0000", "A")
            await room.until_card(
                "other", alarms=["keypad_doubled", "keypads_unknown", "keypad_flood"]
            )
            await room.all_answer()
            strangers = [
                one.keypad
                for one in room.events()
                if type(one).__name__ == "ResponseRecorded" and one.keypad.startswith("0BAD")
            ]
            assert len(set(strangers)) == 60  # each counts under its number
            assert strangers.count("0BAD0000") < 200
            tokens = {getattr(one, "token", None) for one in room.events()}
            assert tokens >= room.pressed
