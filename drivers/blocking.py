"""A library that blocks, away from the loop: its calls, one by one, in a thread of their own.

A call in progress cannot be broken off. It must end by itself, soon: its function is given a time
limit that the library keeps. If the library hangs all the same, the caller gets on without it,
and the thread is left behind; it does not keep the program from ending.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")

GRACE_S = 3.0
"""So long a thread that is closed is waited for."""

_left_behind: list[threading.Thread] = []


class _Call(Generic[Result]):
    """One call: what to do, and who waits for it."""

    def __init__(self, function: Callable[[], Result], loop: asyncio.AbstractEventLoop) -> None:
        self.done: asyncio.Future[Result] = loop.create_future()
        self._function = function
        self._loop = loop

    def run(self) -> None:
        """In the thread: do it, and let the loop know."""
        try:
            result = self._function()
        except Exception as error:  # the fence of the thread: it is raised where it is awaited
            self._hop(self.done.set_exception, error)
        else:
            self._hop(self.done.set_result, result)

    def _hop(self, settle: Callable[[Any], None], value: object) -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(self._settle, settle, value)

    def _settle(self, settle: Callable[[Any], None], value: object) -> None:
        if not self.done.done():  # nobody waits any more
            settle(value)


class BlockingThread:
    """The thread of one device. Used from one loop; it starts with the first call."""

    def __init__(self, name: str, *, grace_s: float = GRACE_S) -> None:
        """`name`: the device, for people. `grace_s`: so long `close` waits."""
        self.name = name
        self._grace_s = grace_s
        self._calls: SimpleQueue[_Call[Any] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    @staticmethod
    def is_left_behind(name: str) -> bool:
        """Whether a thread of this name still hangs in its library, since it was closed."""
        _left_behind[:] = [one for one in _left_behind if one.is_alive()]
        return any(one.name == name for one in _left_behind)

    async def call(self, function: Callable[[], Result], *, timeout_s: float) -> Result:
        """Run `function` in the thread, after those before it; give or raise what comes of it.

        Raises:
            TimeoutError: it has not ended in time. Its result, should it come, is dropped.
        """
        call = _Call(function, asyncio.get_running_loop())
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
            self._thread.start()
        self._calls.put(call)
        async with asyncio.timeout(timeout_s):
            return await call.done

    async def close(self, last: Callable[[], object] | None = None) -> bool:
        """End the thread, after `last` has run in it; whether it ended in time.

        Safe to call twice. A thread that hangs is left behind, and ends when its library lets go.
        """
        if self._thread is None:
            return True
        thread, self._thread = self._thread, None
        loop = asyncio.get_running_loop()
        farewell = _Call(last or (lambda: None), loop)
        self._calls.put(farewell)
        self._calls.put(None)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._grace_s):
                await farewell.done
            thread.join()  # nothing is left in it but to return
            return True
        _left_behind.append(thread)
        return False

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            call.run()
