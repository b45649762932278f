"""A library that blocks, in a thread of its own: what it gives, raises, and when it hangs."""

import asyncio
import threading

import pytest

from drivers.blocking import BlockingThread

SOON_S = 20.0
"""Ends a test that has failed."""


class Library:
    """Blocks until it is let go, as a library does that hangs."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.let_go = threading.Event()

    def hang(self) -> str:
        self.entered.set()
        assert self.let_go.wait(SOON_S)
        return "late"


async def until_entered(library: Library) -> None:
    async with asyncio.timeout(SOON_S):
        while not library.entered.is_set():
            await asyncio.sleep(0.001)


async def test_calls_run_in_one_thread_that_is_not_the_loops() -> None:
    thread = BlockingThread("device")
    first = await thread.call(threading.get_ident, timeout_s=SOON_S)
    second = await thread.call(threading.get_ident, timeout_s=SOON_S)
    assert first == second != threading.get_ident()
    assert await thread.close()


async def test_nothing_runs_before_the_first_call() -> None:
    before = threading.active_count()
    thread = BlockingThread("device")
    assert threading.active_count() == before
    assert await thread.close()


async def test_what_a_call_raises_is_raised_where_it_is_awaited() -> None:
    thread = BlockingThread("device")
    with pytest.raises(ZeroDivisionError):
        await thread.call(lambda: 1 // 0, timeout_s=SOON_S)
    assert await thread.call(lambda: "goes on", timeout_s=SOON_S) == "goes on"
    assert await thread.close()


async def test_closing_waits_for_the_last_call_and_leaves_no_thread() -> None:
    thread, done = BlockingThread("device"), []
    await thread.call(lambda: done.append("call"), timeout_s=SOON_S)
    assert await thread.close(lambda: done.append("last"))
    assert await thread.close()
    assert done == ["call", "last"]
    assert "device" not in [one.name for one in threading.enumerate()]


async def test_whoever_is_cancelled_does_not_wait_and_the_thread_ends_with_its_call(
    caplog: pytest.LogCaptureFixture,
) -> None:
    thread, library = BlockingThread("device"), Library()
    calling = asyncio.create_task(thread.call(library.hang, timeout_s=SOON_S))
    await until_entered(library)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    library.let_go.set()
    assert await thread.close()
    assert not caplog.records, "what came too late is dropped without a word"


async def test_a_library_that_hangs_is_left_behind_and_known_until_it_lets_go() -> None:
    thread, library = BlockingThread("hangs", grace_s=0.01), Library()
    last = threading.Event()
    with pytest.raises(TimeoutError):
        await thread.call(library.hang, timeout_s=0.01)
    assert not BlockingThread.is_left_behind("hangs")
    assert not await thread.close(last.set)
    assert BlockingThread.is_left_behind("hangs")
    assert not BlockingThread.is_left_behind("another")
    library.let_go.set()
    async with asyncio.timeout(SOON_S):
        while BlockingThread.is_left_behind("hangs"):
            await asyncio.sleep(0.001)
    assert last.is_set()


def test_a_call_that_outlives_its_loop_harms_nobody() -> None:
    library, thread = Library(), BlockingThread("device")

    async def call_and_leave() -> None:
        with pytest.raises(TimeoutError):
            await thread.call(library.hang, timeout_s=0.01)

    asyncio.run(call_and_leave())
    alive = next(one for one in threading.enumerate() if one.name == "device")
    library.let_go.set()
    asyncio.run(_end(thread))
    alive.join(SOON_S)
    assert not alive.is_alive()


async def _end(thread: BlockingThread) -> None:
    assert await thread.close()
