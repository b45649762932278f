from __future__ import annotations

from pathlib import Path

import pytest

from agent.journal.errors import CommitFailed
from agent.journal.roster import RosterStore, StudentName

ONE = StudentName("a1", "01", "赵一")
TWO = StudentName("b2", "02", "钱二")


def test_names_outlast_a_restart_in_the_order_of_the_list(tmp_path: Path) -> None:
    store = RosterStore(tmp_path / "roster.db")
    store.replace("7-3", [TWO, ONE])
    store.replace("8-1", [ONE])
    assert list(store.names("7-3").values()) == [TWO, ONE]
    again = RosterStore(tmp_path / "roster.db")
    assert list(again.names("7-3").values()) == [TWO, ONE]
    assert again.names("8-1") == {"a1": ONE}


def test_a_new_list_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    store = RosterStore(tmp_path / "roster.db")
    store.replace("7-3", [ONE, TWO])
    store.replace("7-3", [TWO])
    assert store.names("7-3") == {"b2": TWO}
    assert RosterStore(tmp_path / "roster.db").names("7-3") == {"b2": TWO}


def test_a_class_without_a_list_has_no_names(tmp_path: Path) -> None:
    store = RosterStore(tmp_path / "roster.db")
    assert store.names("7-3") == {}
    assert store.names(None) == {}


def test_names_can_be_known_before_the_list_is_taken(tmp_path: Path) -> None:
    store = RosterStore(tmp_path / "roster.db")
    store.replace("7-3", [ONE])
    store.add("7-3", [TWO])
    assert store.names("7-3") == {ONE.student: ONE, TWO.student: TWO}


def test_a_list_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    store = RosterStore(tmp_path / "roster.db")
    store.replace("7-3", [ONE])
    with pytest.raises(CommitFailed, match="not_durable"):
        store.replace("7-3", [TWO, TWO])
    assert store.names("7-3") == {ONE.student: ONE}
    assert RosterStore(tmp_path / "roster.db").names("7-3") == {ONE.student: ONE}
