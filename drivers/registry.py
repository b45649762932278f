"""From a driver's name to its class. The file name is the registration; imports are lazy."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re

import drivers
from drivers.api import Driver
from drivers.errors import UnknownDriver

NOT_DRIVERS = {
    "anonymous_contacts", "api", "beats", "blocking", "capabilities", "card_slot", "contacts",
    "device_file", "dialogue", "errors", "evdev", "exchange", "hidraw", "line_pattern",
    "listening", "on_receiver", "plugs", "ports", "presence", "readings", "receiver",
    "registry", "reports", "serial", "usb",
}  # fmt: skip
NOT_FAMILIES = {"protocols", "sim"}
_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")


def names() -> list[str]:
    """All drivers there are, by name, without importing any."""
    found = []
    for module in pkgutil.walk_packages(drivers.__path__):
        if module.ispkg:
            if module.name not in NOT_FAMILIES:
                family = [f"{drivers.__path__[0]}/{module.name}"]
                found += [f"{module.name}.{leaf.name}" for leaf in pkgutil.iter_modules(family)]
        elif "." not in module.name and module.name not in NOT_DRIVERS:
            found.append(module.name)
    return sorted(found)


def load(name: str) -> type[Driver]:
    """Import the driver called `name`.

    Raises:
        UnknownDriver: no such file; the hint has the nearest name.
    """
    known = names()
    if not _NAME.fullmatch(name) or name not in known:
        import difflib  # noqa: PLC0415 (where a name is wrong; it holds 0.1 MB)

        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
        raise UnknownDriver("driver_unknown", name, hint)
    module = importlib.import_module(f"drivers.{name}")
    classes = [
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, Driver) and member.__module__ == module.__name__
    ]
    if len(classes) != 1:
        raise UnknownDriver("driver_unknown", name, "its file must have exactly one Driver class")
    return classes[0]


def share_port(driver: object, other: object) -> bool:
    """Whether devices of these drivers may hang on one port: of each family one may."""
    if not (isinstance(driver, str) and isinstance(other, str)):
        return False
    known, families = names(), {name.partition(".")[0] for name in (driver, other)}
    return len(families) > 1 and all(
        name in known and load(name).shares_port for name in (driver, other)
    )
