"""The file that is given up on a full disk."""

from __future__ import annotations

from pathlib import Path

from agent.journal.ballast import BALLAST, BALLAST_BYTES, lay_in, throw_off


def test_a_ballast_that_a_kill_left_empty_is_laid_in_again(tmp_path: Path) -> None:
    (tmp_path / BALLAST).touch()
    lay_in(tmp_path)
    laid = (tmp_path / BALLAST).stat()
    assert laid.st_size == BALLAST_BYTES
    assert laid.st_blocks * 512 >= BALLAST_BYTES
    assert throw_off(tmp_path)
