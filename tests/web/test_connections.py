"""Connections that never end their requests, and many of them, hold up nobody."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from agent.web import connections
from tests.web.room import API, Board

SLOW = 200
HEAD = "POST {api}/s/join HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"


async def _connect(board: Board, begin: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", board.web.port)
    writer.write(begin.format(api=API, port=board.web.port).encode())
    await writer.drain()
    return reader, writer


async def _ended(reader: asyncio.StreamReader) -> None:
    try:
        while await reader.read(4096):
            pass
    except ConnectionError:
        return


@pytest.mark.parametrize(
    "begin",
    [
        "",
        HEAD,
        HEAD + "Content-Length: 20\r\nContent-Type: application/json\r\n\r\n{{",
        "GET {api}/s/info HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\nGET {api}/s/in",
    ],
    ids=["nothing", "half a head", "half a body", "half a second request"],
)
async def test_a_request_that_never_ends_is_cut_off(
    board: Board, monkeypatch: pytest.MonkeyPatch, begin: str
) -> None:
    monkeypatch.setattr(connections, "REQUEST_S", 0.2)
    reader, writer = await _connect(board, begin)
    await _ended(reader)
    writer.close()


async def test_a_stream_is_no_request_that_never_ends(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REQUEST_S", 1.0)
    teacher = await board.teacher()
    async with teacher.live("teacher") as page:
        await page.next()
        reader, writer = await _connect(board, HEAD)
        await _ended(reader)  # whoever began after the page has had all the time there is
        writer.close()
        monkeypatch.undo()
        await teacher.ok("POST", "/lessons", {"title": "later"})
        view = await page.until(lambda view: view["lesson"] is not None)
        assert view["lesson"]["title"] == "later"


async def test_many_slow_connections_hold_up_nobody(board: Board) -> None:
    teacher = await board.teacher()
    async with AsyncExitStack() as exits:
        for _ in range(SLOW):
            _, writer = await _connect(board, HEAD)
            exits.callback(writer.close)
        lesson = await teacher.ok("POST", "/lessons", {})
        await board.phone(lesson)


async def test_one_address_holds_so_many_connections_and_no_more(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_OF_ONE_ADDRESS", 3)
    async with AsyncExitStack() as exits:
        for _ in range(3):
            _, writer = await _connect(board, HEAD)
            exits.callback(writer.close)
        reader, writer = await asyncio.open_connection("127.0.0.1", board.web.port)
        await _ended(reader)
        writer.close()
