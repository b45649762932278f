"""Makes the pictures beside it anew, from a real run of the demo.

Run it in the checkout: `.venv/bin/python docs/screenshots/make.py`.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright, expect

from agent.demo.broker import free_port
from agent.demo.scene import CLASS_ID, Scene

HERE = Path(__file__).parent
SEED = 3
DESK = {"width": 1440, "height": 900}
HAND = {"width": 390, "height": 780}
WALL = {"width": 1280, "height": 720}
PAST = 3
ANSWERED = 45
FIRST = 6
"""The teacher's picture is taken while the class still answers: from so many on."""
MOST = 100
LOOK_MS = 15_000
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


class Photographer:
    """Opens pages of the demo and takes their pictures."""

    def __init__(self, browser: Browser, scene: Scene) -> None:
        """Take everything, open nothing."""
        self._browser = browser
        self._scene = scene

    async def open(self, path: str, **looks: Any) -> Page:
        """A browser of its own at a page."""
        context = await self._browser.new_context(**{"locale": "zh-CN"} | looks)
        context.set_default_timeout(LOOK_MS)
        page = await context.new_page()
        await page.goto(self._scene.stage.url + path)
        return page

    async def teacher(self, path: str = "/", **looks: Any) -> Page:
        """A signed-in teacher's page."""
        page = await self.open("/", **looks)
        await page.locator("input.secret").fill(self._scene.stage.pin())
        await page.locator("form.sign-in button[type=submit]").click()
        await page.locator("header.top").wait_for()
        if path != "/":
            await page.goto(self._scene.stage.url + path)
        return page


async def keep(page: Page, name: str) -> None:
    """The picture, once what moves has come to rest."""
    await page.evaluate("document.activeElement?.blur()")
    await page.evaluate("scrollTo(0, 0)")
    await page.wait_for_timeout(400)
    await page.screenshot(path=HERE / f"{name}.png")


async def answers(page: Page, at_least: int) -> None:
    """Wait until so many have answered."""
    figure = re.compile("|".join(str(count) for count in range(at_least, MOST)))
    await expect(page.locator(".tally-figure b")).to_have_text(figure, timeout=LOOK_MS)


async def teach(photographer: Photographer, scene: Scene) -> None:
    """A lesson, with a picture wherever there is something to see."""
    desk = await photographer.teacher(viewport=DESK)
    await expect(desk.locator(".class-button")).to_have_count(1)
    await desk.locator(".start-card input").fill("数学 · 一元一次方程")
    await desk.locator(".class-button", has_text=CLASS_ID).click()
    next_step = desk.get_by_test_id("next")
    wall = await photographer.teacher("/projector", viewport=WALL)
    await wall.locator(".join img").wait_for()
    await keep(wall, "projector-join")
    for number in range(1, PAST + 1):
        await desk.locator(".key").nth(1).click()
        await next_step.click()
        await expect(desk.locator("#question-title")).to_have_text(re.compile(f"{number} 题"))
        await answers(desk, ANSWERED)
        await next_step.click()
        await expect(desk.locator(".status.closed")).to_be_visible()
        await next_step.click()
        await expect(desk.locator(".status.revealed")).to_be_visible()

    code = await desk.locator(".join-line b").inner_text()
    phone = await photographer.open(f"/s?c={code}", viewport=HAND, device_scale_factor=2)
    hand = await photographer.teacher(
        viewport=HAND, device_scale_factor=2, has_touch=True, is_mobile=True
    )
    await desk.locator(".ask-more summary").click()
    for place, text in enumerate(("x = 2", "x = 3", "x = -3", "无解")):
        await desk.locator(".option-text input").nth(place).fill(text)
    await desk.locator(".key").nth(1).click()
    await desk.locator(".timer-row button").nth(2).click()
    await desk.locator(".ask-more summary").click()
    await next_step.click()
    await expect(desk.locator(".status.open")).to_be_visible()
    await desk.locator(".segments.four button").nth(1).click()
    await answers(desk, FIRST)
    await keep(desk, "teacher-zh")
    await keep(hand, "teacher-phone")
    await phone.locator(".tile").nth(1).click()
    await phone.locator(".in").wait_for()
    await keep(phone, "student")

    await next_step.click()
    await expect(desk.locator(".status.closed")).to_be_visible()
    await next_step.click()
    await wall.locator(".bar.right").wait_for()
    await keep(wall, "projector-key")
    dark = await photographer.teacher(viewport=DESK, locale="en-GB", color_scheme="dark")
    await dark.locator(".seats-block .button").click()
    await dark.locator(".private .button").click()
    await keep(dark, "teacher-en-dark")


async def main() -> None:
    """Run the demo, teach, take pictures."""
    path = next(found for name in CHROMIUM if (found := shutil.which(name)))
    folder = Path(tempfile.mkdtemp(prefix="screenshots-"))
    rng = random.Random(SEED)  # noqa: S311 (the same class every time)
    scene = Scene(folder, broker="iotcore", port=free_port(), rng=rng)
    arguments = ["--no-sandbox", "--disable-gpu"] if os.geteuid() == 0 else ["--disable-gpu"]
    try:
        async with scene, async_playwright() as playwright:
            scene.classroom.right = "B"
            scene.let_answer()
            browser = await playwright.chromium.launch(executable_path=path, args=arguments)
            await teach(Photographer(browser, scene), scene)
            await browser.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
