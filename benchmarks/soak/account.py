"""The reckoning after a soak: what clickers were shown, against the school's own database."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Set
from itertools import zip_longest
from pathlib import Path

import msgspec

from agent import clock
from agent.journal import snapshot
from agent.journal.store import Journal
from agent.lesson.events import public_body
from agent.lesson.model import State
from agent.lesson.replay import apply
from benchmarks.soak.room import TICKED
from benchmarks.soak.school_broker import ADDRESS
from fleet.store import Store

PRESS_KINDS = ("ResponseRecorded", "ResponseRejected", "PressUnasked")
TOKENS = "select kind, json_extract(body, '$.token') from event where kind in (?, ?, ?)"
PAGE = 1_000
NAMED = 5


class Account(msgspec.Struct, kw_only=True):
    """What a soak came to.

    Attributes:
        answers: presses in the school's database that count as answers, each once.
        lost: presses whose clicker was shown an outcome, and which the school does not have.
        doubled: presses that the school has more than once; each surplus one counts.
        contradicted: presses whose clicker was shown a tick and the school has a refusal, or the
            other way round.
        unknown: presses that the school has and nobody made.
        journal_differs: events that differ between the board's journal and the school, either way.
        aside: events that the school did not take.
        gaps: places where the school's numbers of an epoch do not rise one by one.
        replay_differs: whether the state after snapshot and rest is not that of all events.
        named: some of the presses that are lost or unknown.
    """

    answers: int
    lost: int
    doubled: int
    contradicted: int
    unknown: int
    journal_differs: int
    aside: int
    gaps: int
    replay_differs: bool
    named: list[str]

    @property
    def good(self) -> bool:
        """Whether nothing was lost, doubled, changed or out of order."""
        wrong = (self.lost, self.doubled, self.contradicted, self.unknown, self.journal_differs)
        return not any((*wrong, self.aside, self.gaps, self.replay_differs))


def held_upto(database: Path) -> tuple[int, int]:
    """(epoch, seq) up to which the school holds the board's events without a gap."""
    if not database.exists():
        return 0, 0
    db = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)
    try:
        row = db.execute("select epoch, upto from upto order by epoch desc limit 1").fetchone()
    except sqlite3.OperationalError:  # not made yet
        row = None
    finally:
        db.close()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


def newest(journal: Path) -> tuple[int, int]:
    """(epoch, seq) of the newest event on the board, beside a running agent."""
    db = sqlite3.connect(f"file:{journal}?mode=ro", uri=True, timeout=10)
    try:
        number = db.execute("select max(id) from event").fetchone()[0] or 0
    finally:
        db.close()
    return number >> 32, number & 0xFFFFFFFF


async def received(journal: Path, database: Path, within_s: float) -> None:
    """Wait until the school holds the board's newest event.

    Raises:
        TimeoutError: it does not.
    """
    async with asyncio.timeout(within_s):
        while held_upto(database) != newest(journal):  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.05)


async def reckon(
    ticks: dict[str, int], journal: Path, database: Path, *, made: Set[str] = frozenset()
) -> Account:
    """Compare; the agent must have stopped.

    Args:
        ticks: the outcome that was shown, by the press's token.
        journal: the board's.
        database: the school's.
        made: presses that may be there without having been shown anything.
    """
    kinds, doubled = _held_presses(database)
    answers = sum(kind == "ResponseRecorded" for kind in kinds.values())
    lost = [token for token in ticks if token not in kinds]
    unknown = [token for token in kinds if token not in ticks and token not in made]
    contradicted = sum(
        token in kinds and (code in TICKED) != (kinds[token] == "ResponseRecorded")
        for token, code in ticks.items()
    )
    board = Journal(journal, boot_id=clock.this_boot())
    board.open()
    try:
        differs, gaps = _compare(board, database)
        state = State()
        for stamped in board.after(0, 0):
            apply(state, stamped)
        return Account(
            answers=answers,
            lost=len(lost),
            doubled=doubled,
            contradicted=contradicted,
            unknown=len(unknown),
            journal_differs=differs,
            aside=board.asides(),
            gaps=gaps,
            replay_differs=snapshot.recover(board) != state,
            named=[*lost[:NAMED], *unknown[:NAMED]],
        )
    finally:
        board.close()


def _held_presses(database: Path) -> tuple[dict[str, str], int]:
    """Kind of each press by its token, and how many are there more than once."""
    db = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        rows = db.execute(TOKENS, PRESS_KINDS).fetchall()
    finally:
        db.close()
    doubled = sum(count - 1 for count in Counter(token for _, token in rows).values())
    return {token: kind for kind, token in rows}, doubled


def _compare(board: Journal, database: Path) -> tuple[int, int]:
    """Events that differ between board and school, and gaps in the school's numbers."""
    school = Store(database)
    school.open()
    differs = gaps = 0
    ours = (
        (epoch, row.seq, row.boot, row.mono_ns, row.kind, public_body(row.kind, row.body).decode())
        for epoch in board.epochs()
        for after in range(0, board.last_seq(epoch), PAGE)
        for row in board.read(epoch, after, PAGE)
    )
    theirs = (
        (one.epoch, one.seq, one.boot, one.mono_ns, one.kind, one.body)
        for one in school.events(ADDRESS.device)
    )
    last = (0, 0)
    try:
        for our, their in zip_longest(ours, theirs):
            differs += our != their
            if their is not None:
                gaps += their[1] != (last[1] + 1 if their[0] == last[0] else 1)
                last = (their[0], their[1])
    finally:
        school.close()
    return differs, gaps
