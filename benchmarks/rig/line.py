"""Lean receivers on serial ports, in a process of their own, so that their work is not counted.

`Line` starts the process and tells it what to press; `python -m benchmarks.rig.line` is the
process. It takes one JSON order a line and answers each with one line when it is done.
"""

from __future__ import annotations

import argparse
import os
import pty
import random
import select
import sys
import time
import tty
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

import msgspec

from benchmarks.beside.text import TextClickers
from benchmarks.rig.receiver import LeanReceiver, now_ns
from benchmarks.rig.worker import Worker

CHUNK = 256
"""Presses that a flood writes at once: less than a terminal's buffer."""
FULL_FRAME = 8
TICK_S = 0.02


class Order(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What to do.

    Attributes:
        do: "rate" presses so many a second, "scatter" `count` at random times within `seconds`,
            "flood" as fast as the line and the rings take it, "settle" waits until every press has
            its outcome or `seconds` are over, "greet" until every receiver was asked who it is,
            "save" writes times to `path`.
        company_ms: so long a press waits for others to share its frame.
    """

    do: str
    hz: float = 0.0
    seconds: float = 0.0
    count: int = 0
    company_ms: float = 5.0
    seed: int = 0
    path: str = ""


class Count(msgspec.Struct):
    """What the receivers have done so far, and what it cost their process."""

    made: int
    settled: int
    accepted: int
    rejected: int
    refused: int
    resent: int
    cpu_s: float
    greeted: bool


Receiver = LeanReceiver | TextClickers


class Times(NamedTuple):
    """Of a receiver's presses, see `LeanReceiver`."""

    pressed_ns: array[int]
    framed_ns: array[int]
    ticked_ns: array[int]


class _Port:
    """One receiver at the far end of a pseudo-terminal."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        tty.setraw(self.master)
        os.set_blocking(self.master, False)
        self.path = os.ttyname(self._slave)
        self._rest = b""

    def fileno(self) -> int:
        return self.master

    @property
    def stuck(self) -> bool:
        return bool(self._rest)

    def read(self) -> None:
        with suppress(BlockingIOError):
            self.receiver.feed(os.read(self.master, 65_536), now_ns())

    def write(self, most: int, *, wait: bool) -> None:
        """Write what is due; with `wait` keep what the line does not take, else it is lost."""
        data = self._rest or self.receiver.frames(most, now_ns())
        if not data:
            return
        try:
            taken = os.write(self.master, data)
        except BlockingIOError:
            taken = 0
        self._rest = data[taken:] if wait else b""


class Room:
    """All receivers of one process."""

    def __init__(self, receivers: Sequence[Receiver]) -> None:
        self._ports = [_Port(receiver) for receiver in receivers]

    @property
    def paths(self) -> list[str]:
        return [port.path for port in self._ports]

    def serve(self) -> None:
        """Take orders until the input ends."""
        orders = b""
        while True:
            self._turn(TICK_S, [sys.stdin.fileno()])
            if select.select([sys.stdin.fileno()], [], [], 0)[0]:
                data = os.read(sys.stdin.fileno(), 65_536)
                if not data:
                    return
                *lines, orders = (orders + data).split(b"\n")
                for line in lines:
                    self._obey(msgspec.json.decode(line, type=Order))
                    print(msgspec.json.encode(self.count()).decode(), flush=True)

    def count(self) -> Count:
        all_of = [port.receiver for port in self._ports]
        return Count(
            made=sum(one.made for one in all_of),
            settled=sum(one.settled for one in all_of),
            accepted=sum(one.accepted for one in all_of),
            rejected=sum(one.rejected for one in all_of),
            refused=sum(one.refused for one in all_of),
            resent=sum(one.resent for one in all_of),
            cpu_s=time.process_time(),
            greeted=all(one.greeted for one in all_of),
        )

    def _obey(self, order: Order) -> None:
        until_ns = now_ns() + int(order.seconds * 1e9)
        if order.do == "rate":
            total = int(order.hz * order.seconds)
            self._press((int(made / order.hz * 1e9) for made in range(total)), order.company_ms)
        elif order.do == "scatter":
            rng = random.Random(order.seed)
            times = sorted(rng.uniform(0, order.seconds) for _ in range(order.count))
            self._press((int(time_s * 1e9) for time_s in times), order.company_ms)
        elif order.do == "flood":
            self._flood(order.count, until_ns)
        elif order.do == "settle":
            while now_ns() < until_ns and any(
                port.receiver.settled < port.receiver.made for port in self._ports
            ):
                self._turn(TICK_S)
        elif order.do == "greet":
            while now_ns() < until_ns and not all(port.receiver.greeted for port in self._ports):
                self._turn(TICK_S)
        elif order.do == "save":
            for port in self._ports:
                one = port.receiver
                head = Path(order.path) / one.token_prefix.replace(":", "-")
                for name in Times._fields:
                    column: array[int] = getattr(one, name)
                    head.with_suffix(f".{name}").write_bytes(column.tobytes())

    def _turn(self, wait_s: float, also: list[int] | None = None) -> None:
        """Serve the lines once, after at most so long."""
        stuck = [port for port in self._ports if port.stuck]
        watched: list[_Port | int] = [*self._ports, *(also or [])]
        readable, writable, _ = select.select(watched, stuck, [], wait_s)
        for port in self._ports:
            if port in readable:
                port.read()
            if not port.stuck or port in writable:
                port.write(CHUNK, wait=True)

    def _press(self, after_ns: Iterator[int], company_ms: float) -> None:
        """Press at these times from now, round the receivers."""
        ports, company_ns = self._ports, int(company_ms * 1e6)
        began_ns, made = now_ns(), 0
        due_ns = next(after_ns, None)
        while due_ns is not None or any(port.receiver.unsent for port in ports):
            at_ns = now_ns()
            while due_ns is not None and began_ns + due_ns <= at_ns:
                ports[made % len(ports)].receiver.press(began_ns + due_ns)
                made += 1
                due_ns = next(after_ns, None)
            next_ns = at_ns + int(TICK_S * 1e9) if due_ns is None else began_ns + due_ns
            for port in ports:
                one = port.receiver
                if one.unsent:
                    leave_ns = one.pressed_ns[-one.unsent] + company_ns
                    if one.unsent < FULL_FRAME and leave_ns > at_ns:
                        next_ns = min(next_ns, leave_ns)
                        port.write(0, wait=one.patient)
                        continue
                port.write(FULL_FRAME, wait=one.patient)
            wait_s = max(0.0, (next_ns - now_ns()) / 1e9)
            for port in select.select(ports, [], [], wait_s)[0]:
                port.read()

    def _flood(self, count: int, until_ns: int) -> None:
        """As fast as rings and line take it; `count` presses at most, if given."""
        left = count or sys.maxsize
        while left > 0 and now_ns() < until_ns:
            moved = False
            at_ns = now_ns()
            for port in self._ports:
                if port.stuck:
                    continue
                one = port.receiver
                fresh = min(CHUNK, one.room, left)
                # Half a chunk at least: single presses would make this process the bottleneck.
                if fresh >= min(CHUNK // 2, left):
                    one.press_many(fresh, at_ns)
                    left -= fresh
                    moved = True
                    port.write(CHUNK, wait=True)
            self._turn(0.0 if moved else TICK_S / 4)


class Line:
    """The process, as the benchmark sees it. A context manager."""

    def __init__(
        self, receivers: int = 1, *, ring: int = 64, clickers: int = 48, text: bool = False
    ) -> None:
        """Take everything, start nothing.

        `ring`: presses that a receiver keeps; a real one has 64. `text`: clickers that send lines
        of text, for other gateways.
        """
        arguments = [f"--receivers={receivers}", f"--ring={ring}", f"--clickers={clickers}"]
        arguments += ["--text"] if text else []
        self._worker = Worker("benchmarks.rig.line", *arguments)
        self.ports: list[str] = []

    def __enter__(self) -> Self:
        """Start it; `ports` are the serial ports."""
        self._worker.__enter__()
        self.ports = msgspec.json.decode(self._worker.heard(), type=list[str])
        return self

    def __exit__(self, *exc: object) -> None:
        """End it."""
        self._worker.__exit__(*exc)

    @property
    def pid(self) -> int:
        return self._worker.pid

    def begin(self, order: Order) -> None:
        """Give an order; `wait` for its end."""
        self._worker.tell(msgspec.json.encode(order))

    def answered(self, within_s: float) -> bool:
        """Whether the order has been carried out."""
        return self._worker.answered(within_s)

    def wait(self) -> Count:
        return msgspec.json.decode(self._worker.heard(), type=Count)

    def carry_out(self, order: Order) -> Count:
        self.begin(order)
        return self.wait()

    def times(self, folder: Path) -> dict[str, Times]:
        """Of every press, by the token without its number. `folder`: for the files."""
        self.carry_out(Order(do="save", path=str(folder)))
        found: dict[str, dict[str, array[int]]] = {}
        for name in Times._fields:
            for path in folder.glob(f"*.{name}"):
                times = array("q")
                times.frombytes(path.read_bytes())
                found.setdefault(path.stem.replace("-", ":"), {})[name] = times
        return {prefix: Times(**fields) for prefix, fields in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--receivers", type=int, default=1)
    parser.add_argument("--ring", type=int, default=64)
    parser.add_argument("--clickers", type=int, default=48)
    parser.add_argument("--text", action="store_true")
    arguments = parser.parse_args()
    receivers: list[Receiver] = [
        TextClickers()
        if arguments.text
        else LeanReceiver(0x0D33_0100 + number, ring=arguments.ring, clickers=arguments.clickers)
        for number in range(arguments.receivers)
    ]
    room = Room(receivers)
    print(msgspec.json.encode(room.paths).decode(), flush=True)
    room.serve()


if __name__ == "__main__":
    main()
