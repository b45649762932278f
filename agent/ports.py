"""What the board hands to its drivers: real serial ports, its clock, the students' page."""

from __future__ import annotations

from agent import clock
from drivers.ports import ByteLine, CardSlot, InputLine, Phones
from drivers.presence import Presence
from drivers.receiver import Receivers
from drivers.serial import SerialLine


class BoardPorts:
    """The `Ports` of a running agent."""

    def __init__(self, phones: Phones) -> None:
        """`phones`: where answers from the students' page wait."""
        self._phones = phones
        self._presences: dict[str, Presence] = {}
        self._receivers = Receivers(self.now_ns)

    async def serial(self, path: str, *, baud: int) -> ByteLine:
        """Open a serial port."""
        return SerialLine(path, baud)

    async def hid(self, port: str) -> ByteLine:
        """Open a HID device."""
        from drivers.hidraw import open_hid  # noqa: PLC0415 (not in every room)

        return open_hid(port)

    async def input(self, port: str, *, grab: bool, key: int | None = None) -> InputLine:
        """Open an input device."""
        from drivers.evdev import open_input  # noqa: PLC0415 (as above)

        return open_input(port, grab=grab, key=key)

    async def card_slot(self, port: str) -> CardSlot:
        """Open a PC/SC reader."""
        from drivers.card_slot import PcscSlot  # noqa: PLC0415 (as above; pyscard is an extra)

        return await PcscSlot.open(port)

    def presence(self, device_id: str) -> Presence:
        """What lies on a card reader."""
        return self._presences.setdefault(device_id, Presence())

    @property
    def receivers(self) -> Receivers:
        """Our own receivers."""
        return self._receivers

    def now_ns(self) -> int:
        """CLOCK_BOOTTIME in ns."""
        return clock.now_ns()

    @property
    def phones(self) -> Phones:
        """The students' page."""
        return self._phones
