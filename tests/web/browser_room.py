"""A room for browser tests: a real agent of its own, and real browsers that look at it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from agent.demo.broker import end, free_port
from tests.drivers.input_world import World

ROOT = Path(__file__).parents[2]
START_S = 15.0
STOP_S = 10.0
LOOK_MS = 8_000
"""How long a page may take to show what is expected."""
expect.set_options(timeout=LOOK_MS)
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SETTINGS = """
[agent]
device_id = "test-board"
data_dir = "{data_dir}"
[place]
city = "3304"
county = "330402"
school = "s1"
room = "r301"
[web]
host = "127.0.0.1"
port = {port}
[[devices]]
id = "phones"
driver = "phone"
[[devices]]
id = "receiver"
driver = "clicker.reference"
port = "{data_dir}/no-such-port"
"""


class Agent:
    """One `classroom-agent run`, with its data in a folder."""

    def __init__(self, folder: Path) -> None:
        """Take a free port, start nothing."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._config = folder / "agent.toml"
        self._config.write_text(SETTINGS.format(data_dir=folder / "data", port=self.port))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pin(self) -> str:
        """The PIN that it made at its first start."""
        return (self._folder / "data" / "teacher-pin").read_text().strip()

    def start(self, within: World | None = None) -> None:
        """Start it, on a machine with other devices if need be; return when it answers."""
        log = self._folder / "agent.log"
        with log.open("ab") as out:
            command = [sys.executable, "-m", "agent", "run", "--config", str(self._config)]
            command = command if within is None else within.command(*command)
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out)
        deadline_s = time.monotonic() + START_S
        while True:
            assert self._process.poll() is None, log.read_text()
            assert time.monotonic() < deadline_s, log.read_text()
            try:
                httpx.get(f"{self.url}/api/v1/health", trust_env=False)
                return
            except httpx.TransportError:
                time.sleep(0.05)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            end(self._process, within_s=STOP_S)
            self._process = None

    def add_device(self, **options: str) -> None:
        """A `[[devices]]` entry more, for the next start."""
        lines = [f'{key} = "{value}"\n' for key, value in options.items()]
        with self._config.open("a", encoding="utf-8") as file:
            file.writelines(["[[devices]]\n", *lines])

    @contextmanager
    def teacher(self) -> Iterator[httpx.Client]:
        """A signed-in teacher elsewhere, without a browser."""
        origin = {"Origin": self.url}
        with httpx.Client(base_url=f"{self.url}/api/v1", headers=origin, trust_env=False) as client:
            client.post("/session", json={"pin": self.pin}).raise_for_status()
            yield client

    def put_roster(self, class_id: str, roster: str) -> None:
        """Let the board know a class."""
        with self.teacher() as client:
            path = f"/classes/{class_id}/roster"
            headers = {"Content-Type": "text/csv"}
            client.put(path, content=roster.encode(), headers=headers).raise_for_status()

    def end_lesson(self) -> None:
        """Let no lesson be open."""
        with self.teacher() as client:
            for lesson in client.get("/lessons").json()["lessons"]:
                if lesson["status"] == "open":
                    client.post(f"/lessons/{lesson['id']}/end").raise_for_status()


class Room:
    """Browsers of people in the room, each with its own cookies. What they complain of is kept."""

    def __init__(self, browser: Browser, agent: Agent) -> None:
        """Take everything, open nothing."""
        self.agent = agent
        self.complaints: list[str] = []
        self.strangers: list[str] = []
        self._browser = browser
        self._contexts: list[BrowserContext] = []

    def open(self, path: str, **looks: Any) -> Page:
        """A new person's browser at a page; `looks` goes to the browser (locale, viewport...)."""
        usual = {"locale": "zh-CN", "reduced_motion": "reduce"}
        context = self._browser.new_context(**usual | looks)
        context.set_default_timeout(LOOK_MS)
        self._contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self._heard(message.text))
        page.on("request", lambda request: self._asked(request.url))
        page.goto(self.agent.url + path)
        return page

    def teacher(self, **looks: Any) -> Page:
        """A signed-in teacher's page."""
        page = self.open("/", **looks)
        page.locator("input.secret").fill(self.agent.pin)
        page.locator("form.sign-in button[type=submit]").click()
        page.locator("header.top").wait_for()
        return page

    def lesson(self, **looks: Any) -> Page:
        """A teacher's page with a fresh lesson, without a class."""
        page = self.teacher(**looks)
        page.locator(".start-card .button.big").click()
        page.get_by_test_id("next").wait_for()
        return page

    def phone(self, teacher: Page, **looks: Any) -> Page:
        """A student's phone that has joined by the code that the teacher's page shows."""
        small = {"viewport": {"width": 375, "height": 700}, "has_touch": True}
        page = self.open(f"/s?c={room_code(teacher)}", **small | looks)
        page.locator(".seat").wait_for()
        return page

    def _heard(self, text: str) -> None:
        if "Content Security Policy" in text or "Uncaught" in text:
            self.complaints.append(text)

    def _asked(self, url: str) -> None:
        if not url.startswith(f"{self.agent.url}/"):
            self.strangers.append(url)

    def close(self) -> None:
        """Close every browser; nobody may have complained or asked outside."""
        for context in self._contexts:
            context.close()
        assert self.complaints == []
        assert self.strangers == []


def room_code(teacher: Page) -> str:
    """The room code that the teacher's page shows."""
    code = teacher.locator(".join-line b").inner_text()
    assert re.fullmatch(r"\d{4}", code)
    return code


@contextmanager
def running_agent(folder: Path) -> Iterator[Agent]:
    """An agent from start to stop."""
    agent = Agent(folder)
    try:
        agent.start()
        yield agent
    finally:
        agent.stop()


@contextmanager
def running_browser() -> Iterator[Browser]:
    """The machine's own Chromium."""
    path = next(found for name in CHROMIUM if (found := shutil.which(name)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield browser
        browser.close()
