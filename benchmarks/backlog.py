"""A term without a network, then the network: what is held, how fast it goes, what it costs.

    ./dev bench backlog [--answers 900000] [--runs 3]

The journal of 90 days of 10,000 answers; the real agent sends it to a stub that acknowledges, while
a class goes on answering 100 times a second with the teacher's page open. Bytes on the wire hold
MQTT, TCP (segments as on Ethernet) and IP, each direction by itself; TLS adds about 30 bytes a
record of 16 KiB.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import msgspec

from agent.demo.broker import free_port
from benchmarks.machine import machine
from benchmarks.rig.account import account, kept
from benchmarks.rig.board import Board
from benchmarks.rig.line import Line, Order
from benchmarks.rig.meter import percentile, usage
from benchmarks.rig.page import Page
from benchmarks.rig.receiver import now_ns
from benchmarks.rig.school import School, Taken
from benchmarks.rig.term import write_term

LIVE_HZ = 100.0
TURN_S = 2.0
AFTER_TURNS = 8
DRAIN_S = 600.0


class Drain(msgspec.Struct):
    """One run.

    Attributes:
        up_bytes: an answer, on the wire to the school, other events' share included;
            `mqtt_bytes` of it the PUBLISH packets.
        down_bytes: an answer, what came back: acknowledgements and receipts.
        tick_p50_ms: of live answers during the drain; `quiet_` after it.
        wrong: events that came twice or out of order, and gaps.
    """

    held_mb: float
    held_events: int
    events_per_s: float
    up_bytes: float
    mqtt_bytes: float
    down_bytes: float
    cpu_us: float
    peak_rss_mb: float
    tick_p50_ms: float
    tick_p99_ms: float
    page_p99_ms: float
    quiet_tick_p50_ms: float
    quiet_tick_p99_ms: float
    quiet_page_p99_ms: float
    lost: int
    wrong: int


def drain(folder: Path, *, answers: int, after_turns: int = AFTER_TURNS) -> Drain:
    """Write the journal, send it, and hold what came against it."""
    state = write_term(folder / "board", answers)
    held_bytes = sum(file.stat().st_size for file in (folder / "board").glob("journal.db*"))
    keep = folder / "school"
    with (
        Line() as line,
        Board(folder, ports=line.ports, cloud_url=f"mqtt://127.0.0.1:{(port := free_port())}") as (
            board
        ),
    ):
        teacher = board.teacher()
        teacher.open_lesson(class_id="7-3")
        teacher.ask()
        line.carry_out(Order(do="greet", seconds=10))
        with Page(teacher) as page, School(port, keep=keep) as school:
            before_presses, began = state.last_press.count, usage([board.pid])
            school_at = _first(school, board)
            drained_ns, taken = 0, school_at
            turns_after = 0
            spent = began
            while turns_after < after_turns:
                line.begin(Order(do="rate", hz=LIVE_HZ, seconds=TURN_S))
                while not line.answered(0.02):
                    if not drained_ns and (now := school.taken()).events >= state.seq:
                        drained_ns, taken = now_ns(), now
                        spent = usage([board.pid]).since(began)
                    board.check()
                line.wait()
                turns_after += bool(drained_ns)
                if not drained_ns and now_ns() - school_at.first_ns > DRAIN_S * 1e9:
                    raise TimeoutError(f"{taken.events} of {state.seq} in {DRAIN_S} s")
            count = line.carry_out(Order(do="settle", seconds=10))
            _until(school, page, board, before_presses + count.made)
            ((pressed_ns, _, ticked_ns),) = line.times(folder).values()
            shown_ns = page.shown_ns(pressed_ns, before_presses)
        teacher.close()
        result = account(kept(keep), {})
    with_ms: list[list[float]] = [[], []]
    quiet_ms: list[list[float]] = [[], []]
    for pressed, ticked, shown in zip(pressed_ns, ticked_ns, shown_ns, strict=True):
        into = with_ms if pressed < drained_ns else quiet_ms
        into[0].append((ticked - pressed) / 1e6)
        if shown:
            into[1].append((shown - pressed) / 1e6)
    lasted_s = (taken.last_ns - school_at.first_ns) / 1e9
    return Drain(
        held_mb=held_bytes / 1e6,
        held_events=state.seq,
        events_per_s=taken.events / lasted_s,
        up_bytes=taken.up_bytes / answers,
        mqtt_bytes=taken.published_bytes / answers,
        down_bytes=taken.down_bytes / answers,
        cpu_us=1e6 * spent.cpu_s / taken.events,
        peak_rss_mb=spent.peak_rss_bytes / 1e6,
        tick_p50_ms=percentile(with_ms[0], 50),
        tick_p99_ms=percentile(with_ms[0], 99),
        page_p99_ms=percentile(with_ms[1], 99),
        quiet_tick_p50_ms=percentile(quiet_ms[0], 50),
        quiet_tick_p99_ms=percentile(quiet_ms[0], 99),
        quiet_page_p99_ms=percentile(quiet_ms[1], 99),
        lost=answers + count.accepted - result.responses,
        wrong=result.repeats + result.reordered,
    )


def _first(school: School, board: Board) -> Taken:
    """Wait until the drain has begun."""
    while not (taken := school.taken()).batches:
        board.check()
        time.sleep(0.005)
    return taken


def _until(school: School, page: Page, board: Board, presses: int) -> None:
    """Wait until school and page have the last live answers too."""
    deadline_s = time.monotonic() + 10
    while time.monotonic() < deadline_s:
        taken = school.taken()
        if (taken.epoch, taken.upto) == board.newest() and page.presses >= presses:
            return
        time.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=900_000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    print(machine())
    runs = []
    for number in range(arguments.runs):
        with tempfile.TemporaryDirectory(prefix="backlog-") as folder:
            runs.append(drain(Path(folder), answers=arguments.answers))
        one = runs[-1]
        print(f"  run {number + 1}: {one.events_per_s:.0f}/s, {one.up_bytes:.1f} bytes an answer")
    for name in Drain.__struct_fields__:
        print(f"{name:20} {statistics.median(getattr(one, name) for one in runs):12.1f}")


if __name__ == "__main__":
    main()
