"""What processes cost, by the kernel's account of them and of their children."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

CLOCK_HZ = os.sysconf("SC_CLK_TCK")


class Usage(msgspec.Struct):
    """Of some processes: processor time, the most memory each has held, bytes sent to disks."""

    cpu_s: float = 0.0
    peak_rss_bytes: int = 0
    written_bytes: int = 0

    def since(self, before: Usage) -> Usage:
        """What was added; the memory is that of now."""
        return Usage(
            self.cpu_s - before.cpu_s,
            self.peak_rss_bytes,
            self.written_bytes - before.written_bytes,
        )


def tree(pids: Iterable[int]) -> list[int]:
    """These processes and all below them."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, ValueError):
                continue
            children.setdefault(parent, []).append(int(folder.name))
    found, waiting = [], list(pids)
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def usage(pids: Iterable[int]) -> Usage:
    """The sum over these processes and all below them; ended ones count with their parent."""
    total = Usage()
    for pid in tree(pids):
        folder = Path("/proc") / str(pid)
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            total.cpu_s += sum(map(int, fields[11:15])) / CLOCK_HZ
            for line in (folder / "status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    total.peak_rss_bytes += int(line.split()[1]) * 1024
            for line in (folder / "io").read_text().splitlines():
                if line.startswith("write_bytes:"):
                    total.written_bytes += int(line.split()[1])
        except OSError:
            continue  # it has ended
    return total


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many percent do not exceed; nan of nothing."""
    if not values:
        return float("nan")
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(percent / 100 * len(ranked)))]
