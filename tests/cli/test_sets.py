"""`sets`: what it keeps, says and writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent import __main__ as command_line
from agent.journal.sets import SetStore
from tests.cli.test_command_line import SETTINGS


def test_sets_are_brought_listed_and_taken_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "board.toml"
    config.write_text(SETTINGS, encoding="utf-8")

    def sets(what: str, *arguments: str) -> int:
        return command_line.main(["sets", what, "--config", str(config), *arguments])

    assert sets("list") == 2
    assert "no such folder" in capsys.readouterr().err
    (tmp_path / "data").mkdir()
    assert sets("list") == 0
    file = tmp_path / "方程.gift"
    file.write_text("Essay {}\n\n1 + 1 \\= 3 {F}\n", encoding="utf-8")
    assert sets("import", str(file)) == 0
    told = capsys.readouterr()
    assert "1 questions" in told.out
    assert "方程" in told.out
    assert "1: left out: kind_unsupported: " in told.err
    assert sets("list") == 0
    [head] = SetStore(tmp_path / "data/sets.db").heads()
    assert capsys.readouterr().out.startswith(f"{head.id}  1 questions  version {head.version}")
    for name in ("out.gift", "out.zip"):
        out = tmp_path / name
        assert sets("export", "方程", str(out)) == 0
        assert sets("import", "--name", name, str(out)) == 0
        assert sets("export", "方程", str(out)) == 2  # it is there already
    versions = {one.version for one in SetStore(tmp_path / "data/sets.db").heads()}
    assert versions == {head.version}
    file.write_text("Essay {}\n", encoding="utf-8")
    assert sets("import", str(file)) == 2
    assert sets("export", "nothing", str(tmp_path / "x")) == 2
