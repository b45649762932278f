"""However batches come, each event is held once: resends, overlaps, old ones, gaps, epochs."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.lesson.events import LessonEnded, encode_body
from agent.wire.payloads import Batch, Receipt
from agent.wire.topics import Address
from fleet.store import Store
from tests.fleet.batch import batch_of

BOARDS = [Address("4403", "440305", "s012", "r301", f"board-{number}") for number in (1, 2)]
EPOCHS = (3, 4, 9)
WRITTEN = 12
"""Events that a board has in each epoch."""


class Delivery(NamedTuple):
    """A batch that reaches one of the workers."""

    worker: int
    board: int
    epoch: int
    first: int
    size: int

    @property
    def seqs(self) -> range:
        return range(self.first, min(self.first + self.size, WRITTEN + 1))


DELIVERIES = st.lists(
    st.builds(
        Delivery,
        worker=st.integers(0, 1),
        board=st.integers(0, 1),
        epoch=st.sampled_from(EPOCHS),
        first=st.integers(1, WRITTEN),
        size=st.integers(1, WRITTEN),
    ),
    max_size=40,
)


def body(epoch: int, seq: int) -> bytes:
    return encode_body(LessonEnded(lesson=f"{epoch}-{seq}"))


def batch(epoch: int, seqs: range) -> Batch:
    return batch_of(seqs, lambda seq: LessonEnded(lesson=f"{epoch}-{seq}"), epoch=epoch)


class School:
    """Two workers of one database, and what they should hold by a much simpler rule."""

    def __init__(self, workers: list[Store]) -> None:
        self.workers = workers
        self.held: dict[tuple[int, int], list[int]] = {}
        self.duplicates: Counter[int] = Counter()
        self.gaps: Counter[int] = Counter()

    def deliver(self, one: Delivery) -> None:
        store = self.workers[one.worker]
        with store.transaction():
            taken = store.take(BOARDS[one.board], batch(one.epoch, one.seqs), now_ns=1)
        held = self.held.setdefault((one.board, one.epoch), [])
        known = [seq for seq in one.seqs if seq in held]
        gap = one.first > len(held) + 1
        new = [] if gap else [seq for seq in one.seqs if seq not in held]
        held += new
        self.duplicates[one.board] += len(known)
        self.gaps[one.board] += gap
        receipt = Receipt(epoch=one.epoch, upto=len(held))
        assert taken == (receipt, len(new), len(known), gap, 0)

    def check(self) -> None:
        for number, board in enumerate(BOARDS):
            events = [
                (one.epoch, one.seq, one.body.encode())
                for one in self.workers[0].events(board.device)
            ]
            assert events == [
                (epoch, seq, body(epoch, seq))
                for epoch in EPOCHS
                for seq in sorted(self.held.get((number, epoch), []))
            ]
            counts = self.workers[1].device_counts(board.device)
            assert (counts.duplicates, counts.gaps) == (self.duplicates[number], self.gaps[number])


@given(DELIVERIES)
@settings(deadline=None, max_examples=60)
def test_each_event_is_held_once_however_batches_come(deliveries: list[Delivery]) -> None:
    with ExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory()))
        workers = [Store(folder / "school.db") for _ in range(2)]
        for worker in workers:
            worker.open()
            exits.enter_context(closing(worker))
        school = School(workers)
        for one in deliveries:
            school.deliver(one)
        school.check()
        for board in range(
            len(BOARDS)
        ):  # the boards resend what has no receipt: nothing is missing
            for epoch in EPOCHS:
                upto = len(school.held.get((board, epoch), []))
                if upto < WRITTEN:
                    school.deliver(Delivery(0, board, epoch, upto + 1, WRITTEN))
        school.check()
        assert workers[0].count("event") == len(BOARDS) * len(EPOCHS) * WRITTEN
