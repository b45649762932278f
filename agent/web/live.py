"""Live pages: one snapshot a role, encoded once, shared by all who look; the newest wins.

A page that reads slowly misses versions and delays nobody.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from typing import Literal

import msgspec

from agent.web.view import View

PageView = Literal["teacher", "guest", "projector", "student"]
EVERY_S = 0.04
"""At most so often is a page sent a new version."""
SLACK_S = 0.015
"""A page may be sent a version so much early: with a commit it costs no wake-up of its own."""
ALIVE_S = 10.0
ALIVE = b": alive\n\n"
FRESH_S = 0.1
"""A page that begins to look gets a snapshot no older than this: it tells ages at its making."""
_PASSING = re.compile(rb'"(?:version|left_ms|opened_ago_ms|measured_ago_ms|read_ago_ms)":\d+')
"""What differs between two snapshots of the same. In a text, the quotation marks are escaped."""

_encode = msgspec.json.Encoder().encode


class _Channel:
    """The newest snapshot of one role, and who waits for the next."""

    def __init__(self, build: Callable[[int], View]) -> None:
        self.build = build
        self.readers = 0
        self.frame = b""
        self.lasting = b""
        self.version = -1
        self.built = -1
        self.built_s = 0.0
        self.changed = asyncio.Event()


class Live:
    """Builds a snapshot when something changed and somebody looks."""

    def __init__(self, build: dict[PageView, Callable[[int], View]]) -> None:
        """`build`: how each view is made, of its version."""
        self._channels = {view: _Channel(how) for view, how in build.items()}
        self._version = 0
        self._due: asyncio.Handle | None = None
        self._next_s = 0.0
        self._stopped = False

    def changed(self) -> None:
        """Something a page shows has changed."""
        self._version += 1
        if self._stopped:
            return
        loop = asyncio.get_running_loop()
        if loop.time() >= self._next_s - SLACK_S:
            if self._due is not None:
                self._due.cancel()
            self._due = loop.call_soon(self._push)
        elif self._due is None:
            self._due = loop.call_at(self._next_s, self._push)

    def _push(self) -> None:
        self._due = None
        self._next_s = asyncio.get_running_loop().time() + EVERY_S
        for channel in self._channels.values():
            if channel.readers:
                self._refresh(channel)

    def _refresh(self, channel: _Channel) -> None:
        """Build the newest snapshot; who looks is sent it if it shows anything new."""
        body = _encode(channel.build(self._version))
        channel.frame = b"event: view\ndata: " + body + b"\n\n"
        channel.built, channel.built_s = self._version, asyncio.get_running_loop().time()
        lasting = _PASSING.sub(b"", body)
        if lasting != channel.lasting:
            channel.lasting, channel.version = lasting, self._version
            channel.changed.set()
            channel.changed = asyncio.Event()

    async def stream(
        self, view: PageView, allowed: Callable[[], bool]
    ) -> AsyncGenerator[bytes, None]:
        """Server-sent events of one page, until it goes away, may no longer look, or the stop."""
        channel = self._channels[view]
        channel.readers += 1
        age_s = asyncio.get_running_loop().time() - channel.built_s
        if channel.built != self._version or age_s > FRESH_S:
            self._refresh(channel)
        sent = -1
        try:
            while not self._stopped and allowed():
                changed = channel.changed
                if channel.version != sent:
                    sent = channel.version
                    yield channel.frame
                    continue
                try:
                    await asyncio.wait_for(changed.wait(), ALIVE_S)
                except TimeoutError:
                    yield ALIVE
        finally:
            channel.readers -= 1

    @property
    def readers(self) -> int:
        """Pages that look now."""
        return sum(channel.readers for channel in self._channels.values())

    def stop(self) -> None:
        """End every stream."""
        self._stopped = True
        if self._due is not None:
            self._due.cancel()
        for channel in self._channels.values():
            channel.changed.set()
