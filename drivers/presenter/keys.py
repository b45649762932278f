"""Presenters: the Logitech R400 (046d:c52d, also c538) and what is made like it.

To the computer it is a keyboard with PageDown, PageUp, F5 and Esc in turn on one button, and "."
or, on some, "b". The device is grabbed, so that these keys do nothing else on the board.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from drivers import api
from drivers.evdev import EV_KEY, HELD, PRESSED, EventDecoder
from drivers.listening import relay
from drivers.ports import Ports
from drivers.readings import RemoteAction, RemoteKey

KEY_ESC, KEY_B, KEY_DOT, KEY_F5, KEY_PAGEUP, KEY_PAGEDOWN = 1, 48, 52, 63, 104, 109
ACTIONS: dict[int, RemoteAction] = {
    KEY_PAGEDOWN: "next",
    KEY_PAGEUP: "previous",
    KEY_F5: "start",
    KEY_ESC: "start",
    KEY_DOT: "blank",
    KEY_B: "blank",
}


class KeysOptions(api.Options):
    """Settings of one presenter."""

    port: str = Field(
        default="046d:c52d",
        description="Path or USB id; 046d:c52d or 046d:c538 for a Logitech R400",
    )


class Keys(api.Driver):
    """One presenter."""

    Options: ClassVar[type[api.Options]] = KeysOptions
    FITS = api.Fits("input", usb=("046d:c52d", "046d:c538"), keys=frozenset((KEY_PAGEDOWN,)))

    def __init__(self, device_id: str, options: KeysOptions, *, ports: Ports) -> None:
        super().__init__(device_id, options, ports=ports)
        self._port = options.port
        self._decoder = KeysDecoder(device_id)

    @classmethod
    def decoder(cls, device_id: str) -> api.Decoder:
        """A decoder of the kernel's records."""
        return KeysDecoder(device_id)

    async def run(self, emit: api.Emit) -> None:
        """Read keys until cancelled."""
        line = await self.ports.input(self._port, grab=True, key=KEY_PAGEDOWN)
        self._decoder = KeysDecoder(self.device_id)
        await relay(line, self._decoder.feed, emit, device=self.device_id, now_ns=self.ports.now_ns)

    def counters(self) -> dict[str, int]:
        """Bytes of no record, keys that mean nothing here, and keys that were held."""
        decoder = self._decoder
        return {
            "junk_bytes": decoder.junk_bytes,
            "other_keys": decoder.other_keys,
            "held_keys": decoder.held_keys,
        }


class KeysDecoder:
    """Records to one `RemoteKey` a press. Holds at most a record less one byte."""

    def __init__(self, device_id: str) -> None:
        self.other_keys = self.held_keys = 0
        self._device = device_id
        self._events = EventDecoder()

    @property
    def junk_bytes(self) -> int:
        """Bytes of no record."""
        return self._events.junk_bytes

    def feed(self, data: bytes, now_ns: int) -> list[RemoteKey]:
        """The presses in `data`."""
        presses = []
        for event in self._events.feed(data):
            if event.type != EV_KEY:
                continue
            action = ACTIONS.get(event.code)
            if event.value == HELD:
                self.held_keys += 1
            elif event.value == PRESSED and action is None:
                self.other_keys += 1
            elif event.value == PRESSED and action is not None:
                press = RemoteKey(device=self._device, mono_ns=now_ns, action=action)
                presses.append(press)
        return presses
