"""Where pens and eraser are: what the switches of a tray mean."""

import pytest
from pydantic import ValidationError

from drivers.readings import ToolLifted
from drivers.whiteboard.pentray import PenTrayOptions, Tray
from firmware_bridge.messages import Switches


def said(tray: Tray, closed: int) -> list[tuple[str, bool]]:
    return [(one.tool, one.lifted) for one in tray.changes(Switches(closed), 5)]


def test_at_first_it_says_where_each_tool_is_and_then_what_changes() -> None:
    tray = Tray("tray", ("black", "red", "eraser"), "open")
    assert said(tray, 0b0101) == [("black", False), ("red", True), ("eraser", False)]
    assert said(tray, 0b0101) == []
    assert said(tray, 0b0011) == [("red", False), ("eraser", True)]


def test_a_switch_that_closes_when_a_tool_is_lifted_is_told_so() -> None:
    tray = Tray("tray", ("pen",), "closed")
    assert said(tray, 0b0) == [("pen", False)]
    assert said(tray, 0b1) == [("pen", True)]


def test_switches_on_which_nothing_lies_mean_nothing() -> None:
    tray = Tray("tray", ("pen",), "open")
    said(tray, 0b0001)
    assert said(tray, 0b1111) == []


def test_a_reading_has_its_device_and_its_time() -> None:
    (reading,) = Tray("tray", ("pen",), "open").changes(Switches(0), 7)
    assert reading == ToolLifted(device="tray", mono_ns=7, tool="pen", lifted=True)


@pytest.mark.parametrize("tools", [[], ["a", "b", "c", "d", "e"], ["Pen!"]])
def test_tools_that_cannot_be_are_refused(tools: list[str]) -> None:
    with pytest.raises(ValidationError):
        PenTrayOptions.model_validate({"port": "/dev/x", "tools": tools})
