from __future__ import annotations

import os
from pathlib import Path

from drivers.plugs import can_be_watched, is_settling, plug


def test_a_path_has_another_mark_when_something_else_is_behind_it(tmp_path: Path) -> None:
    first, second, name = tmp_path / "ttyUSB0", tmp_path / "ttyUSB1", tmp_path / "by-id"
    first.touch()
    second.touch()
    name.symlink_to(first)
    was = plug(str(name))
    assert was == plug(str(first)) == plug(str(name))
    name.unlink()
    assert plug(str(name)) is None
    name.symlink_to(second)
    assert plug(str(name)) not in (None, was)


def test_a_path_has_another_mark_when_its_rights_have_changed(tmp_path: Path) -> None:
    port = tmp_path / "ttyUSB0"
    port.touch()
    os.utime(port, (0, 0))  # being used changes nothing
    was = plug(str(port))
    while plug(str(port)) == was:  # the file system may count in steps
        port.chmod(0o600 if port.stat().st_mode & 0o007 else 0o666)


def test_a_usb_id_has_another_mark_when_any_device_comes_or_goes(tmp_path: Path) -> None:
    (tmp_path / "hidraw").mkdir()
    was = plug("1881:0150", tmp_path)
    (tmp_path / "hidraw" / "hidraw3").touch()
    there = plug("1881:0150", tmp_path)
    assert there != was
    (tmp_path / "hidraw" / "hidraw3").unlink()
    assert plug("1881:0150", tmp_path) == was


def test_only_paths_and_usb_ids_can_be_looked_for(tmp_path: Path) -> None:
    assert [can_be_watched(one) for one in ("/dev/ttyUSB0", "1881:0150")] == [True, True]
    assert [can_be_watched(one) for one in ("receiver-1", "", "ACS ACR122U 00 00")] == [False] * 3
    assert is_settling(str(tmp_path))
    assert not is_settling("/")
    assert not is_settling("/dev/none")
