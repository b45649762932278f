"""The uplink against real brokers and the school's real ingest."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.cloud import delivery
from agent.cloud.mqtt import CloudOptions
from agent.cloud.uplink import Uplink
from agent.demo.broker import LocalBroker, free_port
from agent.wire.errors import BrokerUrlInvalid, TopicInvalid
from agent.wire.payloads import SET_ASIDE, DeviceReport, Receipt, encode
from agent.wire.roll_up import roll_up
from tests.cloud.board import ADDRESS, uplink_to
from tests.cloud.outbox import BOOT, Clock, MemoryOutbox
from tests.cloud.school import School, until
from tests.cloud.visitor import Visitor

MakeUplink = Callable[[], Uplink]
ROLL_UP = roll_up(
    lesson="l-1",
    question=1,
    kind="single",
    present=48,
    answered=40,
    options={"A": 30, "B": 10},
    right=30,
    key=["A"],
)


def seqs(count: int, epoch: int = 1) -> list[tuple[int, int]]:
    return [(epoch, seq) for seq in range(1, count + 1)]


def kept(school: School, query: str) -> list[tuple[Any, ...]]:
    db = sqlite3.connect(school.database)
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


async def test_events_reach_the_school_and_its_receipt_comes_back(
    make_uplink: MakeUplink,
    outbox: MemoryOutbox,
    school: School,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delivery, "FIRST_RESEND_S", 3600.0)  # however slow this machine is
    school.start()
    outbox.add(30)
    async with make_uplink() as uplink:
        await until(lambda: uplink.state.waiting == 0)
        for _ in range(20):
            uplink.committed(*outbox.add(1))
            await asyncio.sleep(0)
        await until(lambda: uplink.state.waiting == 0)
        assert uplink.state.link == "connected"
        assert uplink.state.delivery.resent == 0
    assert outbox.notes["receipt"] == "1:50"
    assert school.held(ADDRESS.device) == seqs(50)


async def test_without_a_school_nothing_counts_as_received(
    make_uplink: MakeUplink, outbox: MemoryOutbox, school: School
) -> None:
    """A broker's own acknowledgement is not the school's receipt."""
    outbox.add(5)
    async with make_uplink() as uplink:
        await until(lambda: uplink.state.delivery.resent >= 1)
        assert uplink.state.waiting == 5
        assert "receipt" not in outbox.notes
        school.start()
        await until(lambda: uplink.state.waiting == 0)
        assert not uplink.state.nobody_listens
    assert school.held(ADDRESS.device) == seqs(5)


@pytest.mark.parametrize("broker_name", ["mosquitto"])
@pytest.mark.needs("mosquitto")
async def test_a_broker_with_nobody_behind_it_is_shown(
    make_uplink: MakeUplink, outbox: MemoryOutbox
) -> None:
    outbox.add(1)
    async with make_uplink() as uplink:
        await until(lambda: uplink.state.nobody_listens)
        assert uplink.state.mqtt.unheard >= 1
        assert uplink.state.waiting == 1


@pytest.mark.parametrize("broker_name", ["mosquitto"])
@pytest.mark.needs("mosquitto")
async def test_two_ingests_of_a_share_do_not_hold_each_other_up(
    make_uplink: MakeUplink, outbox: MemoryOutbox, broker: LocalBroker, tmp_path: Path
) -> None:
    workers = [
        School(broker.url, tmp_path / "s.db", "--share", "school", patient=True) for _ in range(2)
    ]
    outbox.add(20_000)
    try:
        for worker in workers:
            worker.start()
        async with make_uplink() as uplink:
            await until(lambda: uplink.state.waiting == 0)
    finally:
        for worker in workers:
            worker.stop()
    assert workers[0].held(ADDRESS.device) == seqs(20_000)
    assert kept(workers[0], "select gaps from device") == [(0,)]  # what is early is kept


async def test_killed_ingests_lose_and_double_nothing(
    make_uplink: MakeUplink, outbox: MemoryOutbox, school: School
) -> None:
    school.start()
    async with make_uplink() as uplink:
        for _ in range(3):
            for _ in range(40):
                uplink.committed(*outbox.add(5))
                await asyncio.sleep(0.002)
            school.kill()
            uplink.committed(*outbox.add(5))
            school.start()
        await until(lambda: uplink.state.waiting == 0, within_s=40)
    assert school.held(ADDRESS.device) == seqs(615)


async def test_killed_brokers_lose_and_double_nothing(
    make_uplink: MakeUplink, outbox: MemoryOutbox, school: School, broker: LocalBroker
) -> None:
    school.start()
    async with make_uplink() as uplink:
        for _ in range(2):
            for _ in range(40):
                uplink.committed(*outbox.add(5))
                await asyncio.sleep(0.002)
            broker.kill()
            uplink.committed(*outbox.add(5))
            await until(lambda: uplink.state.link == "connecting")
            assert uplink.state.reason
            await asyncio.to_thread(broker.start)
            await until(lambda: uplink.state.link == "connected")
        await until(lambda: uplink.state.waiting == 0, within_s=40)
        assert uplink.state.mqtt.connects == 3
    assert school.held(ADDRESS.device) == seqs(410)


async def test_a_board_that_forgot_the_receipt_sends_again_and_the_school_keeps_one(
    make_uplink: MakeUplink, outbox: MemoryOutbox, school: School
) -> None:
    school.start()
    outbox.add(20)
    async with make_uplink() as uplink:
        await until(lambda: uplink.state.waiting == 0)
    outbox.notes.clear()
    uplink = make_uplink()
    outbox.add(1)
    async with uplink:
        await until(lambda: uplink.state.waiting == 0)
    assert outbox.notes["receipt"] == "1:21"
    assert school.held(ADDRESS.device) == seqs(21)


async def test_what_the_school_cannot_read_is_put_aside_and_the_rest_arrives(
    make_uplink: MakeUplink, outbox: MemoryOutbox, school: School
) -> None:
    school.start()
    outbox.add(9)
    outbox.add_body("LessonEnded", b'{"lesson": "cut')
    outbox.add_body("LessonEnded", b'{"nothing": "that a lesson has"}')
    outbox.add(9)
    async with make_uplink() as uplink:
        await until(lambda: uplink.state.waiting == 0)
        assert uplink.state.delivery.aside == 1
        assert uplink.state.delivery.rejected == 1
    assert outbox.aside == {(1, 10): "bad_batch", (1, 11): "rejected"}
    assert school.held(ADDRESS.device) == [one for one in seqs(20) if one[1] not in (10, 11)]
    assert kept(school, "select seq, kind, code from quarantine") == [
        (10, SET_ASIDE, "set_aside"),
        (11, "LessonEnded", "body_invalid"),
    ]


async def test_two_boards_with_copies_of_one_card_lose_nothing(
    broker: LocalBroker, outbox: MemoryOutbox, school: School
) -> None:
    school.start()
    copied = MemoryOutbox(boot="00000000-0000-4000-8000-000000000002")
    outbox.add(10)
    copied.rows[1] = outbox.rows[1][:]
    async with uplink_to(broker.url, outbox) as uplink:
        uplink.committed(*outbox.add(30))
        await until(lambda: uplink.state.waiting == 0)
    copied.add(5)
    second: Uplink = uplink_to(
        broker.url,
        copied,
        boot=copied.boot,
        on_name_taken=lambda epoch: second.committed(*copied.add(7, epoch=epoch + 1)),
    )
    async with second:
        await until(lambda: copied.newest()[0] == 2 and second.state.waiting == 0)
        assert (second.state.aside, second.state.delivery.name_taken) == (5, 1)
    assert copied.aside == {(1, seq): "rejected" for seq in range(11, 16)}
    assert school.held(ADDRESS.device) == [*seqs(40), *seqs(7, epoch=2)]
    boots = kept(school, "select distinct boot, epoch from event order by epoch")
    assert boots == [(BOOT, 1), (copied.boot, 2)]
    assert kept(school, "select seq, boot, kind from collision") == [
        (seq, copied.boot, "ResponseRecorded") for seq in range(11, 16)
    ]


async def test_two_boards_with_copies_of_one_card_part_also_when_both_run(
    broker: LocalBroker, school: School
) -> None:
    """Each takes the connection from the other, and gives the same names to other events."""
    school.start()
    ours, theirs = MemoryOutbox(), MemoryOutbox(boot="00000000-0000-4000-8000-000000000002")
    ours.add(10)
    theirs.rows[1] = ours.rows[1][:]
    boards: list[Uplink] = []
    for outbox in (ours, theirs):

        def part(epoch: int, outbox: MemoryOutbox = outbox, number: int = len(boards)) -> None:
            if epoch == outbox.newest()[0]:
                newer = epoch + 1 + number * 50
                boards[number].committed(*outbox.add(1, epoch=newer))

        boards.append(uplink_to(broker.url, outbox, boot=outbox.boot, on_name_taken=part))
    async with boards[0], boards[1]:
        deadline_s = asyncio.get_running_loop().time() + 40
        while ours.newest()[0] == theirs.newest()[0]:
            assert asyncio.get_running_loop().time() < deadline_s
            for board, outbox in zip(boards, (ours, theirs), strict=True):
                board.committed(*outbox.add(1, epoch=outbox.newest()[0]))
            await asyncio.sleep(0.05)
        await until(lambda: all(board.state.waiting == 0 for board in boards), within_s=40)
    held = kept(school, "select boot, mono_ns, epoch from event")
    held += kept(school, "select boot, mono_ns, epoch from collision")
    for outbox in (ours, theirs):
        names = {
            (row.boot, row.mono_ns, epoch) for epoch in outbox.rows for row in outbox.rows[epoch]
        }
        assert names <= set(held)


async def test_malformed_words_from_the_school_are_counted_and_change_nothing(
    make_uplink: MakeUplink, outbox: MemoryOutbox, school: School, broker: LocalBroker
) -> None:
    outbox.add(3)
    junk = [b"", b"{", b"\xff\x00", b'{"epoch":1}', b'{"epoch":1,"upto":"3"}', b"[" * 5000]
    async with make_uplink() as uplink:
        await until(lambda: uplink.state.link == "connected")
        with Visitor(broker.port) as visitor:
            for payload in junk:
                visitor.say(ADDRESS.dn("ack"), payload)
            visitor.say(ADDRESS.dn("ack"), b"not zlib", "application/json+zlib")
            visitor.say(ADDRESS.dn("ack"), encode(Receipt(epoch=1, upto=1)), "text/html")
            visitor.say(ADDRESS.dn("ack"), encode(Receipt(epoch=1, upto=2_000_000)))
            visitor.say(ADDRESS.dn("twin"), b"{")
            await until(lambda: uplink.state.malformed == len(junk) + 2)
            await until(lambda: uplink.state.delivery.name_taken == 1)
        assert uplink.state.waiting == 3
        school.start()
        await until(lambda: uplink.state.waiting == 0)


async def test_birth_and_death_are_told_and_kept(
    broker: LocalBroker, outbox: MemoryOutbox, school: School
) -> None:
    reports = [DeviceReport(id="rx-1", driver="clicker.reference", state="working")]
    uplink = uplink_to(broker.url, outbox, devices=lambda: reports)
    topic = ADDRESS.up("state")
    with Visitor(broker.port, topic) as visitor:
        async with uplink:
            await until(lambda: len(visitor.heard) == 1)
            birth = visitor.heard[0]
            assert (birth["online"], birth["boot"], birth["versions"]) == (
                True,
                BOOT,
                {"agent": "0.1.0"},
            )
            assert birth["devices"][0]["state"] == "working"
            reports[0] = DeviceReport(id="rx-1", driver="clicker.reference", state="lost")
            uplink.announce()
            await until(lambda: len(visitor.heard) == 2)
            assert visitor.heard[1]["devices"][0]["state"] == "lost"
        await until(lambda: len(visitor.heard) == 3)
        assert visitor.heard[2]["online"] is False
    with Visitor(broker.port, topic) as later:
        await until(lambda: len(later.heard) == 1)
        assert later.heard[0]["online"] is False


async def test_a_board_without_power_is_told_dead_by_the_broker(
    make_uplink: MakeUplink, broker: LocalBroker
) -> None:
    with Visitor(broker.port, ADDRESS.up("state")) as visitor:
        uplink = make_uplink()
        async with uplink:
            await until(lambda: len(visitor.heard) == 1)
            for task in asyncio.all_tasks():
                if task.get_name() == "mqtt":
                    task.cancel()
            await until(lambda: len(visitor.heard) == 2)
        assert visitor.heard[1]["online"] is False
        assert visitor.heard[1]["boot"] == BOOT


async def test_roll_ups_reach_the_school_also_from_before_the_connection(
    make_uplink: MakeUplink, school: School
) -> None:
    school.start()
    uplink = make_uplink()
    uplink.publish_rollup(ROLL_UP)
    async with uplink:
        await until(
            lambda: (
                kept(school, "select lesson, question, revision from roll_up") == [("l-1", 1, 1)]
            )
        )


async def test_a_board_without_a_school_only_keeps_its_events(outbox: MemoryOutbox) -> None:
    uplink = Uplink(None, ADDRESS, outbox, Clock(), boot=BOOT, versions={})
    outbox.add(2)
    async with uplink:
        uplink.committed(*outbox.add(1))
        uplink.publish_rollup(ROLL_UP)
        assert (uplink.state.link, uplink.state.waiting) == ("off", 3)


async def test_no_broker_is_no_reason_to_fail(outbox: MemoryOutbox) -> None:
    outbox.add(2)
    async with uplink_to(f"mqtt://127.0.0.1:{free_port()}", outbox) as uplink:
        await until(lambda: uplink.state.mqtt.losses >= 1)
        assert "refused" in uplink.state.reason.lower()
        assert (uplink.state.link, uplink.state.waiting) == ("connecting", 2)


async def test_a_crash_inside_is_told_to_who_watches(
    broker: LocalBroker, outbox: MemoryOutbox
) -> None:
    class Broken(Clock):
        def wall(self, boot: str, mono_ns: int) -> Any:
            raise OSError("no clock")

    options = CloudOptions(url=broker.url)
    async with Uplink(options, ADDRESS, outbox, Broken(), boot=BOOT, versions={}) as uplink:
        with pytest.raises(OSError, match="no clock"):
            await asyncio.wait_for(uplink.watch(), 10)


def test_addresses_that_cannot_be_used_are_refused_at_once(outbox: MemoryOutbox) -> None:
    with pytest.raises(BrokerUrlInvalid):
        Uplink(CloudOptions(url="http://school"), ADDRESS, outbox, Clock(), boot=BOOT, versions={})
    with pytest.raises(TopicInvalid):
        Uplink(None, ADDRESS._replace(room="a/b"), outbox, Clock(), boot=BOOT, versions={})
