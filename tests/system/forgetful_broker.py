"""A broker that takes everything, says thank you, and gives it to nobody: MQTT 5, as bytes."""

from __future__ import annotations

import asyncio

from agent.demo.broker import HOST

CONNECT, PUBLISH, SUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 8, 12, 14
CONNACK = bytes.fromhex("20 03 00 00 00")
PINGRESP = bytes.fromhex("d0 00")
NO_PROPERTIES = 0
GRANTED_QOS_0 = 0


class ForgetfulBroker:
    """An async context manager. `taken`: publications that it acknowledged."""

    def __init__(self, port: int) -> None:
        self.taken = 0
        self._port = port
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> ForgetfulBroker:
        self._server = await asyncio.start_server(self._serve, HOST, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while True:
                head = (await reader.readexactly(1))[0]
                body = await reader.readexactly(await _length(reader))
                answer = self._answer(head, body)
                if answer is None:
                    return
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._open.discard(writer)
            writer.close()

    def _answer(self, head: int, body: bytes) -> bytes | None:
        kind = head >> 4
        if kind == CONNECT:
            return CONNACK
        if kind == SUBSCRIBE:
            return bytes([0x90, 4, *body[:2], NO_PROPERTIES, GRANTED_QOS_0])
        if kind == PINGREQ:
            return PINGRESP
        if kind == DISCONNECT:
            return None
        if kind == PUBLISH and head & 0x06:
            behind_topic = 2 + int.from_bytes(body[:2], "big")
            self.taken += 1
            return bytes([0x40, 2, *body[behind_topic : behind_topic + 2]])
        return b""


async def _length(reader: asyncio.StreamReader) -> int:
    length, shift = 0, 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return length
