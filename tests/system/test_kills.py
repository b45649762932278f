"""Agent, broker and ingest are killed again and again: the short form of `./dev soak kills`."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.soak.account import Account
from benchmarks.soak.kills import soak


@pytest.mark.needs("mosquitto", "openssl")
async def test_what_a_clicker_was_shown_is_at_the_school_once_whoever_is_killed(
    tmp_path: Path,
) -> None:
    result = await soak(tmp_path, kills=22, answers=3_000, seed=5, rate=400, pace=2.5, starts=1)
    assert sum(result.kills.values()) >= 22
    assert min(result.kills.values()) >= 1
    assert result.account.answers >= 3_000
    assert result.account == Account(
        answers=result.account.answers,
        lost=0,
        doubled=0,
        contradicted=0,
        unknown=0,
        journal_differs=0,
        aside=0,
        gaps=0,
        replay_differs=False,
        named=[],
    )
    assert result.ticked + result.phone_answers <= result.account.answers
    assert result.phone_answers > 0
    assert result.unshown == 0
