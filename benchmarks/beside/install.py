"""The other gateways, in the versions that are compared, in a folder outside the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PEERS = Path(
    os.environ.get("CLASSROOM_AGENT_PEERS") or Path.home() / ".cache/classroom-agent-peers"
)
THINGSBOARD = ("thingsboard-gateway==3.8.5", "pyserial==3.5", "pyserial-asyncio==0.6")
NODE_RED = ("node-red@4.1.15", "node-red-node-serialport@2.0.3")
PROGRAMS = {"mosquitto": "mosquitto", "mosquitto_sub": "mosquitto-clients"}


class PeerMissing(RuntimeError):
    """A gateway is not installed; the message says what to do."""


def install() -> None:
    """Install what is missing."""
    missing = sorted({package for name, package in PROGRAMS.items() if not shutil.which(name)})
    if missing:
        _run("apt-get", "install", "-y", "-q", *missing)
    if not (PEERS / "thingsboard/bin/thingsboard-gateway").exists():
        _run(sys.executable, "-m", "venv", str(PEERS / "thingsboard"))
        _run(str(PEERS / "thingsboard/bin/pip"), "install", "-q", *THINGSBOARD)
    if not node_red_program(check=False).exists():
        folder = PEERS / "node-red"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"name": "peers", "private": true}\n')
        _run("npm", "install", "--prefix", str(folder), "--no-fund", "--no-audit", *NODE_RED)


def thingsboard_package() -> Path:
    """Where ThingsBoard Gateway's own files are."""
    pattern = "thingsboard/lib/python3*/site-packages/thingsboard_gateway"
    found = next(PEERS.glob(pattern), None)
    if found is None:
        raise PeerMissing("ThingsBoard Gateway is missing: ./dev bench beside --install")
    return found


def node_red_program(*, check: bool = True) -> Path:
    """Node-RED's program."""
    program = PEERS / "node-red/node_modules/node-red/red.js"
    if check and not program.exists():
        raise PeerMissing("Node-RED is missing: ./dev bench beside --install")
    return program


def check_programs() -> None:
    """Raise PeerMissing if a program of the machine is missing."""
    for name, package in PROGRAMS.items():
        if shutil.which(name) is None:
            raise PeerMissing(f"{name} is missing: apt-get install {package}, or --install")


def _run(*command: str) -> None:
    print("==>", *command[:3], "...", flush=True)
    subprocess.run(command, check=True)
