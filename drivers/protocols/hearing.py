"""Whether the far end of a line is the device that is expected there, and still answers."""

from __future__ import annotations

from drivers.errors import DeviceLost

DOUBT_S = 2.0
"""A line that is silent so long is taken for ready: some devices speak only when pressed."""
GARBLED_S = 8.0
GARBLED_BYTES = 16
"""Fewer bytes than these that make no sense are a plug's crackle."""
SILENT_S = 10.0


class Hearing:
    """What has been heard of a device. `unanswered` counts what it was asked in vain."""

    def __init__(self, where: str, now_s: float, *, answers: bool, most_misses: int = 3) -> None:
        """What is known at the start.

        Args:
            where: the port, for people.
            now_s: when it was opened.
            answers: whether it must answer when it is asked.
            most_misses: so many questions in a row without a frame, and it is gone.
        """
        self.unanswered = 0
        self.heard = False
        self._where = where
        self._opened_s = now_s
        self._answers = answers
        self._most_misses = most_misses
        self._misses = 0
        self._noise_bytes = 0
        self._noise_s = 0.0

    def hear(self, data_bytes: int, frames: int, now_s: float) -> None:
        """So many bytes came, and completed so many valid frames."""
        if frames:
            self.heard = True
            self._misses = 0
        elif data_bytes:
            if not self._noise_bytes:
                self._noise_s = now_s
            self._noise_bytes += data_bytes

    def miss(self, *, fatal: bool = True) -> None:
        """It did not answer in time. `fatal`: it was asked what it must know an answer to."""
        self.unanswered += 1
        self._misses += fatal

    def is_ready(self, now_s: float) -> bool:
        """Whether it spoke, or is silent as it may well be. Not while only noise is heard."""
        silent = self._noise_bytes < GARBLED_BYTES and now_s >= self._opened_s + DOUBT_S
        return self.heard or silent

    def check(self, now_s: float) -> None:
        """Raises DeviceLost when it is not the device, or has stopped answering."""
        if self.heard:
            if self._misses >= self._most_misses:
                hint = "it stopped answering; started anew, else pull it out and plug it in again"
                raise DeviceLost("base_silent", self._where, hint)
        elif self._noise_bytes >= GARBLED_BYTES:
            if now_s >= self._noise_s + GARBLED_S:
                hint = "bytes come that make no sense: correct `baud`, `driver` or `port`"
                raise DeviceLost("line_garbled", self._where, hint)
        elif self._answers and now_s >= self._opened_s + SILENT_S:
            hint = "nothing answers: correct `port`, `baud` or `dialect`, or see to its power"
            raise DeviceLost("receiver_silent", self._where, hint)

    def deadline_s(self, now_s: float) -> float:
        """When something may come of hearing nothing."""
        marks = [self._opened_s + DOUBT_S, self._opened_s + SILENT_S]
        if self._noise_bytes:
            marks.append(self._noise_s + GARBLED_S)
        return min((mark for mark in marks if mark > now_s), default=now_s + SILENT_S)
