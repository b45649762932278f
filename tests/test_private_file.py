"""What a power cut leaves of these files is held by tests/system/test_power_cuts.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.private_file import make_folder, remove, write_private


def test_a_private_file_is_the_agents_alone_and_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    write_private(path, b"one")
    assert path.stat().st_mode & 0o777 == 0o600
    write_private(path, b"two")
    assert path.read_bytes() == b"two"
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]
    remove(path)
    remove(path)
    assert not path.exists()


def test_folders_are_made_with_those_above_them(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b", mode=0o750)
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o750
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        make_folder(tmp_path / "file" / "folder")
