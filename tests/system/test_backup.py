"""Backup and restore of a board with its school: nothing stored twice, nothing missing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import urllib.request
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from agent import __main__ as command_line
from agent import control
from agent.app import Board
from agent.demo.broker import LocalBroker
from agent.journal import restore
from agent.lesson import commands as cmd
from agent.settings import Settings
from tests.cloud.board import ADDRESS
from tests.cloud.school import School, until
from tests.system.board_at_school import ask, press, settings_of, teach, tokens_held

ROSTER = "number,name,keypad\n1,A,01\n"


def config_of(settings: Settings, folder: Path) -> Path:
    """The same settings as a file, for the command line."""
    agent, place, web = settings.agent, settings.place, settings.web
    path = folder / "board.toml"
    path.write_text(
        f'[agent]\ndevice_id = "{agent.device_id}"\ndata_dir = "{agent.data_dir}"\n'
        f'[place]\ncity = "{place.city}"\ncounty = "{place.county}"\n'
        f'school = "{place.school}"\nroom = "{place.room}"\n'
        f'[web]\nhost = "{web.host}"\nport = {web.port}\n'
        "[journal]\nreserve_mb = 0\n",
        encoding="utf-8",
    )
    return path


async def command(*arguments: str | Path) -> int:
    return await asyncio.to_thread(command_line.main, [str(one) for one in arguments])


async def test_a_restored_board_stores_nothing_twice_and_loses_nothing(
    broker: LocalBroker,
    school: School,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = settings_of(tmp_path / "data", broker)
    config, out = config_of(settings, tmp_path), tmp_path / "board.backup"
    school.start()
    async with Board(settings) as board:
        await teach(board, "before", 20)
        await until(lambda: board.uplink.state.waiting == 0)
        school.kill()
        await teach(board, "waiting", 20)  # in the backup, and not at the school
        assert await command("backup", "--config", config, out) == 0
        told = capsys.readouterr()
        assert "keep it where only you can read it" in told.out
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        school.start()
        await teach(board, "after", 20)  # at the school, and not in the backup
        await until(lambda: board.uplink.state.waiting == 0)
        old_epoch = board.intake.committed.epoch

        restoring = asyncio.create_task(command("restore", "--config", config, out, "--yes"))
        assert await board.until(asyncio.Event()) == "again"
    async with Board(settings) as board:
        assert await restoring == 0
        assert "before-restore-1" in capsys.readouterr().out
        assert board.intake.committed.spans.keys() == {"before", "waiting"}
        assert board.intake.committed.epoch > old_epoch
        await teach(board, "new", 20)
        await until(lambda: board.uplink.state.waiting == 0)
    async with Board(settings) as board:
        await teach(board, "newer", 5)
        assert board.intake.committed.epoch > old_epoch
        epochs = board.journal.epochs()
        await until(lambda: board.uplink.state.waiting == 0)

    held = Counter(tokens_held(school))
    wanted = {
        f"{lesson}:{n}" for lesson in ("before", "waiting", "after", "new") for n in range(20)
    }
    assert held == Counter(wanted | {f"newer:{n}" for n in range(5)})
    assert len(epochs) == 2  # one restore, one new epoch
    with closing(sqlite3.connect(school.database)) as db:
        reasons = db.execute(
            "select json_extract(body, '$.reason') from event where kind = 'EpochStarted'"
        ).fetchall()
    assert reasons == [("first_start",), ("restored",)]
    assert len(school.held(ADDRESS.device)) == len(set(school.held(ADDRESS.device)))


async def test_a_board_that_does_not_run_is_restored_too_with_names_key_and_pin(
    tmp_path: Path,
) -> None:
    settings = settings_of(tmp_path / "data", None)
    config, out = config_of(settings, tmp_path), tmp_path / "board.backup"
    async with Board(settings) as board:
        await board.intake.submit(cmd.ReplaceRoster(class_id="7-3", students=["s-1"]))
        board.web.context.rosters.add("7-3", [])
        await teach(board, "before", 5)
    assert await command("backup", "--config", config, out) == 0
    data = tmp_path / "data"
    kept = {name: (data / name).read_bytes() for name in ("school-key", "teacher-pin.argon2")}
    other = tmp_path / "other"
    other.mkdir()
    config.write_text(
        config.read_text(encoding="utf-8").replace(str(data), str(other)), encoding="utf-8"
    )
    assert await command("restore", "--config", config, out, "--yes") == 0
    assert {name: (other / name).read_bytes() for name in kept} == kept
    assert sorted(path.name for path in other.iterdir()) == [
        *("journal.db", "journal.lock", "roster.db"),
        *("school-key", "teacher-pin", "teacher-pin.argon2"),
    ]
    moved = settings.agent.model_copy(update={"data_dir": other})
    async with Board(settings.model_copy(update={"agent": moved})) as board:
        assert board.intake.committed.spans.keys() == {"before"}
        assert board.intake.committed.classes.keys() == {"7-3"}


async def test_a_restore_during_a_lesson_is_refused_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_of(tmp_path / "data", None)
    config, out = config_of(settings, tmp_path), tmp_path / "board.backup"
    async with Board(settings) as board:
        await ask(board, "lesson-1")
        assert await command("backup", "--config", config, out) == 0
        assert await command("restore", "--config", config, out, "--yes") == 1
        assert "a lesson is open; end it first" in capsys.readouterr().err
        await press(board, "goes on", 3)
    names = {path.name for path in (tmp_path / "data").iterdir()}
    assert not [name for name in names if "restore" in name]


@pytest.mark.parametrize("after", range(8))
def test_a_restore_that_is_cut_off_is_finished_by_the_next_start(
    after: int, tmp_path: Path
) -> None:
    """The power goes after so many renames."""
    staging = tmp_path / restore.STAGING
    staging.mkdir()
    for name in ("journal.db", "roster.db", "school-key"):
        (tmp_path / name).write_text(f"old {name}", encoding="ascii")
        (staging / name).write_text(f"new {name}", encoding="ascii")
    (tmp_path / "journal.db-wal").write_text("old log", encoding="ascii")
    code = f"""
import os, sys, pathlib
from agent.journal import restore
left = {after}
def cut_off(event, arguments):
    global left
    if event == "os.rename" and "restore" in str(arguments):
        left -= 1
        if left < 0:
            os._exit(9)
folder = pathlib.Path(sys.argv[1])
restore.make_ready(folder)
sys.addaudithook(cut_off)
restore.take(folder)
"""
    cut = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert cut.returncode == 9
    kept = restore.take(tmp_path)
    assert kept == tmp_path / "before-restore-1"
    assert restore.take(tmp_path) is None
    for name in ("journal.db", "roster.db", "school-key"):
        assert (tmp_path / name).read_text(encoding="ascii") == f"new {name}"
        assert (kept / name).read_text(encoding="ascii") == f"old {name}"
    assert (kept / "journal.db-wal").read_text(encoding="ascii") == "old log"
    assert not (tmp_path / "journal.db-wal").exists()


def test_a_running_agent_takes_a_backup_back_without_ending_its_process(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "data", None)
    config, out = config_of(settings, tmp_path), tmp_path / "board.backup"
    agent = [sys.executable, "-m", "agent"]
    running = subprocess.Popen([*agent, "run", "--config", str(config)])
    try:
        ready(settings.web.port)
        for arguments in (["backup", str(out)], ["restore", str(out), "--yes"]):
            done = subprocess.run(
                [*agent, arguments[0], "--config", str(config), *arguments[1:]],
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
        assert running.poll() is None
        ready(settings.web.port)
        with closing(sqlite3.connect(tmp_path / "data" / "journal.db")) as db:
            kinds = db.execute(
                "select kind, body from event where kind = 'EpochStarted'"
            ).fetchall()
        assert [json.loads(body)["reason"] for _, body in kinds] == ["first_start", "restored"]
        assert control.ask(tmp_path / "data", "nonsense") is not None
    finally:
        running.send_signal(signal.SIGTERM)
        assert running.wait(15) == 0
    assert control.ask(tmp_path / "data", "nonsense") is None


def ready(port: int) -> None:
    """Wait until the agent answers; the test's own limit ends it."""
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/health"):
                return
        except OSError:
            os.sched_yield()
