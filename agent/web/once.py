"""What is asked for once is done once, however often the request comes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Response

REMEMBERED_REQUESTS = 200


class Once:
    """Does what a request with an Idempotency-Key asks for once, also when it comes twice at once.

    What was refused may be tried again under the same key.
    """

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[str, str], asyncio.Task[bytes]] = OrderedDict()

    async def answer(
        self, route: str, key: str | None, work: Callable[[], Coroutine[Any, Any, bytes]]
    ) -> Response:
        """What `work` makes, as a new thing; of the same request before, what it made then."""
        if key is None:
            return json_response(await work(), 201)
        task = self._answers.get((route, key))
        if task is None:
            task = self._answers[route, key] = asyncio.create_task(work())
            task.add_done_callback(lambda done: self._forget_failed(route, key, done))
            if len(self._answers) > REMEMBERED_REQUESTS:
                self._answers.popitem(last=False)
        return json_response(await asyncio.shield(task), 201)

    def _forget_failed(self, route: str, key: str, done: asyncio.Task[bytes]) -> None:
        if done.cancelled() or done.exception() is not None:
            self._answers.pop((route, key), None)


def json_response(body: bytes, status: int = 200) -> Response:
    """JSON that is encoded already."""
    return Response(body, status_code=status, media_type="application/json")
