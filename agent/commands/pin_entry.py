"""A new PIN for the teacher, from a terminal or standard input: never from an argument.

An argument would stand in the shell's history and in the list of processes.
"""

from __future__ import annotations

import asyncio
import codecs
import getpass
import os
import sys
from pathlib import Path

from agent.errors import InputInvalid
from agent.web import pin_hash
from agent.web.auth import PinStore

DIGITS = range(6, 13)


def ask() -> str:
    """The new PIN: asked twice on a terminal, else the first line of standard input.

    Raises:
        InputInvalid: it is no PIN, or the two differ.
    """
    if not sys.stdin.isatty():
        return checked(sys.stdin.readline().strip())
    pin = checked(getpass.getpass(f"New PIN ({DIGITS.start} to {DIGITS.stop - 1} digits): "))
    if getpass.getpass("Once more: ") != pin:
        raise InputInvalid("pin_differs", "PIN", "the two are not the same; nothing was changed")
    return pin


def checked(pin: str) -> str:
    """The PIN itself, if it is one."""
    if len(pin) not in DIGITS or not (pin.isascii() and pin.isdigit()):
        hint = f"must be {DIGITS.start} to {DIGITS.stop - 1} digits; nothing was changed"
        raise InputInvalid("pin_invalid", "PIN", hint)
    if len(set(pin)) == 1:
        hint = "must not be one digit over and over; nothing was changed"
        raise InputInvalid("pin_invalid", "PIN", hint)
    return pin


def keep(data_dir: Path, pin: str) -> None:
    """Let it be the PIN from now on, also of an agent that runs.

    Run by root, it is written as the user whose folder it is, or the agent could not read it.

    Raises:
        InputInvalid: there is no such folder.
    """
    try:
        owner = data_dir.stat()
    except OSError as error:
        hint = f"{error.strerror}; is data_dir right, and has the agent run?"
        raise InputInvalid("data_dir_missing", str(data_dir), hint) from error
    hashed = asyncio.run(pin_hash.make_hash(pin))
    if os.geteuid() == 0 and owner.st_uid != 0:
        codecs.lookup("ascii")  # loaded while it may be: Python could lie in root's own folder
        os.setgroups([])
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)
    try:
        PinStore(data_dir).keep(hashed)
    except PermissionError as error:
        hint = "run this as root or as the agent's user"
        raise InputInvalid("data_dir_forbidden", str(data_dir), hint) from error
