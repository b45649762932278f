"""Which devices are plugged in, and which drivers could be behind them. It only looks.

None is opened: opening alone can reset a board, or take a keyboard from its desktop. A driver says
itself by what its device is known; a bridge chip's id is no proof of a device, so nothing is
claimed by it: the person who plugged it in chooses.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from drivers.api import Bus, Fits
from drivers.evdev import InputDevice
from drivers.hidraw import HidDevice
from drivers.registry import load, names
from drivers.usb import BRIDGES

LINK_FOLDERS = (
    Path("/dev/classroom"),
    Path("/dev/serial/by-id"),
    Path("/dev/input/by-id"),
    Path("/dev/serial/by-path"),
    Path("/dev/input/by-path"),
)
"""Where names lie that outlast replugging, the best first."""
_PLACE = re.compile(r"( [0-9A-F]{2}){2}$")
Likeness = Literal["fits", "possible", "unfit"]


class ListedPort(Protocol):
    """A serial port as pyserial lists it."""

    device: str
    description: str
    vid: int | None
    pid: int | None


class ConfiguredDevice(Protocol):
    """A `[[devices]]` entry of the settings."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def driver(self) -> str:
        """Its driver."""

    @property
    def options(self) -> dict[str, Any]:
        """What it says beside."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A driver for a device.

    `likeness`: "fits" is sure, "possible" is for a person to choose, "unfit" is sure. `why`: what
    speaks against it, or why it is not sure; "" if it fits.
    """

    driver: str
    likeness: Likeness
    why: str


class FoundDevice(msgspec.Struct, frozen=True, kw_only=True):
    """One device.

    Attributes:
        bus: where it hangs.
        port: the name to use in the settings, one that outlasts replugging if there is any.
        device: the kernel's own name.
        usb: "1a86:7523", "" if it is not on USB.
        says: what it says of itself.
        bridge: the bare bridge chip that it is, "" if it is none that we know.
        used_by: the device of the settings that has it, None if none has.
        drivers: those of its bus, what fits first.
        snippet: lines for the settings; "" if it is in use there, or nothing can be behind it.
    """

    bus: Bus
    port: str
    device: str
    usb: str
    says: str
    bridge: str
    used_by: str | None
    drivers: list[Candidate]
    snippet: str

    def of(self, likeness: Likeness) -> list[Candidate]:
        """The drivers that are so like."""
        return [one for one in self.drivers if one.likeness == likeness]


class Machine(NamedTuple):
    """What is plugged into a machine.

    `links`: real paths to the best of their lasting names. `readers`: names of PC/SC card readers.
    """

    ports: Sequence[ListedPort]
    hids: list[HidDevice]
    inputs: list[InputDevice]
    links: Mapping[str, str] = {}
    readers: Sequence[str] = ()


class _Seen(NamedTuple):
    bus: Bus
    device: str
    usb: str
    says: str
    keys: frozenset[int] = frozenset()
    axes: frozenset[int] = frozenset()


def this_machine(*, card_readers: bool = True) -> Machine:
    """What is plugged in here; of PC/SC readers pcscd is asked, which may not answer."""
    from serial.tools import list_ports  # noqa: PLC0415 (a test brings its own)

    from drivers import evdev, hidraw  # noqa: PLC0415 (as above)

    ports = list(list_ports.comports())
    hids, inputs = list(hidraw.devices()), list(evdev.devices())
    readers: list[str] = []
    if card_readers:
        from drivers import card_slot  # noqa: PLC0415 (its library is large)

        readers = card_slot.readers()
    return Machine(ports, hids, inputs, lasting_names(), readers)


def lasting_names(folders: Iterable[Path] = LINK_FOLDERS) -> dict[str, str]:
    """Real paths to the best of their lasting names."""
    links: dict[str, str] = {}
    for folder in folders:
        if folder.is_dir():
            for link in sorted(folder.iterdir()):
                links.setdefault(os.path.realpath(link), str(link))
    return links


def find(
    machine: Machine, used: Mapping[str, str] | None = None, taken: Collection[str] = ()
) -> list[FoundDevice]:
    """All devices: serial ports, then HID, then input devices, then PC/SC card readers.

    Args:
        machine: what is plugged in.
        used: ports in the settings (paths or USB ids), with the device that has each.
        taken: ids of devices in the settings, not to be given again.
    """
    fits = {name: load(name).FITS for name in names()}
    seen = list(_seen(machine, fits))
    owners = {_key(port): device for port, device in (used or {}).items()}
    ids = set(taken)
    found = []
    for one in seen:
        drivers = _candidates(one, fits)
        best = next((drive.driver for drive in drivers if drive.likeness != "unfit"), None)
        port = _port(one, seen, Fits(one.bus) if best is None else fits[best], machine.links)
        owner = next((owners[key] for key in _names(one, port) if key in owners), None)
        if one.bus == "smartcard":  # the settings have a part of its name, or leave it out
            named = (key for key in owners if key[:1] != "/" and key in one.device.lower())
            owner = next((owners[key] for key in named), None)
        found.append(
            FoundDevice(
                bus=one.bus,
                port=port,
                device=one.device,
                usb=one.usb,
                says=one.says,
                bridge=BRIDGES.get(one.usb, ""),
                used_by=owner,
                drivers=drivers,
                snippet="" if owner or best is None else snippet(port, drivers, ids),
            )
        )
    return found


def ports_in_use(devices: Iterable[ConfiguredDevice]) -> dict[str, str]:
    """Ports that the settings name, or leave to what is usual, with the device that has each."""
    used = {}
    for device in devices:
        usual = load(device.driver).Options.model_fields.get("port")
        port = device.options.get("port", None if usual is None else usual.default)
        if isinstance(port, str):
            used[port] = device.id
    return used


def _key(port: str) -> str:
    return os.path.realpath(port) if port.startswith("/") else port.lower()


def _names(one: _Seen, port: str) -> tuple[str, ...]:
    """All names by which the settings may mean a device."""
    by_usb = (one.usb,) if one.bus != "serial" and port == one.usb else ()
    return (os.path.realpath(one.device), *by_usb)


def _seen(machine: Machine, fits: Mapping[str, Fits]) -> Iterator[_Seen]:
    for port in sorted(machine.ports, key=lambda one: one.device):
        usb = "" if port.vid is None or port.pid is None else f"{port.vid:04x}:{port.pid:04x}"
        yield _Seen("serial", port.device, usb, port.description.replace("n/a", ""))
    typed = {one.usb for one in machine.inputs}
    wanted = {usb for one in fits.values() if one.bus == "hid" for usb in one.usb}
    for hid in machine.hids:
        if hid.usb in wanted or hid.usb not in typed:  # else it stands among the input devices
            yield _Seen("hid", hid.path, hid.usb, hid.name)
    for one in machine.inputs:
        yield _Seen("input", one.path, one.usb, one.name, one.keys, one.axes)
    for name in machine.readers:
        yield _Seen("smartcard", name, "", name)


def _candidates(one: _Seen, fits: Mapping[str, Fits]) -> list[Candidate]:
    order: tuple[Likeness, ...] = ("fits", "possible", "unfit")
    judged = [_judge(one, name, sign) for name, sign in fits.items() if sign.bus == one.bus]
    return sorted(judged, key=lambda drive: order.index(drive.likeness))


def _judge(one: _Seen, driver: str, sign: Fits) -> Candidate:
    likeness: Likeness = "possible"
    bridge = BRIDGES.get(one.usb)
    if not (sign.keys <= one.keys and sign.axes <= one.axes):
        likeness, why = "unfit", "it lacks the keys or axes of such a device"
    elif one.usb in sign.usb or one.bus == "smartcard":
        likeness, why = "fits", ""
    elif sign.usb and one.bus != "input":
        likeness, why = (
            "unfit",
            f"its USB id is {one.usb or 'unknown'}, not {' or '.join(sign.usb)}",
        )
    elif sign.usb or sign.keys or sign.axes:
        why = "it has the keys or axes of one, and so have others"
    elif bridge:
        why = f"a {bridge} bridge chip does not say what hangs behind it"
    else:
        why = "a serial port does not say what hangs behind it"
    return Candidate(driver=driver, likeness=likeness, why=why)


def _port(one: _Seen, seen: Iterable[_Seen], sign: Fits, links: Mapping[str, str]) -> str:
    """What outlasts replugging: a USB id that means this one alone, or a link; else its path.

    Of a PC/SC reader its name, without the place that pcscd gave it, if that means it alone.
    """
    if one.bus == "smartcard":
        short = _PLACE.sub("", one.device)
        alone = sum(short in other.device for other in seen if other.bus == "smartcard") == 1
        return short if alone else one.device
    if one.bus != "serial" and one.usb:
        alike = [
            other
            for other in seen
            if other.bus == one.bus
            and other.usb == one.usb
            and (not sign.keys or sign.keys & other.keys)
        ]
        if alike == [one]:
            return one.usb
    return links.get(os.path.realpath(one.device), one.device)


def snippet(port: str, drivers: Iterable[Candidate], ids: set[str]) -> str:
    """Lines for the settings; the first driver is an example among its alternatives.

    `ids`: of devices that there are already; the new one is added.
    """
    first, *others = (one.driver for one in drivers if one.likeness != "unfit")
    family = "device" if others else first.partition(".")[0]
    number = next(n for n in range(1, len(ids) + 2) if f"{family}-{n}" not in ids)
    ids.add(f"{family}-{number}")
    either = f"  # or {', '.join(map(_quoted, others))}" if others else ""
    return (
        f'[[devices]]\nid = "{family}-{number}"\n'
        f"driver = {_quoted(first)}{either}\nport = {_quoted(port)}\n"
    )


def _quoted(text: str) -> str:
    """A TOML string: a device may give itself any name."""
    return msgspec.json.encode(text).decode()


def lines(found: FoundDevice) -> Iterator[str]:
    """What people are told of a device."""
    yield found.port
    about = [name for name in (found.device, found.usb, found.says) if name]
    if about != [found.port]:
        yield f"    {', '.join(about)}"
    if found.used_by is not None:
        yield f"    used by device {found.used_by}"
        return
    sure, possible = found.of("fits"), found.of("possible")
    for one in sure:
        yield f"    fits {one.driver}"
    for why in dict.fromkeys(one.why for one in possible):
        alike = [one.driver for one in possible if one.why == why]
        any_of = "could be any of" if len(alike) > 1 else "could be"
        yield f"    {any_of} {', '.join(alike)}: {why}"
    if not sure and possible:
        yield f"    try with {possible[0].driver}, or with what you have plugged in: on the page,"
        yield "    its card says what is wrong, and its monitor what is heard"
    for one in found.of("unfit"):
        yield f"    not {one.driver}: {one.why}"
    if not found.drivers:
        yield "    no driver is for such a device"
    if found.snippet:
        yield "    for the settings file:\n"
        yield found.snippet.rstrip("\n")
