"""What a driver may raise, named for the reaction it calls for."""

from __future__ import annotations


class DriverError(Exception):
    """The root of what drivers raise.

    Attributes:
        code: a stable word that pages translate, e.g. "port_missing".
        where: the device or port.
        hint: what to do, in one English sentence for the log.
    """

    def __init__(self, code: str, where: str, hint: str) -> None:
        super().__init__(f"{where}: {code}: {hint}")
        self.code = code
        self.where = where
        self.hint = hint


class DeviceLost(DriverError, ConnectionError):
    """The device went away; the supervisor tries again."""


class DeviceMisconfigured(DriverError, ValueError):
    """A person must act; trying again would not help."""


class UnknownDriver(DriverError, LookupError):
    """The settings name a driver that has no file."""
