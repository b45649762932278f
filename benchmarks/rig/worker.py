"""A part of the rig in a process of its own, which answers each line that it is told with one."""

from __future__ import annotations

import select
import subprocess
import sys
from typing import Self


class Worker:
    """A context manager: the process is there on enter, and gone on exit."""

    def __init__(self, module: str, *arguments: str) -> None:
        """Take everything, start nothing."""
        self._module = module
        self._command = [sys.executable, "-m", module, *arguments]

    def __enter__(self) -> Self:
        """Start it; its first line says what it has to say, see `heard`."""
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, line: bytes = b"") -> None:
        """Say a line; its answer is `heard` when it is carried out."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()

    def answered(self, within_s: float) -> bool:
        """Whether there is an answer."""
        assert self._process.stdout is not None
        return bool(select.select([self._process.stdout], [], [], within_s)[0])

    def heard(self) -> bytes:
        """Its next line, as soon as there is one.

        Raises:
            RuntimeError: it has ended.
        """
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the process of {self._module} ended")
        return answer
