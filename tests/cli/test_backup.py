"""What `backup`, `restore` and `damaged` refuse, and what they say."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from agent import __main__ as command_line
from agent.identity import Identity
from agent.journal.backup import ROSTER, check, make
from agent.journal.roster import RosterStore, StudentName
from agent.journal.store import Journal
from tests.cli.test_command_line import SETTINGS
from tests.journal.test_store import press, put


@pytest.fixture
async def config(tmp_path: Path) -> Path:
    path = tmp_path / "board.toml"
    path.write_text(SETTINGS, encoding="utf-8")
    data = tmp_path / "data"
    journal = Journal(data / "journal.db", boot_id="boot-a")
    journal.open()
    await put(journal, press(1), press(2))
    journal.close()
    Identity.load(data)
    RosterStore(data / ROSTER).replace("7-3", [StudentName("s-1", "1", "A Student")])
    return path


@pytest.fixture
def backup(config: Path) -> Path:
    out = config.parent / "board.backup"
    assert command_line.main(["backup", "--config", str(config), str(out)]) == 0
    return out


def refused(config: Path, *arguments: str | Path, status: int = 2) -> None:
    command = [str(one) for one in arguments]
    assert command_line.main([command[0], "--config", str(config), *command[1:]]) == status


def test_a_backup_says_what_it_is_and_is_for_its_owner_alone(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = config.parent / "board.backup"
    assert command_line.main(["backup", "--config", str(config), str(backup)]) == 0
    told = capsys.readouterr().out
    assert told.startswith("board board-1, 2 events, made ")
    assert "school-key, roster.db" in told
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    with closing(sqlite3.connect(backup)) as db:
        assert db.execute("select count(*) from event").fetchone() == (2,)


def test_a_file_that_is_there_is_never_overwritten(
    backup: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = backup.read_bytes()
    refused(config, "backup", backup)
    assert "there is such a file already" in capsys.readouterr().err
    assert backup.read_bytes() == before


def test_where_no_agent_has_run_there_is_nothing_to_back_up(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(config.parent / "data")
    refused(config, "backup", config.parent / "out")
    assert "no journal here" in capsys.readouterr().err
    assert not (config.parent / "out").exists()


def test_a_backup_is_of_one_moment_though_the_agent_writes_on(config: Path) -> None:
    data = config.parent / "data"
    with closing(sqlite3.connect(data / "journal.db", isolation_level=None)) as db:
        rows = [(5 << 32 | seq, 1, 1, "PressUnasked", b"x" * 400) for seq in range(3, 12_000)]
        db.execute("begin")
        db.executemany("insert into event values(?,?,?,?,?)", rows)
        db.execute("commit")
        steps = 0

        def progress(left: int, _: int) -> None:
            nonlocal steps
            steps += 1
            db.execute("delete from event where id = ?", (5 << 32 | steps,))
            db.execute("insert into event values(?,1,1,'PressUnasked',x'00')", (6 << 32 | steps,))

        out = config.parent / "out"
        manifest = make(data, out, device="board-1", now_s=1.0, progress=progress)
    assert steps > 3
    assert manifest.events == 11_999
    with closing(sqlite3.connect(out)) as db:
        assert db.execute("select max(id) from event").fetchone() == (5 << 32 | 11_999,)


@pytest.mark.parametrize("way", ["flipped", "cut off", "no backup", "a key was changed"])
def test_a_backup_that_is_not_whole_is_refused_before_anything_changes(
    way: str, backup: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if way == "flipped":
        with backup.open("rb+") as file:
            file.seek(backup.read_bytes().index(b"receiver-1"))
            file.write(b"R")
    elif way == "cut off":
        backup.write_bytes(backup.read_bytes()[:-1024])
    elif way == "no backup":
        backup.write_bytes(b"a shopping list")
    else:
        with closing(sqlite3.connect(backup)) as db, db:
            db.execute("update backup_file set content = x'00' where name = 'school-key'")
    before = sorted(path.name for path in (config.parent / "data").iterdir())
    refused(config, "restore", backup, "--yes")
    assert str(backup) in capsys.readouterr().err
    assert sorted(path.name for path in (config.parent / "data").iterdir()) == before


def test_a_backup_of_a_newer_agent_is_refused(
    backup: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(backup)) as db:
        db.execute("pragma user_version = 99")
    refused(config, "restore", backup, "--yes")
    assert "install that one first" in capsys.readouterr().err


def test_a_backup_of_another_board_is_refused(
    backup: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = config.read_text(encoding="utf-8").replace("board-1", "board-2")
    config.write_text(text, encoding="utf-8")
    refused(config, "restore", backup, "--yes")
    assert "it is the backup of board-1" in capsys.readouterr().err


def test_a_restore_that_nobody_confirms_changes_nothing(
    backup: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(config, "restore", backup)
    assert "add --yes" in capsys.readouterr().err
    assert not list((config.parent / "data").glob("*restore*"))


def test_on_an_empty_board_nothing_is_kept_of_before(
    backup: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = config.parent / "data"
    shutil.rmtree(data)
    data.mkdir()
    assert command_line.main(["restore", "--config", str(config), str(backup), "--yes"]) == 0
    assert not list(data.glob("before-restore-*"))
    assert capsys.readouterr().out.endswith("It is put back.\n")


def test_names_come_back(backup: Path, config: Path) -> None:
    data = config.parent / "data"
    (data / ROSTER).unlink()
    assert command_line.main(["restore", "--config", str(config), str(backup), "--yes"]) == 0
    assert RosterStore(data / ROSTER).names("7-3")["s-1"].name == "A Student"
    assert (data / "before-restore-1" / "journal.db").exists()
    assert check(backup).events == 2


# -- damaged ----------------------------------------------------------------------------------


def test_damaged_files_are_listed_and_copied(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = config.parent / "data"
    (data / "journal.damaged-1.db").write_bytes(b"damaged")
    (data / "journal.damaged-1.db-wal").write_bytes(b"log")
    (data / "journal.damaged-2.db").write_bytes(b"damaged too")
    (data / "journal.damaged-2.pending").touch()
    assert command_line.main(["damaged", "list", "--config", str(config)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "journal.damaged-1.db  10 bytes  all that reads is saved",
        "journal.damaged-2.db  11 bytes  being saved",
    ]
    out = config.parent / "copy.db"
    command = ["damaged", "export", "--config", str(config), "journal.damaged-1.db", str(out)]
    assert command_line.main(command) == 0
    assert (out.read_bytes(), Path(f"{out}-wal").read_bytes()) == (b"damaged", b"log")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert command_line.main(command) == 2
    command[4] = "journal.damaged-9.db"
    assert command_line.main(command) == 2
    assert "choose one that `damaged list` names" in capsys.readouterr().err
