"""uvicorn's parts that a board needs.

The package itself imports its command line and its process supervisors (click, multiprocessing):
2 MB that no board uses. So the package is made without being run, and entered by its parts.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec


def _enter_by_parts(package: str) -> None:
    """Let parts of a package be imported without what its `__init__` imports."""
    if package in sys.modules:
        return
    spec = find_spec(package)
    if spec is None:
        raise ModuleNotFoundError(f"{package} is not installed", name=package)
    sys.modules[package] = module_from_spec(spec)


_enter_by_parts("uvicorn")

from uvicorn.config import Config  # noqa: E402 (not before the package)
from uvicorn.protocols.http.h11_impl import H11Protocol  # noqa: E402
from uvicorn.server import Server  # noqa: E402

sys.modules["uvicorn"].Config = Config  # type: ignore[attr-defined]  # its parts ask for it there

__all__ = ["Config", "H11Protocol", "Server"]
