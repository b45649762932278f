"""How much waits for the school's receipt: read from the journal's file, beside a running agent."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlite_utils import Database

from agent.errors import AgentError, InputInvalid
from agent.journal import receipt
from agent.journal.reading import SEQ_BITS, SEQ_MASK, row_id
from agent.lesson.events import ClockLearnt, decode_body, kind_of

BUSY_S = 2.0
RECEIPT = "select value from meta where name = :name"
OLDEST = """
select event.id, kind, mono_ns, boot_id from event join boot on boot.number = event.boot
where event.id > :after order by event.id limit 1
"""


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
        uri = f"{journal.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_S)) as connection:
            connection.execute("begin")  # one moment for all that follows
            return _report(Database(connection))
    except sqlite3.Error as error:
        hint = f"cannot be read ({error}); run this as the agent's user or as root"
        raise AgentError("journal_unreadable", str(journal), hint) from error


def _report(db: Database) -> OutboxReport:
    note = next((row["value"] for row in db.query(RECEIPT, {"name": receipt.NOTE})), None)
    noted = receipt.read(note)
    after = 0 if noted is None else row_id(noted.epoch, noted.seq)
    oldest = next(db.query(OLDEST, {"after": after}), None)
    return OutboxReport(
        events=db.table("event").count,
        waiting=db.table("event").count_where("id > ?", [after]),
        receipt=None if noted is None else note,
        oldest=None if oldest is None else _named(db, oldest),
        aside={_name(row["id"]): row["reason"] for row in db.table("aside").rows_where()},
    )


def _named(db: Database, row: dict[str, Any]) -> EventName:
    at = None
    kind = ClockLearnt.__name__
    for clock in db.table("event").rows_where("kind = ?", [kind], order_by="id desc"):
        learnt = decode_body(kind, clock["body"])
        if isinstance(learnt, ClockLearnt) and learnt.boot == row["boot_id"]:
            seconds = (row["mono_ns"] + learnt.offset_ns) / 1e9
            at = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
            break
    return EventName(row["id"] >> SEQ_BITS, row["id"] & SEQ_MASK, kind_of(row["kind"]), at)


def _name(row_id_: int) -> str:
    return f"{row_id_ >> SEQ_BITS}:{row_id_ & SEQ_MASK}"
