"""Bounds on connections: who begins a request ends it in time, who asks reads, none holds many."""

from __future__ import annotations

import asyncio
from typing import Any

import h11

from agent.web.asgi import H11Protocol

REQUEST_S = 20.0
"""From a connection's begin, or from a request's first byte, to the request's last."""
STALLED_S = 60.0
"""A page that takes nothing for so long is cut off; one that wakes up connects again."""
MAX_OF_ONE_ADDRESS = 500
"""A whole class behind one address stays below; a board may hold 4096 files."""


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 that lets nobody hold connections with requests that never end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Take a connection, unless its address holds too many."""
        super().connection_made(transport)
        host = None if self.client is None else self.client[0]
        others = (getattr(one, "client", None) for one in self.connections)
        if sum(one is not None and one[0] == host for one in others) > MAX_OF_ONE_ADDRESS:
            transport.abort()
            return
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request."""
        super().data_received(data)
        self._watch()

    def pause_writing(self) -> None:
        """Take note that the other side does not read what it asked for."""
        super().pause_writing()
        self._stalled = self.loop.call_later(STALLED_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Take note that it does again."""
        super().resume_writing()
        self._no_longer_stalled()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_watching()
        self._no_longer_stalled()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._stop_watching()
        elif self._deadline is None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(REQUEST_S, self.transport.abort)

    def _stop_watching(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _no_longer_stalled(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
