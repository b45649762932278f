"""What the ingest does with messages; and its process, as an operator runs it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion

from agent.demo.broker import free_port
from agent.lesson.events import KINDS, ResponseRecorded, encode_body
from agent.wire.codec import JSON, Packed, pack, unpack
from agent.wire.payloads import (
    BadBatch,
    BoardState,
    Receipt,
    RollUp,
    decode_ack,
    encode,
)
from agent.wire.topics import Address
from fleet.__main__ import main
from fleet.broker import BrokerOptions
from fleet.ingest import MAX_WAITING_BYTES, Answer, Ingest, Message
from fleet.store import Store
from tests.fleet.batch import batch_of

BOARD = Address("4403", "440305", "s012", "r301", "board-1")
ANSWER = ResponseRecorded(lesson="l-1", question=1, device="rx-1", keypad="0A", key="A")


@pytest.fixture
def ingest(store: Store) -> Ingest:
    return Ingest(BrokerOptions(url="mqtt://127.0.0.1"), store, on_ready=lambda: None)


def batch(first: int, last: int, epoch: int = 1) -> Packed:
    return pack(encode(batch_of(range(first, last + 1), lambda _: ANSWER, epoch=epoch)))


def up(kind: str, packed: Packed, board: Address = BOARD) -> Message:
    return Message(board.up(kind), *packed)


def said(answers: list[Answer]) -> dict[str, Receipt | BadBatch]:
    return {one.topic: decode_ack(unpack(one.content_type, one.payload)) for one in answers}


def test_all_that_waits_is_one_commit_and_one_receipt_a_board(ingest: Ingest) -> None:
    other = BOARD._replace(device="board-2")
    answers = ingest.take([up("b", batch(1, 3)), up("b", batch(1, 1), other), up("b", batch(4, 6))])
    assert said(answers) == {
        BOARD.dn("ack"): Receipt(epoch=1, upto=6),
        other.dn("ack"): Receipt(epoch=1, upto=1),
    }
    assert (ingest.count.commits, ingest.count.events) == (1, 7)


def test_what_comes_twice_is_received_twice_and_held_once(ingest: Ingest, store: Store) -> None:
    first = ingest.take([up("b", batch(1, 3))])
    again = ingest.take([up("b", batch(1, 3))])
    assert first == again
    assert store.count("event") == 3
    assert ingest.count.duplicates == 3


def test_a_gap_leaves_the_receipt_where_it_was(ingest: Ingest) -> None:
    ingest.take([up("b", batch(1, 3))])
    assert said(ingest.take([up("b", batch(5, 6))])) == {BOARD.dn("ack"): Receipt(epoch=1, upto=3)}
    assert ingest.count.gaps == 1


@pytest.mark.parametrize(
    "packed",
    [
        Packed(JSON, b"{"),
        Packed(JSON, b'{"v":1,"epoch":1,"items":[]}'),
        Packed("application/json+zlib", b"junk"),
        Packed("image/png", b"{}"),
    ],
)
def test_an_unreadable_batch_is_answered_with_its_digest(ingest: Ingest, packed: Packed) -> None:
    digest = hashlib.sha256(packed.payload).hexdigest()
    assert said(ingest.take([up("b", packed)])) == {BOARD.dn("ack"): BadBatch(bad_batch=digest)}
    assert ingest.count.unreadable == 1


def test_a_birth_is_answered_with_what_is_held(ingest: Ingest) -> None:
    birth = up("state", pack(encode(BoardState(online=True, boot="b", epoch=1))))
    death = up("state", pack(encode(BoardState(online=False, boot="b", epoch=1))))
    assert said(ingest.take([birth])) == {BOARD.dn("ack"): Receipt(epoch=1, upto=0)}
    ingest.take([up("b", batch(1, 4))])
    assert said(ingest.take([birth])) == {BOARD.dn("ack"): Receipt(epoch=1, upto=4)}
    assert ingest.take([death]) == []


def test_roll_ups_are_kept(ingest: Ingest, store: Store) -> None:
    counts = RollUp(
        lesson="l-1", question=1, kind="single", present=40, answered=9, right=None, options={}
    )
    assert ingest.take([up("sum", pack(encode(counts)))]) == []
    assert store.roll_ups("board-1") == [counts]


@pytest.mark.parametrize(
    "message",
    [
        Message("", JSON, b"{}"),
        Message("edu1/+/x/up/b", JSON, b"{}"),
        Message(BOARD.dn("ack"), JSON, b"{}"),
        up("state", Packed(JSON, b"[]")),
        up("sum", Packed(JSON, b'{"lesson":1}')),
    ],
)
def test_other_junk_is_counted(ingest: Ingest, message: Message) -> None:
    assert ingest.take([message]) == []
    assert ingest.count.malformed == 1


def test_nothing_is_said_when_the_commit_fails(
    ingest: Ingest, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet.ingest.STORE_RETRY_S", 0.0)
    monkeypatch.setattr("fleet.store.BUSY_S", 0.0)
    quick = Store(tmp_path / "school.db")
    quick.open()
    blocked = Ingest(BrokerOptions(url="mqtt://127.0.0.1"), quick, on_ready=lambda: None)
    with store.transaction():
        assert blocked.take([up("b", batch(1, 3))]) == []
    assert blocked.count.failed == 1
    assert said(blocked.take([up("b", batch(1, 3))])) == {BOARD.dn("ack"): Receipt(epoch=1, upto=3)}
    quick.close()


def test_nothing_is_said_of_a_group_whose_last_batch_fills_the_disk(
    ingest: Ingest, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet.ingest.STORE_RETRY_S", 0.0)
    store._db.execute("pragma max_page_count=60")  # noqa: SLF001 (as a full disk)
    large = [up("b", batch(1, 500), BOARD._replace(device=f"board-{n}")) for n in range(2, 9)]
    assert ingest.take([up("b", batch(1, 3)), *large]) == []
    assert (ingest.count.failed, store.count("event")) == (1, 0)
    assert said(ingest.take([up("b", batch(1, 3))])) == {BOARD.dn("ack"): Receipt(epoch=1, upto=3)}


ITEMS = st.fixed_dictionaries(
    {
        "seq": st.integers(1, 4),
        "kind": st.sampled_from([*KINDS, "SetAside", "Other"]) | st.text(min_size=1, max_size=40),
        "v": st.integers(1, 2) | st.integers(),
        "boot": st.text(min_size=1, max_size=80),
        "mono_ns": st.integers(),
        "at": st.none() | st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
        "clock": st.sampled_from(["synced", "estimated"]),
        "body": st.dictionaries(
            st.sampled_from(["lesson", "boot", "offset_ns", "uncertainty_ns", "key"]),
            st.integers() | st.text(max_size=9) | st.none() | st.floats(allow_nan=False),
        ),
    }
)


@given(
    st.sampled_from(["b", "state", "sum", "x"]),
    st.binary(max_size=200)
    | st.fixed_dictionaries(
        {"epoch": st.integers(1, 2), "items": st.lists(ITEMS, min_size=1, max_size=3)}
    ).map(lambda fields: json.dumps(fields).encode()),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_message_stops_the_ingest(ingest: Ingest, kind: str, payload: bytes) -> None:
    answers = ingest.take([up(kind, Packed(JSON, payload))])
    assert len(answers) == (kind == "b")


def test_a_batch_that_overtakes_another_workers_waits_for_it(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def worker(of: Store) -> Ingest:
        broker = BrokerOptions(url="mqtt://127.0.0.1")
        return Ingest(broker, of, share="school", on_ready=lambda: None)

    def fresh(first: int, last: int) -> Message:
        return up("b", batch(first, last))._replace(arrived_s=time.monotonic())

    monkeypatch.setattr("fleet.ingest.EARLY_S", 3600.0)  # however slow this machine is

    def next_group(of: Ingest) -> list[Answer]:
        return of.take(of._group())  # noqa: SLF001 (as its loop does)

    second = Store(tmp_path / "school.db")
    second.open()
    one, other = worker(store), worker(second)
    assert other.take([fresh(3, 4)]) == []
    assert said(one.take([fresh(1, 2)])) == {BOARD.dn("ack"): Receipt(epoch=1, upto=2)}
    assert said(next_group(other)) == {BOARD.dn("ack"): Receipt(epoch=1, upto=4)}
    assert other.count.gaps == 0
    assert other.take([fresh(6, 7)]) == []
    monkeypatch.setattr("fleet.ingest.EARLY_S", 0.0)  # nobody has what is missing
    assert said(next_group(other)) == {BOARD.dn("ack"): Receipt(epoch=1, upto=4)}
    assert other.count.gaps == 1
    second.close()


def test_what_waits_has_a_bound_in_memory_too(ingest: Ingest) -> None:
    client, large = paho.Client(CallbackAPIVersion.VERSION2), bytes(250_000)

    def arrive(count: int) -> None:
        for _ in range(count):
            message = paho.MQTTMessage(topic=BOARD.up("b").encode())
            message.payload = large
            ingest._arrived(client, None, message)  # noqa: SLF001 (paho calls it)

    most = MAX_WAITING_BYTES // len(large)
    arrive(most + 30)
    assert ingest.count.dropped == 30
    fetched = 0
    while group := ingest._group():  # noqa: SLF001 (as its loop does)
        fetched += len(group)
    assert fetched == most
    arrive(most)
    assert ingest.count.dropped == 30


def test_what_is_held_can_be_looked_at(
    ingest: Ingest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ingest.take([up("b", batch(1, 2))])
    database = str(tmp_path / "school.db")
    assert main(["events", "--database", database, "--json"]) == 0
    lines: list[dict[str, Any]] = [json.loads(one) for one in capsys.readouterr().out.splitlines()]
    assert [(one["epoch"], one["seq"], one["at"]) for one in lines] == [(1, 1, None), (1, 2, None)]
    assert lines[0]["body"] == json.loads(encode_body(ANSWER))
    assert main(["events", "--database", database, "--device", "nobody"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["events", "--database", database]) == 0
    assert "1:2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ingest", "--broker", "tcp://x", "--database", "school.db"], "mqtt://"),
        (["ingest", "--broker", "mqtt://u:secret@x", "--database", "school.db"], "file"),
        (["ingest", "--broker", "mqtt://x", "--share", "a/b", "--database", "s.db"], "share"),
        (["ingest", "--broker", "mqtt://x", "--database", "nowhere/school.db"], "nowhere"),
        (["events", "--database", "nowhere.db"], "does not exist"),
        (["collect", "--broker", "mqtt://127.0.0.1:1", "a/b/c/d/e", "out"], "127.0.0.1"),
    ],
)
def test_what_a_person_must_correct_is_said_plainly(
    arguments: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert list(tmp_path.iterdir()) == []
    error = capsys.readouterr().err
    assert says in error
    assert "secret" not in error
    assert len(error.splitlines()) == 1


def test_a_file_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["ingest", "--broker", "mqtts://x", "--ca", "nowhere.pem", "--database", "s.db"])
    error = capsys.readouterr().err
    assert "--ca" in error
    assert "nowhere.pem" in error


def test_a_broker_that_is_out_of_reach_is_named_at_once(tmp_path: Path) -> None:
    port = free_port()
    program = (sys.executable, "-m", "fleet", "ingest", "--broker", f"mqtt://127.0.0.1:{port}")
    with subprocess.Popen(
        (*program, "--database", str(tmp_path / "school.db")), stderr=subprocess.PIPE, text=True
    ) as ingest:
        assert ingest.stderr is not None
        said = ingest.stderr.readline()
        ingest.terminate()
    assert f"127.0.0.1:{port} cannot be reached" in said


def test_the_database_outlives_a_kill(tmp_path: Path) -> None:
    program = (
        "import os, sys\n"
        "from tests.fleet.test_ingest import *\n"
        "store = Store(Path(sys.argv[1]))\n"
        "store.open()\n"
        "ingest = Ingest(BrokerOptions(url='mqtt://x'), store, on_ready=lambda: None)\n"
        "assert ingest.take([up('b', batch(1, 5))])\n"
        "os.kill(os.getpid(), 9)\n"
    )
    database = tmp_path / "school.db"
    done = subprocess.run(
        [sys.executable, "-c", program, str(database)],
        cwd=Path(__file__).parents[2],
        check=False,
        timeout=30,
    )
    assert done.returncode == -9
    db = sqlite3.connect(database)
    assert db.execute("select upto from upto").fetchone() == (5,)
    assert db.execute("select count(*) from event").fetchone() == (5,)
    db.close()
