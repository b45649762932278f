from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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


def test_reading_names_does_not_load_sqlite_utils(tmp_path: Path) -> None:
    RosterStore(tmp_path / "roster.db").replace("7-3", [ONE])
    program = (
        "import sys, pathlib\n"
        "from agent.journal.roster import RosterStore\n"
        "names = RosterStore(pathlib.Path(sys.argv[1])).names('7-3')\n"
        "assert len(names) == 1\n"
        "assert 'sqlite_utils' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path / "roster.db"], check=True)
