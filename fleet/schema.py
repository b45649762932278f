"""The tables of the school's database, and how those of an earlier version become the newest."""

from __future__ import annotations

NEWEST = 3
"""The version that this program reads and writes."""
SCHEMA = """
create table event(
  device text not null, epoch integer not null, seq integer not null,
  boot text not null, mono_ns integer not null, at_ns integer, clock text not null,
  kind text not null, version integer not null, body text not null,
  place text not null, received_ns integer not null,
  primary key(device, epoch, seq)) without rowid;
create table upto(
  device text not null, epoch integer not null, upto integer not null,
  primary key(device, epoch)) without rowid;
create table boot(
  device text not null, boot text not null, offset_ns integer not null,
  epoch integer not null, seq integer not null,
  primary key(device, boot)) without rowid;
create table device(
  device text primary key, place text not null, first_seen_ns integer not null,
  last_seen_ns integer not null, duplicates integer not null default 0,
  gaps integer not null default 0, unreadable integer not null default 0) without rowid;
create table quarantine(
  device text not null, epoch integer not null, seq integer not null,
  kind text not null, version integer not null, boot text not null, mono_ns integer not null,
  body blob not null, code text not null, place text not null, received_ns integer not null,
  primary key(device, epoch, seq)) without rowid;
create table roll_up(
  device text not null, lesson text not null, question integer not null, round integer not null,
  revision integer not null, body text not null, place text not null,
  received_ns integer not null,
  primary key(device, lesson, question, round)) without rowid;
create table board_state(
  device text primary key, online integer not null, body text not null,
  received_ns integer not null) without rowid;
"""
TIMED_EVENT = """
create view timed_event as
select event.device, event.epoch, event.seq, event.boot, event.mono_ns,
  coalesce(event.mono_ns + boot.offset_ns, event.at_ns) as at_ns,
  iif(boot.offset_ns is null, event.clock, 'synced') as clock,
  event.kind, event.version, event.body, event.place, event.received_ns
from event left join boot on boot.device = event.device and boot.boot = event.boot;
"""
"""Wall time by the newest word about the boot's clock: a clock that is learnt again, for however
many events, costs one row. `event` keeps what the board thought when it sent."""
COLLISION = """
create table collision(
  device text not null, epoch integer not null, seq integer not null,
  boot text not null, mono_ns integer not null,
  kind text not null, version integer not null, body blob not null,
  place text not null, received_ns integer not null,
  primary key(device, epoch, seq, boot, mono_ns)) without rowid;
"""
"""Events whose name was taken by another one: two boards with copies of one card, or a disk that
lost what it had said was written."""
STEPS = {
    0: SCHEMA + TIMED_EVENT + COLLISION,
    1: "drop index event_of_boot;" + TIMED_EVENT + COLLISION,
    2: COLLISION,
}
"""By the version found: what makes it the newest."""
