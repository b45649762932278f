"""Gateways on the same line, ours among them, in one run: what they cost, and what they lose.

    ./dev bench beside --install
    sudo ./dev bench beside [--peers ours,mosquitto-bridge] [--trials steady,flood] [--reps 5]

Each peer stands between a serial line (a pseudo-terminal) and a real mosquitto. Ours gets the same
presses in its own receiver's protocol, and its school sends receipts; the others get lines of text
of 22 bytes. As root it runs in a network and a process namespace of its own. Figures of one run
are to be compared with each other, not with those of another machine or another day.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import socket
import struct
import sys
from pathlib import Path

import msgspec

from benchmarks.beside import peers, trials
from benchmarks.beside.install import check_programs, install
from benchmarks.beside.table import Result, tables
from benchmarks.machine import machine

APART = "CLASSROOM_AGENT_APART"
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def go_apart() -> None:
    """Run this program anew in namespaces of its own, where that can be had."""
    unshare = shutil.which("unshare")
    if os.geteuid() != 0 or unshare is None or os.environ.get(APART):
        return
    os.environ[APART] = "1"
    apart = ["--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    module = [sys.executable, "-m", "benchmarks.beside", *sys.argv[1:]]
    os.execv(unshare, [unshare, *apart, *module])  # noqa: S606 (our own command)


def loopback_up() -> None:
    """In a new network namespace the loopback interface is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sh14x", b"lo", 0)
        _, flags = struct.unpack("16sh14x", fcntl.ioctl(sock, SIOCGIFFLAGS, request))
        if not flags & IFF_UP:
            fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def measure(kinds: list[str], names: list[str], reps: int, keep: Path | None) -> list[Result]:
    """Every trial of every peer, the repetitions spread over the whole run."""
    results: list[Result] = []
    for rep in range(reps):
        for name in names:
            for kind in kinds:
                one = Result(kind, name, {}, os.getloadavg()[0])
                try:
                    one.figures = trials.run(name, peers.ALL[kind])
                except Exception as error:  # the fence: the other peers go on
                    one.error = f"{type(error).__name__}: {error}"
                results.append(one)
                said = " ".join(f"{key}={value:.4g}" for key, value in one.figures.items())
                print(f"  {rep + 1} {name:9} {kind:20} {one.error or said}", flush=True)
                if keep is not None:
                    keep.write_bytes(msgspec.json.encode(results))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--install", action="store_true", help="install the other gateways")
    parser.add_argument("--peers", default=",".join(peers.ALL))
    parser.add_argument("--trials", default=",".join(trials.ALL))
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--json", type=Path, help="keep every result in this file")
    arguments = parser.parse_args()
    if arguments.install:
        install()
        return
    kinds, names = arguments.peers.split(","), arguments.trials.split(",")
    for name in kinds + names:
        if name not in peers.ALL and name not in trials.ALL:
            parser.error(f"{name}: neither a peer nor a trial")
    go_apart()
    if os.environ.get(APART):
        loopback_up()
    check_programs()
    print(machine())
    results = measure(kinds, names, arguments.reps, arguments.json)
    print()
    for line in tables(results):
        print(line)


if __name__ == "__main__":
    main()
