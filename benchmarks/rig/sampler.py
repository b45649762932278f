"""The agent, looked at now and then: what was it doing when it used the processor?

    python -m benchmarks.rig.sampler FILE run --config SETTINGS

Every few ms of the process's own processor time a signal notes what each thread is at, from one
SIGUSR1 to the next. FILE has how often each part was met, as JSON, once the agent has ended.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from types import FrameType

import msgspec

from agent.__main__ import main as agent_main

EVERY_S = 0.001
"""The kernel looks at its own ticks, so that it is every 1 to 10 ms in truth."""
WAITS = ("selectors.py", "threading.py")
LOOP = "event loop and wake-ups"
PARTS = (
    # the first that fits a frame's file, from the innermost frame outwards
    ("drivers/serial", "serial line"),
    ("firmware_bridge/", "frames and messages"),
    ("drivers/", "driver"),
    ("agent/lesson/", "rules and state"),
    ("agent/journal/", "journal"),
    ("agent/intake", "intake"),
    ("paho/", "MQTT (paho)"),
    ("agent/cloud/mqtt", "MQTT (paho)"),
    ("agent/cloud/loop_socket", "MQTT (paho)"),
    ("agent/cloud/", "uplink"),
    ("agent/wire/", "uplink"),
    ("agent/web/", "pages"),
    ("uvicorn/", "pages"),
    ("starlette/", "pages"),
    ("fastapi/", "pages"),
    ("agent/app", LOOP),  # what runs the loop is beneath everything
    ("agent/__main__", LOOP),
    ("agent/", "the rest of the agent"),
)
SEEN: Counter[str] = Counter()


def part(frame: FrameType | None) -> str:
    """Which part of the agent a frame belongs to."""
    while frame is not None:
        path = frame.f_code.co_filename
        for fragment, name in PARTS:
            if fragment in path:
                return name
        frame = frame.f_back
    return LOOP


def sample(_number: int, frame: FrameType | None) -> None:
    """Note who is at work: the loop's thread, unless it waits and another does not."""
    if frame is None or not frame.f_code.co_filename.endswith(WAITS):
        SEEN[part(frame)] += 1
        return
    main = threading.main_thread().ident
    for ident, other in sys._current_frames().items():  # noqa: SLF001 (there is no other way)
        if ident != main and not other.f_code.co_filename.endswith(WAITS):
            SEEN[part(other)] += 1
            return
    SEEN[LOOP] += 1


def turn(_number: int, _frame: FrameType | None) -> None:
    """Begin to sample, or end it."""
    every_s = 0.0 if signal.getitimer(signal.ITIMER_PROF)[0] else EVERY_S
    signal.setitimer(signal.ITIMER_PROF, every_s, every_s)


def main() -> None:
    signal.signal(signal.SIGPROF, sample)
    signal.signal(signal.SIGUSR1, turn)
    try:
        agent_main(sys.argv[2:])
    finally:
        Path(sys.argv[1]).write_bytes(msgspec.json.encode(SEEN))


if __name__ == "__main__":
    main()
