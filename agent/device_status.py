"""How a device may be, and which step leads where."""

from __future__ import annotations

from typing import Literal

import msgspec

from drivers.readings import Reading

DeviceState = Literal["starting", "ready", "lost", "misconfigured", "held", "stopped"]
DEVICE_STEPS: dict[DeviceState, dict[str, DeviceState]] = {
    "starting": {
        "attach": "ready",
        "lose": "lost",
        "refuse": "misconfigured",
        "hold": "held",
        "stop": "stopped",
    },
    "ready": {
        "attach": "ready",
        "lose": "lost",
        "refuse": "misconfigured",
        "hold": "held",
        "stop": "stopped",
    },
    "lost": {"retry": "starting", "hold": "held", "stop": "stopped"},
    "misconfigured": {"replug": "starting", "hold": "held", "stop": "stopped"},
    "held": {"release": "starting", "stop": "stopped"},
    "stopped": {},
}


class DeviceStatus(msgspec.Struct, kw_only=True):
    """How a device is. `code` and `hint` say why it is not ready.

    Attributes:
        facts: what the device said of itself, while it is ready.
        counters: its driver's own since it began to run, and by code how often a trouble began.
        refused: presses that the hardware had no room for, since its power came on.
        can: what else its driver can do: "locate", "keypads", "flash".
        last: the newest reading, a card's number covered; None if there was none.
        readings: how many there were since the start.
    """

    id: str
    driver: str
    state: DeviceState = "starting"
    code: str = ""
    hint: str = ""
    facts: dict[str, str] = {}
    counters: dict[str, int] = {}
    refused: int = 0
    can: tuple[str, ...] = ()
    last: Reading | None = None
    readings: int = 0
