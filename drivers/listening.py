"""Devices that only speak: when one is ready, and when what it says makes no sense."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from drivers.api import Emit
from drivers.ports import ByteLine
from drivers.protocols.hearing import Hearing
from drivers.readings import Attached, Reading

NS = 1_000_000_000
Take = Callable[[bytes, int], tuple[int, Sequence[Reading]]]
"""Of what was heard, and when: how many frames it completed, and what they mean."""


async def relay(
    line: ByteLine,
    take: Callable[[bytes, int], Sequence[Reading]],
    emit: Emit,
    *,
    device: str,
    now_ns: Callable[[], int],
) -> None:
    """Give what an open line of the kernel's records says until cancelled, and close it.

    The device is ready at once: the kernel knows what it is. Raises DeviceLost when it goes away.
    """
    try:
        await emit(Attached(device=device, mono_ns=now_ns()))
        while True:
            data = await line.read()
            found = take(data, now_ns())
            if found:
                await emit(*found)
    finally:
        line.close()


async def listen(
    line: ByteLine, take: Take, emit: Emit, *, device: str, where: str, now_ns: Callable[[], int]
) -> None:
    """Give what an open line says until cancelled.

    The device is ready with its first frame, or when it has been silent for a while.

    Raises:
        DeviceLost: the line is gone, or for seconds nothing on it made sense ("line_garbled").
    """
    hearing = Hearing(where, now_ns() / NS, answers=False)
    is_ready = False
    reading: asyncio.Future[bytes] | None = None
    try:
        while True:
            reading = reading or asyncio.ensure_future(line.read())
            now_s = now_ns() / NS
            pause_s = None if is_ready else hearing.deadline_s(now_s) - now_s
            await asyncio.wait([reading], timeout=pause_s)
            found: Sequence[Reading] = ()
            if reading.done():
                data, reading = reading.result(), None
                frames, found = take(data, now_ns())
                hearing.hear(len(data), frames, now_ns() / NS)
            hearing.check(now_ns() / NS)
            if not is_ready and (is_ready := hearing.is_ready(now_ns() / NS)):
                await emit(Attached(device=device, mono_ns=now_ns()))
            if found:
                await emit(*found)
    finally:
        if reading is not None:
            reading.cancel()
