"""A pcscd of the test's own, with virtual readers: another pcscd on this machine is not disturbed.

It thinks that its folder is /run/pcscd, by a mount that only it sees. libpcsclite reads the name of
pcscd's socket from the environment, once in a process: all worlds of a process have the same.
"""

import atexit
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

DRIVER = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"
RUN = "/run/pcscd"
START_S = 10.0
OWN_PORTS = (12_000, 32_000)
OWN_NAMESPACE = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "-r", "--mount"]
SOCKET_VARIABLE = "PCSCLITE_CSOCK_NAME"


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="pcscd-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ[SOCKET_VARIABLE] = str(folder / "pcscd.comm")
    return folder


class Pcscd:
    """One pcscd; each reader has two slots, "NAME 00 00" and "NAME 00 01", always there."""

    _own: Path | None = None

    def __init__(self, settings: Path, *readers: str) -> None:
        """`settings`: an empty folder for its configuration."""
        if Pcscd._own is None:
            Pcscd._own = _folder()
        self.folder = Pcscd._own
        self.log = settings / "pcscd.log"
        self.ports: dict[str, int] = {}
        self._settings = settings / "readers"
        self._settings.mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        for number, name in enumerate(readers):
            port = self.ports[name] = _two_free_ports()
            (self._settings / f"{number}").write_text(
                f'FRIENDLYNAME "{name}"\nDEVICENAME /dev/null:{port:#x}\n'
                f"LIBPATH {DRIVER}\nCHANNELID {port:#x}\n"
            )

    def start(self) -> None:
        """Start it, and wait until it answers. Skips the test where a namespace may not be made."""
        for left in self.folder.iterdir():  # a pcscd that was killed leaves its socket
            left.unlink()
        daemon = f"exec pcscd --foreground --info --config {self._settings}"
        script = f"mkdir -p {RUN} && mount --bind {self.folder} {RUN} && {daemon}"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen([*OWN_NAMESPACE, "sh", "-c", script],
                                             stdout=log, stderr=log)  # fmt: skip
        end_s = time.monotonic() + START_S
        while b"daemon ready" not in self.log.read_bytes():
            if self._process.poll() is not None or time.monotonic() > end_s:
                said = self.log.read_text(errors="replace")
                self.end(signal.SIGKILL)
                if "pcsc" not in said:
                    pytest.skip(f"cannot run here: {said.strip() or 'no namespace'}")
                pytest.fail(said)
            time.sleep(0.005)

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it, if it runs."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait(START_S)

    def freeze(self, frozen: bool = True) -> None:
        """Let it hang, or go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)


def _two_free_ports() -> int:
    """The first of two ports in a row: a virtual reader listens on both.

    None that the kernel gives to whoever connects: they must still be free after a new start.
    """
    while True:
        port = random.randrange(*OWN_PORTS)
        with socket.socket() as first, socket.socket() as second:
            try:
                first.bind(("0.0.0.0", port))  # noqa: S104 (as the virtual reader does)
                second.bind(("0.0.0.0", port + 1))  # noqa: S104
            except OSError:
                continue
            return port
