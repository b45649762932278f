"""What every peer goes through: steady work, a flood, an outage, kills. One figure a name."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from benchmarks.beside.cloud import late_ms
from benchmarks.beside.peers import Peer
from benchmarks.beside.stand import Stand
from benchmarks.rig.line import Order
from benchmarks.rig.meter import percentile
from benchmarks.rig.receiver import now_ns

LINE_HZ = 720.0
SLOW_HZ = 100.0
STEADY_S = 10.0
OUTAGE_S = 12.0
FLOOD_RING = 8_192
FLOOD_S = 40.0
START_S = 30.0

Figures = dict[str, float]


def steady(kind: type[Peer], folder: Path) -> Figures:
    """Latency, processor, disk and memory at 100 and at 720 a second."""
    figures: Figures = {}
    with Stand(kind, folder) as stand:
        stand.warm()
        for hz in (SLOW_HZ, LINE_HZ):
            first, before = stand.made + 1, stand.usage()
            stand.rate(hz, STEADY_S)
            made = stand.made
            stand.drain(made, first=first, quiet_s=4.0)
            spent, outcome = stand.usage().since(before), stand.outcome(first)
            came = max(1, outcome.sent - outcome.lost)
            late = late_ms(stand.cloud.arrivals.at_ns, stand.times().framed_ns, first)
            at = f"@{hz:.0f}"
            figures[f"p50_ms{at}"] = percentile(late, 50)
            figures[f"p99_ms{at}"] = percentile(late, 99)
            figures[f"cpu_ms_per_1000{at}"] = 1e6 * spent.cpu_s / came
            figures[f"written_bytes{at}"] = spent.written_bytes / came
            figures[f"lost{at}"] = outcome.lost
            figures["rss_mb"] = spent.peak_rss_bytes / 1e6
    return figures


def flood(kind: type[Peer], folder: Path) -> Figures:
    """As fast as the line is read, until everything is at the cloud."""
    with Stand(kind, folder, ring=FLOOD_RING) as stand:
        stand.warm()
        first, before = stand.made + 1, stand.usage()
        began_ns = now_ns()
        stand.line.carry_out(Order(do="flood", count=kind.flood, seconds=FLOOD_S))
        stand.line.carry_out(Order(do="settle", seconds=FLOOD_S))
        made = stand.made
        stand.drain(made, first=first, quiet_s=5.0, timeout_s=120.0)
        spent, outcome = stand.usage().since(before), stand.outcome(first)
        came = [at for number, at in stand.cloud.arrivals.at_ns.items() if number >= first]
    lasted_s = (max(came) - began_ns) / 1e9
    return {
        "per_s": len(came) / lasted_s,
        "cpu_ms_per_1000": 1e6 * spent.cpu_s / len(came),
        "written_bytes": spent.written_bytes / len(came),
        "rss_mb": spent.peak_rss_bytes / 1e6,
        **_fate(outcome),
    }


def start(kind: type[Peer], folder: Path) -> Figures:
    """From the start of its process to the first frame that it takes.

    Others': when the first press was at the cloud, since a terminal holds what is pressed before
    anybody opens it. Ours: the first light, after the commit.
    """
    with Stand(kind, folder) as stand:
        stand.warm()
        stand.kill()
        first = stand.made + 1
        stand.start()
        deadline_ns = stand.spawned_ns + int(START_S * 1e9)
        while now_ns() < deadline_ns:
            stand.rate(50.0, 0.1)
            ticked_ns = stand.times().ticked_ns
            if kind.text:
                stand.cloud.arrivals.look()
                came = [at for n, at in stand.cloud.arrivals.at_ns.items() if n >= first]
                if came:
                    return {"accepted_s": (min(came) - stand.spawned_ns) / 1e9}
            else:
                ticked = [at for at in ticked_ns if at > stand.spawned_ns]
                if ticked:
                    return {"accepted_s": (min(ticked) - stand.spawned_ns) / 1e9}
    raise TimeoutError(f"{kind.name} took nothing within {START_S} s")


def outage(kind: type[Peer], folder: Path) -> Figures:
    """The upstream broker goes for 12 s at 720 a second, and comes back."""
    with Stand(kind, folder) as stand:
        stand.warm()
        first = stand.made + 1
        stand.rate(LINE_HZ, 3)
        stand.cloud.go()
        before, made = stand.usage(), stand.made
        stand.rate(LINE_HZ, OUTAGE_S)
        spent, down = stand.usage().since(before), stand.made - made
        stand.cloud.come()
        stand.rate(LINE_HZ, 5)
        stand.drain(stand.made, first=first, quiet_s=20.0, timeout_s=120.0)
        return {
            **_fate(stand.outcome(first)),
            "written_bytes_down": spent.written_bytes / down,
            "rss_mb": stand.usage().peak_rss_bytes / 1e6,
        }


def kill(kind: type[Peer], folder: Path) -> Figures:
    """Upstream gone, 5 s of frames, kill -9, started again, 5 s of frames, upstream back."""
    with Stand(kind, folder) as stand:
        stand.warm()
        first = stand.made + 1
        stand.rate(LINE_HZ, 2)
        stand.cloud.go()
        stand.rate(LINE_HZ, 5)
        stand.kill()
        stand.start_again()
        stand.rate(LINE_HZ, 5)
        stand.cloud.come()
        stand.drain(stand.made, first=first, quiet_s=20.0, timeout_s=120.0)
        return _fate(stand.outcome(first))


def cold_kill(kind: type[Peer], folder: Path) -> Figures:
    """Started while upstream is gone, 5 s of frames, kill -9, started again, upstream back."""
    with Stand(kind, folder) as stand:
        stand.warm()
        stand.cloud.go()
        stand.kill()
        stand.start_again()
        first = stand.made + 1
        stand.rate(LINE_HZ, 5)
        stand.kill()
        stand.start_again()
        stand.rate(LINE_HZ, 1)
        stand.cloud.come()
        stand.drain(stand.made, first=first, quiet_s=20.0, timeout_s=120.0)
        return _fate(stand.outcome(first))


def _fate(outcome: msgspec.Struct) -> Figures:
    return {name: float(value) for name, value in msgspec.to_builtins(outcome).items()}


ALL: dict[str, Callable[[type[Peer], Path], Figures]] = {
    "steady": steady,
    "flood": flood,
    "start": start,
    "outage": outage,
    "kill": kill,
    "cold-kill": cold_kill,
}


def run(trial: str, kind: type[Peer]) -> Figures:
    """One trial of one peer, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="beside-", ignore_cleanup_errors=True) as folder:
        return ALL[trial](kind, Path(folder))
