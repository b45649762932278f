"""One peer between a line and a cloud of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Self

import msgspec

from benchmarks.beside.cloud import Cloud
from benchmarks.beside.peers import Ours, Peer
from benchmarks.rig.line import Line, Order, Times
from benchmarks.rig.meter import Usage, tree, usage
from benchmarks.rig.receiver import now_ns

WARM_HZ = 50.0
WARM_S = 60.0
LOOK_S = 0.1
REAL_RING = 64


class Outcome(msgspec.Struct):
    """Of the frames from one on: how many were sent, and what became of them."""

    sent: int
    lost: int
    repeats: int
    reordered: int


class Stand:
    """A context manager: line and cloud are there on enter; the peer is started by `start`."""

    def __init__(self, kind: type[Peer], folder: Path, *, ring: int = REAL_RING) -> None:
        """Take everything, start nothing."""
        self._kind = kind
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self._exits = contextlib.ExitStack()
        self.line = Line(ring=ring, text=kind.text)
        self.cloud = Cloud(folder / "cloud", text=kind.text)
        self.spawned_ns = 0

    def __enter__(self) -> Self:
        """Line and cloud, and what the peer reads at its start."""
        try:
            self._exits.enter_context(self.line)
            self._exits.enter_context(self.cloud)
            self._exits.callback(self.kill)
            (self._folder / "peer").mkdir()
            self.peer = self._kind(
                self._folder / "peer", tty=self.line.ports[0], port=self.cloud.port
            )
            self.peer.set_up()
        except BaseException:
            self._exits.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End all."""
        self._exits.close()

    def start(self) -> None:
        """Start the peer's processes."""
        self.spawned_ns = now_ns()
        with (self._folder / "peer.log").open("ab") as log:
            for command in self.peer.commands():
                self._processes.append(
                    subprocess.Popen(
                        command.arguments,
                        env=command.environment,
                        # our own modules are found from the checkout, theirs from anywhere
                        cwd=None if "-m" in command.arguments[:2] else self.peer.folder,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                    )
                )

    def kill(self) -> None:
        """End all of them as a power cut would."""
        for pid in tree(process.pid for process in self._processes):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self._processes:
            process.wait()
        self._processes = []

    def start_again(self) -> None:
        """After a kill: start, and leave the line quiet while it starts."""
        self.start()
        time.sleep(self.peer.ready_s)

    def usage(self) -> Usage:
        """What the peer's processes have cost so far."""
        return usage(process.pid for process in self._processes)

    def warm(self) -> None:
        """Start, and feed the line until something arrives; a lesson is open at ours."""
        self.start()
        if isinstance(self.peer, Ours):
            board = self.peer.board
            while not board.answers():
                time.sleep(LOOK_S)
            teacher = board.teacher()
            teacher.open_lesson()
            teacher.ask()
            teacher.close()
            self.line.carry_out(Order(do="greet", seconds=10))
        deadline_s = time.monotonic() + WARM_S
        while not self.cloud.arrivals.look():
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"nothing arrives: see {self._folder}/peer.log")
            self.line.carry_out(Order(do="rate", hz=WARM_HZ, seconds=0.2))
        self.drain(self.made, quiet_s=2.0)

    @property
    def made(self) -> int:
        """Presses so far."""
        return self.line.carry_out(Order(do="settle")).made

    def rate(self, hz: float, seconds: float) -> None:
        """Presses at a steady rate."""
        company_ms = self.peer.company_ms
        self.line.carry_out(Order(do="rate", hz=hz, seconds=seconds, company_ms=company_ms))

    def drain(self, upto: int, *, quiet_s: float, timeout_s: float = 90.0, first: int = 1) -> None:
        """Wait until the presses `first` to `upto` are there, or nothing has come for long."""
        arrivals, wanted = self.cloud.arrivals, upto - first + 1
        newest, newest_s, end_s = -1, time.monotonic(), time.monotonic() + timeout_s
        while time.monotonic() < end_s:
            # While nobody looks, the receivers answer what the agent asks of them.
            self.line.carry_out(Order(do="settle"))
            came = arrivals.look()
            if came >= wanted and sum(number >= first for number in arrivals.at_ns) >= wanted:
                return
            if came != newest:
                newest, newest_s = came, time.monotonic()
            elif time.monotonic() - newest_s > quiet_s:
                return
            time.sleep(LOOK_S)

    def outcome(self, first: int) -> Outcome:
        """What became of the presses from number `first` on."""
        arrivals = self.cloud.arrivals
        arrivals.look()
        sent = self.made - first + 1
        came = sum(number >= first for number in arrivals.at_ns)
        return Outcome(sent, sent - came, arrivals.repeats, arrivals.reordered)

    def times(self) -> Times:
        """Of every press."""
        (times,) = self.line.times(self._folder).values()
        return times
