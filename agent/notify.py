"""What systemd is told of the agent's life (sd_notify(3)): one datagram to a Unix socket."""

from __future__ import annotations

import os
import socket


def notify(state: str) -> bool:
    """Say `READY=1`, `WATCHDOG=1`, `STOPPING=1` or `STATUS=...`; False if nobody listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaker:
        speaker.setblocking(False)
        try:
            speaker.sendto(state.encode(), address.replace("@", "\0", 1))
        except OSError:  # nobody listens any more, or its queue is full: it will hear the next
            return False
    return True


def watchdog_s() -> float | None:
    """Within how many seconds systemd wants to hear `WATCHDOG=1`; None: it does not wait."""
    if os.environ.get("WATCHDOG_PID") not in (None, str(os.getpid())):
        return None
    wanted_us = os.environ.get("WATCHDOG_USEC", "")
    return int(wanted_us) / 1e6 if wanted_us.isdecimal() and int(wanted_us) else None
