"""`classroom-agent demo`: sets the stage, and lets a person teach or plays a lesson by itself."""

from __future__ import annotations

import argparse
import asyncio
import errno
import random
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

import msgspec

from agent.demo.broker import BrokerMissing, free_port
from agent.demo.play import Figures, play
from agent.demo.scene import CLASS_ID, Scene
from agent.demo.stage import PartFailed

PORT = 8080
HIGHEST_PORT = 65_535
QUESTIONS = 8


class PortTaken(OSError):
    """The pages cannot be had where they were wished for."""


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    p = argparse.ArgumentParser(
        prog="classroom-agent demo",
        description="A virtual classroom around a real agent: 48 clickers, 6 phones, a broker, "
        "the school's ingest, and the pages. Runs until Ctrl-C.",
    )
    p.add_argument("--headless", action="store_true", help="play a lesson by itself, then stop")
    p.add_argument("--questions", type=int, metavar="N", help="with --headless: how many (8)")
    p.add_argument("--seed", type=int, default=1, metavar="S", help="another class, other answers")
    p.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    p.add_argument(
        "--broker", default="iotcore", metavar="B", help="iotcore, mosquitto or mqtt://host:port"
    )
    p.add_argument("--host", default="127.0.0.1", help="address the pages listen on")
    p.add_argument("--port", type=int, default=None, help=f"port of the pages ({PORT})")
    p.add_argument("--keep", type=Path, metavar="DIR", help="keep all files there")
    return p


def main(argv: Sequence[str]) -> int:
    """Run the demo; the exit status is 1 if an answer was lost, doubled or never ticked."""
    arguments = parser().parse_args(argv)
    local = arguments.broker in ("iotcore", "mosquitto")
    if not local and not arguments.broker.startswith(("mqtt://", "mqtts://")):
        parser().error("--broker takes iotcore, mosquitto or mqtt://host:port")
    if not arguments.headless and (arguments.questions is not None or arguments.json):
        parser().error("--questions and --json go with --headless")
    if arguments.questions is not None and arguments.questions < 1:
        parser().error("--questions takes a number from 1")
    if arguments.port is not None and not 1 <= arguments.port <= HIGHEST_PORT:
        parser().error(f"--port takes a number from 1 to {HIGHEST_PORT}")
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="classroom-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return asyncio.run(_run(arguments, folder))
    except asyncio.CancelledError:
        say("stopped")
        return 1
    except (BrokerMissing, PartFailed, OSError) as error:
        print(f"classroom-agent demo: {error}", file=sys.stderr)
        return 1
    finally:
        if arguments.keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def say(text: str) -> None:
    """Tell the person at the terminal; stdout is for the figures."""
    print(text, file=sys.stderr, flush=True)


async def _run(arguments: argparse.Namespace, folder: Path) -> int:
    stopped = asyncio.Event()
    loop, this = asyncio.get_running_loop(), asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM):
        if this is not None:  # while the parts start, a stop ends the wait for them
            loop.add_signal_handler(number, this.cancel)
    port = arguments.port or (free_port() if arguments.headless else PORT)
    _check_free(arguments.host, port)
    say(f"starting the broker ({arguments.broker}), the school's ingest and the agent")
    scene = Scene(
        folder,
        broker=arguments.broker,
        host=arguments.host,
        port=port,
        rng=random.Random(arguments.seed),
    )
    async with scene:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        if not arguments.headless:
            scene.let_answer()
            _welcome(scene, arguments.host, keep=arguments.keep is not None)
            await _until_stopped(scene, stopped)
            say("stopping")
            return 0
        playing = play(scene, questions=arguments.questions or QUESTIONS, say=say)
        result = await _unless_stopped(scene, playing, stopped)
    if result is None:
        say("stopped before the lesson was over: no figures")
        return 1
    report(result, as_json=arguments.json)
    return 1 if result.lost or result.duplicates or result.unticked else 0


async def _unless_stopped(
    scene: Scene, work: Coroutine[Any, Any, Figures], stopped: asyncio.Event
) -> Figures | None:
    working, stopping = asyncio.create_task(work), asyncio.create_task(stopped.wait())
    waiting = [working, stopping, scene.watching]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if working.done():
        return working.result()
    working.cancel()
    if scene.watching.done():
        scene.watching.result()
    return None


def _check_free(host: str, port: int) -> None:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError as error:
            hint = "stop what uses it, or choose another with --port"
            if error.errno != errno.EADDRINUSE:
                hint = "give an address of this machine with --host, and a port of 1024 or more"
            raise PortTaken(f"{host}:{port} cannot be had ({error.strerror}); {hint}") from error


async def _until_stopped(scene: Scene, stopped: asyncio.Event) -> None:
    while not stopped.is_set():
        scene.stage.check()
        try:
            await asyncio.wait_for(stopped.wait(), 1.0)
        except TimeoutError:
            continue


def _welcome(scene: Scene, host: str, *, keep: bool) -> None:
    stage = scene.stage
    shown = "localhost" if host in ("127.0.0.1", "0.0.0.0") else host  # noqa: S104 (only told)
    pages = f"http://{shown}:{stage.port}"
    say(
        f"""
  Teacher      {pages}            PIN {stage.pin()}
  Projector    {pages}/projector
  Students     {pages}/s

Open a lesson with class {CLASS_ID} and ask: 48 clickers and 6 phones answer.
Broker {stage.broker_url}, the school's database {stage.database}.
Ctrl-C stops it{"" if keep else " and removes its files"}."""
    )


def report(figures: Figures, *, as_json: bool) -> None:
    """Print the figures: a table for people, or one JSON object on the last line."""
    if as_json:
        print(msgspec.json.encode(figures).decode(), flush=True)
        return
    for name, value in msgspec.to_builtins(figures).items():
        print(f"{name:24} {value}")
