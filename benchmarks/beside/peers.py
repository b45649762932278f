"""Each gateway that is measured: how it is set up for the line, and which processes it is."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from agent.demo.broker import HOST, free_port
from benchmarks.beside.install import PEERS, node_red_program, thingsboard_package
from benchmarks.rig.board import Board

TOPIC = "class/room1/answers"


class Command(NamedTuple):
    """One process of a peer."""

    arguments: Sequence[str]
    environment: dict[str, str]


class Peer:
    """A gateway that reads lines of text.

    Attributes:
        ready_s: after a start it is given so long before the line goes on.
        flood: lines of a flood, so that none takes minutes.
    """

    name: ClassVar[str]
    ready_s: ClassVar[float] = 2.0
    flood: ClassVar[int] = 20_000
    text: ClassVar[bool] = True
    company_ms: ClassVar[float] = 0.0

    def __init__(self, folder: Path, *, tty: str, port: int) -> None:
        """Take everything, write nothing. `port`: of the upstream broker."""
        self.folder = folder
        self.tty = tty
        self.port = port

    def set_up(self) -> None:
        """Write what it reads at its start."""

    def commands(self) -> list[Command]:
        """What to start."""
        raise NotImplementedError


class Ours(Peer):
    """The agent, with its receiver gathering presses for 5 ms as the firmware does."""

    name = "classroom-agent"
    ready_s = 1.5
    flood = 500_000
    text = False
    company_ms = 5.0

    def set_up(self) -> None:
        """Its settings."""
        url = f"mqtt://{HOST}:{self.port}"
        self.board = Board(self.folder, ports=[self.tty], cloud_url=url)
        self.board.configure()

    def commands(self) -> list[Command]:
        """The agent."""
        return [Command(self.board.command, self.board.environment)]


class OursSingle(Ours):
    """The agent, and a receiver that sends every press in a frame of its own: 22 bytes each."""

    name = "classroom-agent, a frame a press"
    company_ms = 0.0


class Bridge(Peer):
    """mosquitto_pub reads the line, a local mosquitto holds it and bridges it upstream."""

    name = "mosquitto bridge"
    ready_s = 1.5
    flood = 60_000
    saving: ClassVar[str] = ""

    def set_up(self) -> None:
        """The local broker's settings: no bounds, a session that is kept."""
        self._local = free_port()
        lines = [
            f"listener {self._local} {HOST}",
            "allow_anonymous true",
            "max_queued_messages 0",
            "max_inflight_messages 0",
            "persistence true",
            f"persistence_location {self.folder}/",
            self.saving,
            "user root",
            "connection upstream",
            f"address {HOST}:{self.port}",
            "topic class/# out 1",
            "cleansession false",
            "bridge_protocol_version mqttv311",
            "notifications false",
            "try_private false",
            "restart_timeout 1 2",
        ]
        (self.folder / "bridge.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def commands(self) -> list[Command]:
        """The broker, and what reads the line once that listens."""
        publish = f"mosquitto_pub -h {HOST} -p {self._local} -q 1 -i clickers -t {TOPIC} -l"
        reader = f"sleep 0.15; exec {publish} < {self.tty}"
        return [
            Command(["mosquitto", "-c", str(self.folder / "bridge.conf")], dict(os.environ)),
            Command(["bash", "-c", reader], dict(os.environ)),
        ]


class SavingBridge(Bridge):
    """The same, saving its queue after every change."""

    name = "mosquitto bridge, saving each change"
    flood = 5_000
    saving = "autosave_on_changes true\nautosave_interval 1"


class ThingsBoard(Peer):
    """ThingsBoard Gateway with its serial connector; rate limits and remote control are off."""

    name = "ThingsBoard Gateway, sqlite"
    ready_s = 6.0
    flood = 6_000
    storage: ClassVar[str] = "sqlite"

    def set_up(self) -> None:
        """Its folder of settings, and a converter that keeps every line apart."""
        package = thingsboard_package()
        config = self.folder / "config"
        for folder in (config, self.folder / "logs", self.folder / "data"):
            folder.mkdir()
        whole: dict[str, Any] = json.loads((package / "config/tb_gateway.json").read_text())
        board = whole["thingsboard"]
        board["host"], board["port"] = HOST, self.port
        board["remoteConfiguration"] = False
        board["statistics"]["enable"] = False
        board["security"] = {"type": "accessToken", "accessToken": "bench"}
        board.update({key: "0:0," for key in board if key.endswith("ateLimits")})
        data = f"{self.folder}/data/"
        whole["storage"].update(
            type=self.storage,
            data_folder_path=data,
            data_file_path=data,
            max_file_count=100,
            max_read_records_count=100,
        )
        connector = {"type": "serial", "name": "clickers", "class": "SerialConnector"}
        whole["connectors"] = [{**connector, "configuration": "serial.json"}]
        device = {
            "name": "room1",
            "type": "default",
            "port": self.tty,
            "baudrate": 115_200,
            "converter": "LineConverter",
            "downlink_converter": "SerialDownlinkConverter",
            "telemetry": [{"type": "string", "key": "line", "untilDelimiter": "\n"}],
            "attributes": [],
        }
        serial = {
            "name": "clickers",
            "logLevel": "INFO",
            "uplinkQueueSize": 100_000,
            "devices": [device],
        }
        (config / "tb_gateway.json").write_text(json.dumps(whole))
        (config / "serial.json").write_text(json.dumps(serial))
        shutil.copy(package / "config/logs.json", config)
        converter = Path(__file__).with_name("line_converter.txt").read_text(encoding="utf-8")
        (package / "extensions/serial/line_converter.py").write_text(converter, encoding="utf-8")

    def commands(self) -> list[Command]:
        """The gateway."""
        program = PEERS / "thingsboard/bin/thingsboard-gateway"
        return [
            Command([str(program)], {**os.environ, "TB_GW_CONFIG_DIR": f"{self.folder}/config/"})
        ]


class ThingsBoardFile(ThingsBoard):
    """The same with its other store that lasts."""

    name = "ThingsBoard Gateway, file"
    storage = "file"


class NodeRed(Peer):
    """Node-RED: serial in, MQTT out at QoS 1."""

    name = "Node-RED"
    ready_s = 6.0
    flood = 30_000

    def set_up(self) -> None:
        """Its flow, its settings, and where its nodes are."""
        modules = PEERS / "node-red/node_modules"
        wired = {"z": "tab"}
        flow = [
            {"id": "tab", "type": "tab", "label": "line"},
            {
                "id": "port",
                "type": "serial-port",
                "serialport": self.tty,
                "serialbaud": "115200",
                "databits": "8",
                "parity": "none",
                "stopbits": "1",
                "waitfor": "",
                "newline": "\\n",
                "bin": "false",
                "out": "char",
                "addchar": "",
                "responsetimeout": "10000",
            },
            {
                "id": "broker",
                "type": "mqtt-broker",
                "broker": HOST,
                "port": str(self.port),
                "clientid": "node-red",
                "autoConnect": True,
                "usetls": False,
                "protocolVersion": "4",
                "keepalive": "60",
                "cleansession": False,
            },
            {"id": "in", "type": "serial in", **wired, "serial": "port", "wires": [["out"]]},
            {
                "id": "out",
                "type": "mqtt out",
                **wired,
                "topic": TOPIC,
                "qos": "1",
                "retain": "false",
                "broker": "broker",
                "wires": [],
            },
        ]
        settings = {
            "flowFile": "flows.json",
            "uiPort": free_port(),
            "uiHost": HOST,
            "serialReconnectTime": 1_000,
            "mqttReconnectTime": 1_000,
            "nodesDir": [str(modules)],
            "logging": {"console": {"level": "warn"}},
        }
        package = {"name": "bench", "dependencies": {"node-red-node-serialport": "*"}}
        (self.folder / "flows.json").write_text(json.dumps(flow))
        (self.folder / "settings.js").write_text(f"module.exports = {json.dumps(settings)}")
        (self.folder / "package.json").write_text(json.dumps(package))
        (self.folder / "node_modules").symlink_to(modules)

    def commands(self) -> list[Command]:
        """Node with Node-RED."""
        arguments = ["node", str(node_red_program()), "-u", str(self.folder)]
        return [Command(arguments, dict(os.environ))]


class Outbox(Peer):
    """A plain outbox: SQLite with FULL, commits of 20 ms, a message a line, deleted on PUBACK."""

    name = "plain Python outbox, FULL, 20 ms"
    flood = 30_000
    ready_s = 1.5
    mode: ClassVar[str] = "outbox"

    def commands(self) -> list[Command]:
        """The program."""
        program = [sys.executable, "-m", "benchmarks.beside.outbox", self.mode]
        arguments = [*program, self.tty, str(self.port), str(self.folder)]
        return [Command(arguments, dict(os.environ))]


class Memory(Outbox):
    """The least that carries a line to a broker: paho, nothing kept."""

    name = "paho alone, nothing kept"
    mode = "memory"


ALL: dict[str, type[Peer]] = {
    "ours": Ours,
    "ours-single": OursSingle,
    "mosquitto-bridge": Bridge,
    "mosquitto-saving": SavingBridge,
    "thingsboard-sqlite": ThingsBoard,
    "thingsboard-file": ThingsBoardFile,
    "node-red": NodeRed,
    "outbox": Outbox,
    "memory": Memory,
}
