"""What the benchmarks measure with is right itself: a short run through the real agent."""

import os
from pathlib import Path

import pytest

from benchmarks.backlog import drain
from benchmarks.beside.peers import Ours
from benchmarks.beside.stand import Stand
from benchmarks.beside.text import FRAME, TextClickers
from benchmarks.flood import flood
from benchmarks.rig.disk import LoopDisk


def test_a_flood_arrives_at_the_school_whole_and_in_order(tmp_path: Path) -> None:
    one = flood(tmp_path, receivers=2, seconds=0.3)
    assert one.answers > 0
    assert (one.lost, one.doubled, one.reordered, one.not_responses) == (0, 0, 0, 0)


def test_a_backlog_arrives_whole_for_few_bytes_an_answer(tmp_path: Path) -> None:
    one = drain(tmp_path, answers=30_000, after_turns=1)
    assert (one.lost, one.wrong) == (0, 0)
    assert one.up_bytes <= 30


@pytest.mark.needs("mosquitto")
def test_between_a_line_and_a_broker_every_press_is_counted_once(tmp_path: Path) -> None:
    with Stand(Ours, tmp_path) as stand:
        stand.warm()
        first = stand.made + 1
        stand.rate(720.0, 0.5)
        stand.drain(stand.made, first=first, quiet_s=20.0)
        outcome = stand.outcome(first)
        pressed_ns, _, ticked_ns = stand.times()
        came_ns = stand.cloud.arrivals.at_ns
    assert (outcome.sent, outcome.lost) == (360, 0)
    assert all(pressed_ns[number - 1] < at for number, at in came_ns.items())
    assert all(ticked_ns)


def test_lines_of_text_are_found_whatever_is_around_them() -> None:
    clickers = TextClickers()
    clickers.press_many(3, 0)
    sent = clickers.frames(8, 0)
    assert {len(line) for line in sent.splitlines(keepends=True)} == {22}
    wrapped = b'{"room1": [{"K0001": "%b"}]}' % sent.replace(b"\n", b'", "')
    assert [int(number) for number in FRAME.findall(wrapped)] == [1, 2, 3]


@pytest.mark.needs("mkfs.ext4")
def test_a_disk_counts_what_is_written_to_it() -> None:
    if os.geteuid() != 0 or not Path("/dev/loop-control").exists():
        pytest.skip("cannot run here: no loop device without root")
    with LoopDisk(size_mb=32) as disk:
        before = disk.written_bytes()
        (disk.path / "file").write_bytes(bytes(1 << 20))
        written = disk.written_bytes() - before
    assert 1 << 20 <= written < 3 << 19
