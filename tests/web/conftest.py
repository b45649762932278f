from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from agent.web.auth import PinStore
from tests.web.browser_room import Agent, Room, running_agent, running_browser
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


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    """One for all tests of a file, in a process of its own."""
    with running_agent(tmp_path_factory.mktemp("agent")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests of a file: needs("chromium")."""
    with running_browser() as running:
        yield running


@pytest.fixture
def room(agent: Agent, browser: Browser) -> Iterator[Room]:
    """Nobody in it yet, and no lesson."""
    agent.end_lesson()
    one = Room(browser, agent)
    yield one
    one.close()
