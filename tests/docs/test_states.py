"""The page of the state machines is printed from their tables, and a missing step is an error."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from agent.device_status import DEVICE_STEPS
from agent.errors import IllegalTransition
from agent.lesson import room, steps
from agent.supervisor import DevicePlan, Supervisor
from tests.drivers.fake_ports import FakePorts

PAGE = (Path(__file__).parent.parent.parent / "docs/states.md").read_text(encoding="utf-8")


def printed(steps: Mapping[str, Mapping[str, str]]) -> str:
    rows = ["| state | on | next |", "|---|---|---|"]
    for state, triggers in steps.items():
        rows += [f"| {state} | {on} | {target} |" for on, target in triggers.items()]
    return "\n".join(rows)


@pytest.mark.parametrize(
    ("title", "steps"),
    [
        ("A lesson", steps.LESSON_STEPS),
        ("A question", steps.QUESTION_STEPS),
        ("A presenter's key", room.REMOTE_STEPS),
        ("A device", DEVICE_STEPS),
    ],
)
def test_the_page_says_what_the_table_says(
    title: str, steps: Mapping[str, Mapping[str, str]]
) -> None:
    section = PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    assert "\n".join(table) == printed(steps)


async def test_a_device_takes_no_step_that_its_table_lacks() -> None:
    async def emit(*readings: object) -> None:
        del readings

    supervisor = Supervisor(
        [DevicePlan("card-1", "card.em4100", {"port": "/dev/none"})], ports=FakePorts(), emit=emit
    )
    async with supervisor:
        pass
    with pytest.raises(IllegalTransition, match="stop while stopped"):
        await supervisor.__aexit__()
