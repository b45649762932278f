"""The journal's tables. A step is never changed after a release; a new one is added."""

from __future__ import annotations

import sqlite3

from agent.journal.errors import JournalUnusable

STEPS = (
    # An event's row id is epoch << 32 | seq: the table itself is the only tree that a commit
    # writes, and (epoch, seq) order is row order.
    """
    create table event(
        id integer primary key,
        boot integer not null,
        mono_ns integer not null,
        kind text not null,
        body blob not null,
        epoch integer generated always as (id >> 32) virtual,
        seq integer generated always as (id & 4294967295) virtual
    );
    create table boot(number integer primary key, boot_id text not null);
    create table meta(name text primary key, value text not null) without rowid;
    create table snapshot(
        id integer primary key,
        fingerprint text not null,
        state blob not null
    );
    create table aside(id integer primary key, reason text not null);
    """,
    # Answers are kept as values (agent/lesson/events.py), which an agent before that cannot read.
    "",
    # New answers are MessagePack under a short name (the same); older rows stay as they are.
    "",
)


def migrate(db: sqlite3.Connection, path: str) -> None:
    """Bring the file up to the newest version, in one transaction a step.

    Raises:
        JournalUnusable: a newer agent wrote it.
    """
    version = db.execute("pragma user_version").fetchone()[0]
    if version > len(STEPS):
        hint = "install the agent that wrote it, or a newer one"
        raise JournalUnusable("journal_too_new", path, hint)
    for number, step in enumerate(STEPS[version:], start=version + 1):
        db.executescript(f"begin immediate; {step}; pragma user_version = {number}; commit;")
