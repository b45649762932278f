"""The results as Markdown: medians over the repetitions."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

import msgspec

from benchmarks.beside import peers


class Result(msgspec.Struct):
    """One trial of one peer. `error` says why there are no figures."""

    peer: str
    trial: str
    figures: dict[str, float]
    load: float
    error: str = ""


COLUMNS: tuple[tuple[str, str, str], ...] = (
    # heading, trial, figures with their format
    ("p50 / p99 ms at 100/s", "steady", "{p50_ms@100:.1f} / {p99_ms@100:.1f}"),
    ("p50 / p99 ms at 720/s", "steady", "{p50_ms@720:.1f} / {p99_ms@720:.1f}"),
    ("CPU ms per 1,000 at 720/s", "steady", "{cpu_ms_per_1000@720:.0f}"),
    ("bytes to disk at 720/s", "steady", "{written_bytes@720:.0f}"),
    ("memory MB", "steady", "{rss_mb:.0f}"),
    ("flood, /s", "flood", "{per_s:,.0f}"),
    ("start to first taken, s", "start", "{accepted_s:.2f}"),
)
FATES: tuple[tuple[str, str], ...] = (
    ("upstream gone for 12 s", "outage"),
    ("gone, kill -9", "kill"),
    ("cold start without network, kill -9", "cold-kill"),
)


def tables(results: Sequence[Result]) -> Iterable[str]:
    """Lines of two tables: figures, and what was lost."""
    names = [name for name in peers.ALL if any(one.peer == name for one in results)]
    yield _row(["", *(heading for heading, _, _ in COLUMNS)])
    yield _row(["---"] * (len(COLUMNS) + 1))
    for name in names:
        cells = [_cell(results, name, trial, form) for _, trial, form in COLUMNS]
        yield _row([peers.ALL[name].name, *cells])
    yield ""
    yield _row(["sent / lost / delivered again / reordered", *(heading for heading, _ in FATES)])
    yield _row(["---"] * (len(FATES) + 1))
    form = "{sent:.0f} / {lost:.0f} / {repeats:.0f} / {reordered:.0f}"
    for name in names:
        cells = [_cell(results, name, trial, form) for _, trial in FATES]
        yield _row([peers.ALL[name].name, *cells])
    for one in results:
        if one.error:
            yield f"\n{one.peer}, {one.trial}: {one.error}"


def _cell(results: Sequence[Result], peer: str, trial: str, form: str) -> str:
    some = [one.figures for one in results if (one.peer, one.trial) == (peer, trial)]
    some = [figures for figures in some if figures]
    if not some:
        return "-"
    middle = {name: statistics.median(one[name] for one in some) for name in some[0]}
    return form.format_map(middle)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
