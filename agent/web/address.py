"""The address by which the room's phones reach this board. Nothing is sent to find it."""

from __future__ import annotations

import fcntl
import socket
import struct

SIOCGIFADDR = 0x8915
"""Asks Linux for an interface's IPv4 address, see netdevice(7)."""
_NOWHERE = ("192.0.2.1", 9)  # an address for documents (RFC 5737): it only chooses a route


def own_address() -> str:
    """The IPv4 address of the way out, else of any interface, else "localhost".

    A room whose network has no router has no way out.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_NOWHERE)
            return str(probe.getsockname()[0])
        except OSError:  # no route
            found = (_address_of(probe, name) for _, name in socket.if_nameindex())
            return next((one for one in found if one and not one.startswith("127.")), "localhost")


def _address_of(probe: socket.socket, interface: str) -> str | None:
    request = struct.pack("256s", interface.encode()[:15])
    try:
        return socket.inet_ntoa(fcntl.ioctl(probe, SIOCGIFADDR, request)[20:24])
    except OSError:  # it is down, or has none
        return None
