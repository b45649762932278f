"""How much waits for the school's receipt: read from the journal's file, beside a running agent."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from agent.cloud.delivery import RECEIPT_NOTE
from agent.errors import AgentError, InputInvalid
from agent.journal.store import SEQ_BITS, SEQ_MASK, row_id
from agent.lesson.events import ClockLearnt, decode_body

BUSY_S = 2.0


class EventName(msgspec.Struct, frozen=True):
    """An event by its name. `at`: RFC 3339, None if its boot never learnt the time."""

    epoch: int
    seq: int
    kind: str
    at: str | None


class OutboxReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the outbox holds.

    Attributes:
        events: all in the journal.
        waiting: those without the school's receipt.
        receipt: "epoch:seq" up to which the school has everything, None before the first.
        oldest: the oldest that waits.
        aside: those that the school could not read, put aside with the reason.
    """

    events: int
    waiting: int
    receipt: str | None
    oldest: EventName | None
    aside: dict[str, str]


def inspect(journal: Path) -> OutboxReport:
    """Look into a journal without changing it.

    Raises:
        InputInvalid: there is no journal there.
        AgentError: it cannot be read.
    """
    if not journal.is_file():
        hint = "no journal here; is data_dir right, and has the agent run?"
        raise InputInvalid("journal_missing", str(journal), hint)
    try:
        with closing(
            sqlite3.connect(f"{journal.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_S)
        ) as db:
            return _report(db)
    except sqlite3.Error as error:
        hint = f"cannot be read ({error}); run this as the agent's user or as root"
        raise AgentError("journal_unreadable", str(journal), hint) from error


def _report(db: sqlite3.Connection) -> OutboxReport:
    db.execute("begin")  # one moment for all that follows
    noted = db.execute("select value from meta where name = ?", (RECEIPT_NOTE,)).fetchone()
    receipt = None if noted is None else str(noted[0])
    epoch, _, seq = (receipt or "0:0").partition(":")
    after = row_id(int(epoch), int(seq))
    oldest = db.execute(
        "select event.id, kind, mono_ns, boot_id from event join boot on boot.number = event.boot "
        "where event.id > ? order by event.id limit 1",
        (after,),
    ).fetchone()
    return OutboxReport(
        events=db.execute("select count(*) from event").fetchone()[0],
        waiting=db.execute("select count(*) from event where id > ?", (after,)).fetchone()[0],
        receipt=receipt,
        oldest=None if oldest is None else _named(db, *oldest),
        aside={
            f"{number >> SEQ_BITS}:{number & SEQ_MASK}": reason
            for number, reason in db.execute("select id, reason from aside order by id")
        },
    )


def _named(db: sqlite3.Connection, number: int, kind: str, mono_ns: int, boot_id: str) -> EventName:
    at = None
    for (body,) in db.execute(
        "select body from event where kind = ? order by id desc", (ClockLearnt.__name__,)
    ):
        learnt = decode_body(ClockLearnt.__name__, body)
        if isinstance(learnt, ClockLearnt) and learnt.boot == boot_id:
            seconds = (mono_ns + learnt.offset_ns) / 1e9
            at = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
            break
    return EventName(number >> SEQ_BITS, number & SEQ_MASK, kind, at)
