"""Cards on a real pcscd, a whole agent and a broker: what is kept of a card's number is nothing."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.demo.broker import LocalBroker
from agent.identity import Identity
from drivers.sim.chip_card import VirtualChipCard
from tests.cloud.school import School
from tests.cloud.visitor import Visitor
from tests.drivers.pcscd_world import Pcscd
from tests.drivers.room import until
from tests.web.browser_room import Agent

READER = "Room Reader PICC"
UIDS = ["D4A1B2C3", "04D2233445E566"]


def written(uid: str) -> Iterator[bytes]:
    """The forms in which somebody might write a UID."""
    data = bytes.fromhex(uid)
    for order in (data, data[::-1]):
        yield order
        yield str(int.from_bytes(order, "big")).encode()
        for between in ("", ":", " ", "-"):
            yield order.hex(between).encode() if between else order.hex().encode()
            yield (order.hex(between) if between else order.hex()).upper().encode()
        for comma in (",", ", "):
            yield comma.join(map(str, order)).encode()


@pytest.mark.needs("pcscd", "vpcd", "unshare", "pyscard")
async def test_no_uid_is_in_the_journal_in_the_log_or_in_what_is_published(
    broker: LocalBroker, school: School, tmp_path: Path
) -> None:
    folder = tmp_path / "board"
    folder.mkdir()
    agent, config = Agent(folder), folder / "agent.toml"
    pcscd = Pcscd(tmp_path, READER)
    agent.add_device(id="door", driver="card.pcsc", port=f"{READER} 00 00")
    settings = config.read_text().replace("[agent]\n", '[agent]\nlog_level = "debug"\n')
    config.write_text(f'{settings}\n[cloud]\nurl = "{broker.url}"\n')

    published: list[bytes] = []
    red, blue = (VirtualChipCard(uid) for uid in UIDS)
    pcscd.start()
    school.start()
    try:
        with Visitor(broker.port, "#") as visitor:
            agent.start()
            with agent.teacher() as client:
                red.lay(pcscd.ports[READER])
                await until(lambda: len(tapped(visitor)) == 1)
                published.append(client.get("/devices").content)
                await red.lift()
                blue.lay(pcscd.ports[READER])
                await until(lambda: len(tapped(visitor)) == 2)
                pcscd.end(signal.SIGKILL)
                pcscd.start()
                await until(lambda: len(blue.asked) == 2)
                published.append(client.get("/devices").content)
            agent.stop()
            names = tapped(visitor)
            published += visitor.raw
    finally:
        await red.lift()
        await blue.lift()
        agent.stop()
        pcscd.end()

    assert names == [Identity.load(folder / "data").card(uid).encode() for uid in UIDS]
    assert school.stop() == 0
    files = [school.database, *(path for path in folder.rglob("*") if path.is_file())]
    kept = {path: path.read_bytes() for path in files}
    assert all(name in kept[school.database] for name in names)
    journal = b"".join(data for path, data in kept.items() if path.name.startswith("journal"))
    assert all(name in journal for name in names), "where else would they be found?"
    assert b"door is ready" in kept[folder / "agent.log"]
    for uid in UIDS:
        for form in written(uid):
            assert not [path for path, data in kept.items() if form in data]
            assert not [one for one in published if form in one]


def tapped(visitor: Visitor) -> list[bytes]:
    """The names of cards in their order."""
    found = re.findall(rb'"card":"(\w+)"', b"\n".join(visitor.raw))
    return list(dict.fromkeys(found))
