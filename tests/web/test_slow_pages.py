"""A page that reads slowly, or not at all: it costs little, delays nobody, and sees the newest."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from agent.clock import now_ns
from agent.lesson.keypads import KeypadWatch
from agent.web import connections, live
from drivers.readings import KeyPress
from tests.web.room import API, Board, Json, Visitor

UPDATES = 10_000
GROUP = 20
KEYPADS = 60
HELD_BYTES = 380_000
"""What a page that is not read may hold on to: the kernel's buffers, the server's, a view."""


@contextlib.asynccontextmanager
async def unread(board: Board, teacher: Visitor) -> AsyncIterator[socket.socket]:
    """The teacher's live page on a connection that nobody reads."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, ("127.0.0.1", board.web.port))
        head = f"GET {API}/live?view=teacher HTTP/1.1\r\nHost: 127.0.0.1:{board.web.port}\r\n"
        head += f"Origin: {board.url}\r\nCookie: session={teacher.http.cookies['session']}\r\n\r\n"
        await loop.sock_sendall(sock, head.encode())
        yield sock


async def lesson_of_many_updates(board: Board, teacher: Visitor) -> None:
    board.intake.keypads = KeypadWatch(most_presses=UPDATES)
    opened = await teacher.ok("POST", "/lessons", {})
    asked = {"kind": "single", "options": ["", "", "", ""]}
    await teacher.ok("POST", f"/lessons/{opened['id']}/questions", asked)
    for first in range(0, UPDATES, GROUP):
        for number in range(first, first + GROUP):
            await board.intake.emit(
                KeyPress(
                    device="receiver-1",
                    mono_ns=now_ns(),
                    keypad=f"{number % KEYPADS:08X}",
                    item=None,
                    key="ABCD"[number // KEYPADS % 4],
                )
            )
        await board.settled()
        await asyncio.sleep(0)


async def test_a_page_that_is_not_read_holds_little_and_then_shows_the_newest(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "EVERY_S", 0.0)
    monkeypatch.setattr(live, "SLACK_S", 0.0)
    teacher = await board.teacher()
    async with unread(board, teacher) as sock, teacher.live("teacher") as quick:
        await quick.next()
        reading = asyncio.create_task(quick.until(shows_all))
        await lesson_of_many_updates(board, teacher)
        view = await reading
        assert view["lesson"]["question"]["answered"] == KEYPADS
        received = bytearray()
        while b'"count":%d' % UPDATES not in received[-100_000:]:
            more = await asyncio.get_running_loop().sock_recv(sock, 65_536)
            assert more
            received += more
    assert len(quick.seen) > 10 * HELD_BYTES
    assert len(received) < HELD_BYTES
    assert received.count(b"event: view") < quick.seen.count("event: view") / 10


async def test_a_page_that_is_never_read_is_cut_off_and_others_go_on(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "EVERY_S", 0.0)
    monkeypatch.setattr(live, "SLACK_S", 0.0)
    monkeypatch.setattr(connections, "STALLED_S", 0.5)
    teacher = await board.teacher()
    async with unread(board, teacher), teacher.live("teacher") as quick:
        reading = asyncio.create_task(quick.until(shows_all))
        while board.web.live.readers < 2:
            await asyncio.sleep(0.01)
        await lesson_of_many_updates(board, teacher)
        await reading
        while board.web.live.readers > 1:
            await asyncio.sleep(0.01)


def shows_all(view: Json) -> bool:
    """Whether the newest press is on the page."""
    lesson = view["lesson"]
    return bool(lesson and lesson["last_press"] and lesson["last_press"]["count"] == UPDATES)
