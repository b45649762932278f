"""What waits for the school, read beside the agent from a real journal."""

import json
from pathlib import Path

import msgspec
import pytest

from agent import __main__ as command_line
from agent.commands.outbox import inspect
from agent.errors import AgentError, InputInvalid
from agent.journal.store import Journal
from agent.lesson.events import ClockLearnt, EpochStarted, Event, PressUnasked
from agent.lesson.replay import Stamped

BOOT = "b007"
WALL_NS = 1_785_000_000_000_000_000


async def journal_with(path: Path, *, receipt: str | None) -> None:
    """A journal of two epochs, 3 + 2 events, closed."""
    journal = Journal(path, boot_id=BOOT)
    journal.open()
    press = PressUnasked(device="receiver", keypad="82E9701B", key="A")
    events: list[tuple[int, int, Event]] = [
        (1, 1, EpochStarted(reason="first_start")),
        (1, 2, ClockLearnt(boot=BOOT, offset_ns=WALL_NS, uncertainty_ns=1)),
        (1, 3, press),
        (2, 1, EpochStarted(reason="restored")),
        (2, 2, press),
    ]
    stamped = [
        Stamped(epoch, seq, journal.boot, seq * 1_000_000_000, event)
        for epoch, seq, event in events
    ]
    journal.append(stamped, lambda error: None)
    if receipt is not None:
        journal.note("receipt", receipt)
    journal.put_aside(1, 1, "unreadable")
    journal.close()


async def test_everything_waits_before_the_first_receipt(tmp_path: Path) -> None:
    await journal_with(tmp_path / "journal.db", receipt=None)
    report = inspect(tmp_path / "journal.db")
    assert (report.events, report.waiting, report.receipt) == (5, 5, None)
    assert report.oldest is not None
    assert report.oldest.kind == "EpochStarted"
    assert report.oldest.at == "2026-07-25T17:20:01+00:00"
    assert report.aside == {"1:1": "unreadable"}


@pytest.mark.parametrize(
    ("receipt", "waiting", "oldest"),
    [("1:2", 3, "1:3"), ("1:3", 2, "2:1"), ("2:1", 1, "2:2"), ("2:2", 0, None)],
)
async def test_what_is_behind_the_receipt_waits(
    tmp_path: Path, receipt: str, waiting: int, oldest: str | None
) -> None:
    await journal_with(tmp_path / "journal.db", receipt=receipt)
    report = inspect(tmp_path / "journal.db")
    assert (report.waiting, report.receipt) == (waiting, receipt)
    named = report.oldest and f"{report.oldest.epoch}:{report.oldest.seq}"
    assert named == oldest


async def test_the_file_is_not_touched_while_an_agent_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    await journal_with(path, receipt="1:3")
    journal = Journal(path, boot_id=BOOT)
    journal.open()
    before = path.read_bytes()
    assert inspect(path).waiting == 2
    assert path.read_bytes() == before
    journal.close()


async def test_the_command_tells_people_and_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await journal_with(tmp_path / "journal.db", receipt="1:3")
    settings = tmp_path / "board.toml"
    place = 'city = "c"\ncounty = "n"\nschool = "s"\nroom = "r"\n'
    settings.write_text(f'[agent]\ndevice_id = "b"\ndata_dir = "."\n[place]\n{place}')
    assert command_line.main(["outbox", "--config", str(settings)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2 of 5 events wait for the school's receipt",
        "oldest: EpochStarted 2:1, 2026-07-25T17:20:01+00:00",
        "receipt up to 1:3",
        "put aside: 1:1: unreadable",
    ]
    assert command_line.main(["outbox", "--json", "--config", str(settings)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == msgspec.to_builtins(inspect(tmp_path / "journal.db"))


def test_no_journal_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="journal_missing"):
        inspect(tmp_path / "journal.db")


def test_a_damaged_journal_is_told(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"no database" * 200)
    with pytest.raises(AgentError, match="journal_unreadable"):
        inspect(tmp_path / "journal.db")
