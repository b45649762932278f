"""Boards that are touch screens to the kernel: infrared frames, interactive boards, pens.

Whatever a finger or a pen draws from its touch to its lift is one stroke, or several that join
where it is long. Positions are those of the axes, laid over the size of the board: what the four
corners really are is asked of a person, and set right by the agent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from pydantic import Field

from drivers import api
from drivers.anonymous_contacts import (
    ABS_MT_POSITION_X,
    ABS_MT_POSITION_Y,
    ABS_MT_PRESSURE,
)
from drivers.contacts import (
    ABS_PRESSURE,
    ABS_X,
    ABS_Y,
    BTN_TOUCH,
    Contacts,
    Track,
)
from drivers.evdev import EventDecoder
from drivers.ports import Axis, InputLine, Ports, SlotState
from drivers.readings import Attached, Stroke

WIDTH_MM, HEIGHT_MM = 1600, 900
"""Of a board that tells no size and of which none is set."""
HIGHEST = 32_767
PRESSED = Axis(0, 0, 1023)
STEP_MM = 0.3
"""Lesser moves are a hand that trembles."""
MICROSECONDS_A_MS = 1000


class TouchOptions(api.Options):
    """Settings of one board."""

    port: str = Field(description="Path or USB id, e.g. 6615:0084")
    width_mm: int | None = Field(
        default=None, gt=0, le=20_000, description="Width of the touched area in mm; else asked"
    )
    height_mm: int | None = Field(
        default=None, gt=0, le=20_000, description="Height of the touched area in mm; else asked"
    )
    wipes_from_mm: int | None = Field(
        default=None, gt=0, description="A touch at least so wide, in mm, wipes: a fist, a sponge"
    )
    grab: bool = Field(
        default=True, description="Keep its touches from the desktop of the machine it hangs on"
    )


class Surface(NamedTuple):
    """Where the axes lie on the board, in the device's own units, and how large that is.

    Attributes:
        pressures: the axis by its code, of those that tell how hard is pressed.
    """

    x: Axis = Axis(0, 0, HIGHEST)
    y: Axis = Axis(0, 0, HIGHEST)
    width_mm: float = WIDTH_MM
    height_mm: float = HEIGHT_MM
    pressures: Mapping[int, Axis] = {ABS_PRESSURE: PRESSED, ABS_MT_PRESSURE: PRESSED}

    @property
    def units_a_mm(self) -> float:
        """Along the width."""
        return (self.x.highest - self.x.lowest) / self.width_mm

    def place(self, x: int, y: int) -> tuple[float, float]:
        """Right and down of the upper left corner, in mm."""
        return (
            round((x - self.x.lowest) / (self.x.highest - self.x.lowest) * self.width_mm, 1),
            round((y - self.y.lowest) / (self.y.highest - self.y.lowest) * self.height_mm, 1),
        )


def surface_of(line: InputLine, options: TouchOptions) -> Surface:
    """From the settings, else from what the axes tell of themselves, else assumed."""
    told = line.axis(ABS_MT_POSITION_X) or line.axis(ABS_X)
    x = told or Surface().x
    y = line.axis(ABS_MT_POSITION_Y) or line.axis(ABS_Y) or Surface().y
    pressures = {
        code: axis
        for code in (ABS_PRESSURE, ABS_MT_PRESSURE)
        if (axis := line.axis(code)) is not None
    }
    return Surface(
        x if x.highest > x.lowest else Surface().x,
        y if y.highest > y.lowest else Surface().y,
        options.width_mm or _told_mm(x) or WIDTH_MM,
        options.height_mm or _told_mm(y) or HEIGHT_MM,
        Surface().pressures if told is None else pressures,
    )


def _told_mm(axis: Axis) -> float:
    return (axis.highest - axis.lowest) / axis.per_mm if axis.per_mm > 0 else 0


class Touch(api.Driver):
    """One board."""

    Options: ClassVar[type[api.Options]] = TouchOptions
    FITS = api.Fits("input", keys=frozenset((BTN_TOUCH,)), axes=frozenset((ABS_X, ABS_Y)))

    def __init__(self, device_id: str, options: TouchOptions, *, ports: Ports) -> None:
        super().__init__(device_id, options, ports=ports)
        self._settings = options
        self._decoder = TouchDecoder(device_id)

    @classmethod
    def decoder(cls, device_id: str) -> api.Decoder:
        """A decoder of the kernel's records, of a board of the usual range and size."""
        return TouchDecoder(device_id)

    async def run(self, emit: api.Emit) -> None:
        """Read strokes until cancelled."""
        settings = self._settings
        line = await self.ports.input(settings.port, grab=settings.grab, key=BTN_TOUCH)
        try:
            surface = surface_of(line, settings)
            slots = line.axis(ABS_MT_POSITION_X) is not None
            decoder = TouchDecoder(
                self.device_id, surface, wipes_from_mm=settings.wipes_from_mm, slots=slots
            )
            self._decoder = decoder
            facts = {"width_mm": f"{surface.width_mm:.0f}", "height_mm": f"{surface.height_mm:.0f}"}
            await emit(Attached(device=self.device_id, mono_ns=self.ports.now_ns(), facts=facts))
            while True:
                if decoder.wants_state:
                    decoder.resume(*line.slots())
                data = await line.read()
                for stroke in decoder.feed(data, self.ports.now_ns()):
                    await emit(stroke)
        finally:
            line.close()

    def counters(self) -> dict[str, int]:
        """Bytes of no record, what could not be followed, and palms."""
        decoder = self._decoder
        return {
            "junk_bytes": decoder.junk_bytes,
            "contacts_skipped": decoder.contacts_skipped,
            "palms": decoder.palms,
        }


class TouchDecoder:
    """Records to strokes. Holds at most a record less one byte, and the strokes in progress."""

    def __init__(
        self,
        device_id: str,
        surface: Surface | None = None,
        *,
        wipes_from_mm: float | None = None,
        slots: bool = False,
    ) -> None:
        """`slots`: it is known to be a multitouch device."""
        self.palms = 0
        self._device = device_id
        self._surface = surface = surface or Surface()
        self._wipes_from = None if wipes_from_mm is None else wipes_from_mm * surface.units_a_mm
        self._events = EventDecoder()
        ranges = dict.fromkeys((ABS_X, ABS_MT_POSITION_X), surface.x)
        ranges |= dict.fromkeys((ABS_Y, ABS_MT_POSITION_Y), surface.y)
        ranges |= surface.pressures
        step = max(1, round(STEP_MM * surface.units_a_mm))
        self._contacts = Contacts(ranges, step=step, slots=slots)
        self._junk_bytes = 0

    @property
    def junk_bytes(self) -> int:
        """Bytes of no record."""
        return self._events.junk_bytes

    @property
    def contacts_skipped(self) -> int:
        """Contacts beyond those that are followed, and positions off the board."""
        return self._contacts.skipped

    @property
    def wants_state(self) -> bool:
        """Records are missing: what the kernel knows now is wanted."""
        return self._contacts.wants_state

    def resume(self, slot: int, states: Mapping[int, SlotState]) -> None:
        """Go on from what the kernel knows."""
        self._contacts.resume(slot, states)

    def feed(self, data: bytes, now_ns: int) -> list[Stroke]:
        """The strokes that `data` ends."""
        strokes = []
        for event in self._events.feed(data):
            if self._events.junk_bytes > self._junk_bytes:
                self._junk_bytes = self._events.junk_bytes
                self._contacts.lose()
            for track in self._contacts.hear(event):
                if track.palm:
                    self.palms += 1
                else:
                    strokes.append(self._stroke(track, now_ns))
        return strokes

    def _stroke(self, track: Track, now_ns: int) -> Stroke:
        wide = self._wipes_from is not None and track.widest >= self._wipes_from
        began_us = track.points[0][2]
        pressures = tuple(one for one in track.pressures if one is not None)
        # An axis that is there and says nothing, or always zero, is no pressure.
        told = len(pressures) == len(track.points) and any(pressures)
        return Stroke(
            device=self._device,
            mono_ns=now_ns,
            tool="eraser" if track.rubber or wide else "pen",
            points=tuple(
                (*self._surface.place(x, y), (at_us - began_us) // MICROSECONDS_A_MS)
                for x, y, at_us in track.points
            ),
            pressures=pressures if told else (),
        )
