from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.web.auth import PinStore
from tests.web.room import Board


@pytest.fixture(scope="session")
def pin_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A first PIN and its hash, as a first start makes them; hashing is slow on purpose."""
    folder = tmp_path_factory.mktemp("pin")
    asyncio.run(PinStore(folder).ensure())
    return folder


@pytest.fixture
async def board(tmp_path: Path, pin_files: Path) -> AsyncIterator[Board]:
    shutil.copytree(pin_files, tmp_path, dirs_exist_ok=True)
    async with Board(tmp_path) as board:
        yield board
