"""One lesson with the real parts: serial line, agent, broker, the school's ingest."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from agent.demo.broker import BrokerName
from agent.demo.play import settle
from agent.demo.stage import ADDRESS
from agent.wire.broker_url import parse_url
from tests.system.clicker_room import ClickerRoom

BROKERS = [
    pytest.param("iotcore"),
    pytest.param("mosquitto", marks=pytest.mark.needs("mosquitto")),
]


@pytest.mark.parametrize("broker", BROKERS)
def test_the_demo_loses_and_doubles_nothing(broker: BrokerName) -> None:
    command = [sys.executable, "-m", "agent", "demo", "--headless", "--json"]
    run = subprocess.run(
        [*command, "--questions", "2", "--seed", "7", "--broker", broker],
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    figures = json.loads(run.stdout.splitlines()[-1])
    assert (figures["students"], figures["clickers"], figures["phones"]) == (54, 48, 6)
    assert figures["questions"] == 2
    assert figures["presses"] >= 2 * 54
    assert figures["cloud_received"] == figures["presses"]
    assert figures["responses"] == figures["presses"] - 10  # five before and five after
    assert (figures["lost"], figures["duplicates"], figures["unticked"]) == (0, 0, 0)
    for latency in ("press_to_page_ms", "press_to_cloud_ms"):
        assert figures[latency]["p50"] > 0


async def test_killed_parts_lose_no_ticked_answer(tmp_path: Path) -> None:
    rng = random.Random(3)
    async with ClickerRoom(tmp_path, broker="iotcore", rng=rng, clickers=40) as scene:
        stage, ledger = scene.stage, scene.ledger
        await scene.begin()
        for turn, part in enumerate(("agent", "ingest", "agent")):
            scene.press_all("ABCD"[turn])
            await asyncio.sleep(0.05 * turn)  # in the middle of things
            await getattr(stage, part).kill()
            if part == "agent":
                await stage.start_agent([scene.line.path], [])
            else:
                await stage.start_ingest()
            await settle(scene)
        received = await scene.tokens_received()
        assert len(ledger.presses) == 3 * 40
        assert ledger.unticked == 0
        assert received == set(ledger.presses)
        view = await scene.teacher.until(
            lambda view: (
                view.lesson is not None
                and view.lesson.question is not None
                and view.lesson.question.answered == 40
            )
        )
        assert view.lesson is not None
        assert {one.key for one in view.lesson.respondents if one.keypads} == {"C"}


async def test_what_the_school_said_wrongly_is_counted_where_it_staff_look(tmp_path: Path) -> None:
    rng = random.Random(4)
    async with ClickerRoom(tmp_path, broker="iotcore", rng=rng, clickers=2) as scene:
        url = parse_url(scene.stage.broker_url)
        client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        client.connect(url.host, url.port)
        client.loop_start()
        client.publish(ADDRESS.dn("ack"), b"{no receipt", qos=1).wait_for_publish(10)
        client.disconnect()
        client.loop_stop()
        while (health := await scene.teacher.call("GET", "/health"))["cloud"]["malformed"] == 0:
            await asyncio.sleep(0.05)
        assert health["status"] == "ok"
        assert health["cloud"]["state"] == "connected"
