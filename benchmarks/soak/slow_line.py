"""A line between two ports of this machine that is as bad as one likes."""

from __future__ import annotations

import asyncio
import contextlib
import random
from types import TracebackType

from agent.demo.broker import HOST, free_port

CHUNK_BYTES = 4096
MAX_CHUNKS = 256
"""On their way at once, in each direction; then the sender's own buffers fill."""


class SlowLine:
    """A TCP proxy that delays, throttles, stalls and cuts. An async context manager.

    Attributes:
        port: where to connect instead of `to_port`.
        delay_s: how long every byte takes, each way.
        jitter_s: up to so much longer; bytes keep their order.
        bytes_per_s: at most so many, each way; 0: no limit.
        connections: how many were made so far.
        passed_bytes: how many came through so far, both ways.
    """

    def __init__(
        self,
        to_port: int,
        *,
        rng: random.Random,
        delay_s: float = 0.0,
        jitter_s: float = 0.0,
        bytes_per_s: float = 0.0,
    ) -> None:
        """Take everything, open nothing."""
        self.port = free_port()
        self.delay_s = delay_s
        self.jitter_s = jitter_s
        self.bytes_per_s = bytes_per_s
        self.connections = 0
        self.passed_bytes = 0
        self._to_port = to_port
        self._rng = rng
        self._flows = asyncio.Event()
        self._flows.set()
        self._open: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Of the broker behind it, by this way."""
        return f"mqtt://{HOST}:{self.port}"

    async def __aenter__(self) -> SlowLine:
        """Listen."""
        self._server = await asyncio.start_server(self._connection, HOST, self.port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Cut what is there and listen no more."""
        self._server.close()
        await self.cut()
        await self._server.wait_closed()

    def stall(self) -> None:
        """Nothing passes any more; nobody is told."""
        self._flows.clear()

    def flow(self) -> None:
        """It passes again."""
        self._flows.set()

    async def cut(self) -> None:
        """End the connections that are there; new ones may be made."""
        going = list(self._open)
        for task in going:
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)

    async def _connection(self, near: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self.connections += 1
        self._open.add(task)
        far_out: asyncio.StreamWriter | None = None
        try:
            far, far_out = await asyncio.open_connection(HOST, self._to_port)
            pumps = [
                asyncio.create_task(self._pump(near, far_out)),
                asyncio.create_task(self._pump(far, near_out)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except OSError:
            pass  # nobody at the far end: the near one is told by the close
        except asyncio.CancelledError:
            pass  # cut
        finally:
            self._open.discard(task)
            for writer in (near_out, far_out):
                if writer is not None:
                    writer.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """One direction, until either end goes away."""
        loop = asyncio.get_running_loop()
        way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(MAX_CHUNKS)

        async def deliver() -> None:
            while True:
                due_s, chunk = await way.get()
                await asyncio.sleep(max(0.0, due_s - loop.time()))
                await self._flows.wait()
                if self.bytes_per_s:
                    await asyncio.sleep(len(chunk) / self.bytes_per_s)
                if not chunk:
                    return
                sink.write(chunk)
                self.passed_bytes += len(chunk)
                await sink.drain()

        delivering = asyncio.create_task(deliver())
        last_s = 0.0
        try:
            with contextlib.suppress(ConnectionError):
                while True:
                    chunk = await source.read(CHUNK_BYTES)
                    took_s = self.delay_s + self._rng.random() * self.jitter_s
                    last_s = max(last_s, loop.time() + took_s)
                    await way.put((last_s, chunk))
                    if not chunk:
                        break
                await delivering
        finally:
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)
