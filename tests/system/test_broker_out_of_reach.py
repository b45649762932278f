"""The demo with a broker of somebody's own, which is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.demo.broker import free_port
from agent.demo.stage import PartFailed, Stage


async def test_a_broker_that_does_not_answer_is_named(tmp_path: Path) -> None:
    url = f"mqtt://127.0.0.1:{free_port()}"
    stage = Stage(tmp_path, broker=url, host="127.0.0.1", port=free_port())
    try:
        with pytest.raises(PartFailed, match=url):
            await stage.start_ingest(within_s=1)
    finally:
        await stage.stop()
