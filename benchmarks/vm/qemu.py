"""One virtual board under qemu's software emulation."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

MEMORY_MB = 512
START_S = 20.0
MIGRATE_S = 120.0
LOG_BYTES = 8 << 30


class Kernel(NamedTuple):
    """What qemu boots."""

    kernel: Path
    initrd: Path


class BoardFailed(RuntimeError):
    """The virtual board did not get on; the message has its last words."""


class VirtualBoard:
    """A qemu process, ended like a board whose plug is pulled."""

    def __init__(
        self,
        folder: Path,
        kernel: Kernel,
        disk: list[dict[str, object]],
        *,
        state: Path | None = None,
    ) -> None:
        """Take everything, start nothing.

        Args:
            folder: an empty one for its sockets, console and what it says.
            kernel: what it boots.
            disk: qemu block nodes, from the ground up; the last one is its disk.
            state: memory saved by `save`, to go on from there; it boots without.
        """
        self.folder = folder
        self.said_path = folder / "said"
        self._qmp: Any = None
        cmdline = "root=/dev/vda rw console=ttyS0 quiet mitigations=off panic=-1 init=/opt/init.sh"
        command = ["qemu-system-x86_64", "-M", "q35", "-cpu", "max", "-m", str(MEMORY_MB)]
        command += ["-accel", "tcg,thread=multi", "-smp", "2", "-display", "none", "-nodefaults"]
        command += ["-no-reboot", "-kernel", str(kernel.kernel), "-initrd", str(kernel.initrd)]
        command += ["-append", cmdline, "-serial", f"file:{folder / 'console'}"]
        for node in disk:
            command += ["-blockdev", json.dumps(node)]
        name = disk[-1]["node-name"]
        command += ["-device", f"virtio-blk-pci,drive={name},write-cache=on"]
        command += ["-device", "virtio-serial-pci"]
        command += ["-chardev", f"file,id=said,path={self.said_path}"]
        command += ["-device", "virtserialport,chardev=said,name=said"]
        command += ["-qmp", f"unix:{folder / 'qmp'},server=on,wait=off"]
        command += ["-incoming", f"exec:cat {state}"] if state else []
        self._command = command
        self._has_state = state is not None

    def start(self) -> None:
        """Switch it on.

        Raises:
            BoardFailed: it does not go on from its memory.
        """
        with (self.folder / "errors").open("wb") as errors:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stderr=errors)
        if self._has_state:
            try:
                self._go_on()
            except BoardFailed:
                self.pull_the_plug()
                raise

    def lines(self) -> Iterator[str]:
        """What it has said, whole lines."""
        if self.said_path.exists():
            text = self.said_path.read_bytes().decode(errors="replace")
            yield from text[: text.rfind("\n") + 1].splitlines()

    def until(self, count: int, start: str, within_s: float) -> None:
        """Wait until it has said so many lines that start like this.

        Raises:
            BoardFailed: it ended, failed or was too slow.
        """
        deadline_s = time.monotonic() + within_s
        while sum(line.startswith(start) for line in self.lines()) < count:
            wrong = [line for line in self.lines() if line.startswith("E ")]
            if wrong or self._process.poll() is not None or time.monotonic() > deadline_s:
                raise BoardFailed(f"no {count} x {start!r} in {within_s:g} s; {self._last_words()}")
            time.sleep(0.005)

    def _last_words(self) -> str:
        words = [line for line in self.lines() if line.startswith("E ")][:1]
        for name in ("errors", "console"):
            text = (
                (self.folder / name).read_text(errors="replace")
                if (self.folder / name).exists()
                else ""
            )
            words += [f"{name}: {text[-500:]}"]
        return "; ".join(words)

    def save(self, state: Path) -> None:
        """Stop it, write its memory to a file, and end; its disk belongs to that memory."""
        self._say("stop")
        self._say("migrate", uri=f"exec:cat > {state}")
        deadline_s = time.monotonic() + MIGRATE_S
        while (status := self._say("query-migrate").get("status")) != "completed":
            if status == "failed" or time.monotonic() > deadline_s:
                raise BoardFailed(f"its memory could not be saved: {status}")
            time.sleep(0.05)
        self._say("quit")
        self._process.wait()

    def _go_on(self) -> None:
        deadline_s = time.monotonic() + START_S
        while (status := self._say("query-status").get("status")) == "inmigrate":
            if time.monotonic() > deadline_s:
                raise BoardFailed(f"its memory did not load: {status}")
            time.sleep(0.01)
        self._say("cont")

    def _say(self, command: str, **arguments: object) -> dict[str, Any]:
        if self._qmp is None:
            self._qmp = self._connect().makefile("rw")
            self._qmp.readline()
            self._say("qmp_capabilities")
        self._qmp.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._qmp.flush()
        while True:
            answer = json.loads(self._qmp.readline())
            if "error" in answer:
                raise BoardFailed(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                result: dict[str, Any] = answer["return"]
                return result

    def _connect(self) -> socket.socket:
        deadline_s = time.monotonic() + START_S
        while True:
            line = socket.socket(socket.AF_UNIX)
            try:
                line.connect(str(self.folder / "qmp"))
            except OSError as error:
                line.close()
                if self._process.poll() is not None or time.monotonic() > deadline_s:
                    raise BoardFailed(f"qemu does not answer; {self._last_words()}") from error
                time.sleep(0.02)
            else:
                return line

    def pull_the_plug(self) -> None:
        """The power goes: SIGKILL."""
        self._process.kill()
        self._process.wait()


def plain(image: Path) -> list[dict[str, object]]:
    """A disk in a file."""
    return [
        {"driver": "file", "filename": str(image), "node-name": "file"},
        {"driver": "raw", "file": "file", "node-name": "disk"},
    ]


def logged(base: Path, overlay: Path, log: Path) -> list[dict[str, object]]:
    """A disk over `base`, which stays as it is; each write and flush goes to `log`, too."""
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(base)]
    subprocess.run([*command, str(overlay)], check=True)
    with log.open("wb") as file:
        file.truncate(LOG_BYTES)
    return [
        {"driver": "file", "filename": str(overlay), "node-name": "file"},
        {"driver": "qcow2", "file": "file", "node-name": "overlay"},
        {"driver": "file", "filename": str(log), "node-name": "log"},
        {"driver": "blklogwrites", "file": "overlay", "log": "log", "node-name": "disk"},
    ]
