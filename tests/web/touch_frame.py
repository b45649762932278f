"""A touch frame on the agent's machine that a test touches when it likes.

umockdev answers for the input device; what it says comes from a pseudo-terminal of the test's.
"""

from __future__ import annotations

import os
import tty
from pathlib import Path

from drivers.anonymous_contacts import (
    ABS_MT_POSITION_X,
    ABS_MT_POSITION_Y,
    ABS_MT_TRACKING_ID,
)
from drivers.contacts import ABS_X, ABS_Y, BTN_TOUCH
from drivers.evdev import ABS_MT_SLOT, EV_ABS, EV_SYN, InputEvent
from drivers.ports import Axis
from tests.drivers.input_world import World, record

STEP_US = 8_000
SIDE = Axis(0, 0, 10_000)


class TouchFrame(World):
    """A frame with slots; places in parts of its width and height. `usb`: the port to set."""

    usb = "6615:0084"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        axes = dict.fromkeys((ABS_X, ABS_Y, ABS_MT_POSITION_X, ABS_MT_POSITION_Y), SIDE)
        path = self.add(self.usb, "a frame", [BTN_TOUCH], [], axes | {ABS_MT_SLOT: Axis(0, 0, 9)})
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self._node = f"$UMOCKDEV_DIR{path}"
        self._now_us, self._contact = 1_000_000_000, 0

    def command(self, *program: str) -> list[str]:
        """As the world's, with the frame's own terminal as the device."""
        line = f'ln -sfn {os.ttyname(self._theirs)} "{self._node}" && exec "$@"'
        return super().command("sh", "-c", line, "sh", *program)

    def draw(self, *places: tuple[float, float]) -> None:
        """A finger from place to place, lifted at the last; at one place it is a touch."""
        self._contact += 1
        (x, y), *others = places
        self._say((ABS_MT_TRACKING_ID, self._contact), *_at(x, y))
        for x, y in others:
            self._say(*_at(x, y))
        self._say((ABS_MT_TRACKING_ID, -1))

    def _say(self, *axes: tuple[int, int]) -> None:
        self._now_us += STEP_US
        events = [InputEvent(self._now_us, EV_ABS, code, value) for code, value in axes]
        events.append(InputEvent(self._now_us, EV_SYN, 0, 0))
        os.write(self._ours, b"".join(map(record, events)))

    def close(self) -> None:
        """Unplug it."""
        os.close(self._ours)
        os.close(self._theirs)


def _at(x: float, y: float) -> tuple[tuple[int, int], tuple[int, int]]:
    return (
        (ABS_MT_POSITION_X, round(x * SIDE.highest)),
        (ABS_MT_POSITION_Y, round(y * SIDE.highest)),
    )
