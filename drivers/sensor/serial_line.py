"""A sensor of the room that writes one value a line: temperature, CO2, a scale.

Which part of a line is the value, the settings say: a regular expression with one group. There is
no check against lost bytes in such a line, so the stricter the pattern, the better. A value is told
at most once a minute, unless it has moved by more than `worth_telling`.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from typing import ClassVar

from pydantic import Field, field_validator

from drivers import api
from drivers.errors import DeviceMisconfigured
from drivers.line_pattern import LINE_CHARS, line_pattern
from drivers.ports import Ports
from drivers.readings import Attached, Measurement

A_NUMBER = r"^\s*([-+]?\d+(?:[.,]\d+)?)\s*$"
LINE_END = re.compile(rb"[\r\n]")
SLOW_S = 0.25
NS = 1_000_000_000


class SerialLineOptions(api.Options):
    """Settings of one sensor."""

    port: str = Field(description="Serial port, e.g. /dev/serial/by-id/usb-...")
    baud: int = Field(default=9600, gt=0, description="Speed in baud")
    pattern: str = Field(
        default=A_NUMBER,
        description="Regular expression that finds the value in a line, its one group",
    )
    quantity: str = Field(
        default="value", min_length=1, max_length=32, description="What is measured, e.g. co2"
    )
    unit: str = Field(default="", max_length=16, description="Its unit, e.g. ppm")
    every_s: float = Field(
        default=60, ge=1, description="A value that moves little is told so often, in seconds"
    )
    worth_telling: float | None = Field(
        default=None, gt=0, description="A value that moved by more is told sooner, in its unit"
    )
    least_s: float = Field(
        default=1, ge=0.1, description="But never more often than this, in seconds"
    )

    @field_validator("pattern")
    @classmethod
    def _pattern_ends(cls, text: str) -> str:
        line_pattern(text)
        return text


class SerialLine(api.Driver):
    """One sensor."""

    Options: ClassVar[type[api.Options]] = SerialLineOptions

    def __init__(self, device_id: str, options: SerialLineOptions, *, ports: Ports) -> None:
        super().__init__(device_id, options, ports=ports)
        self._sensor = options
        self._decoder, self._telling = self._begin()

    @classmethod
    def decoder(cls, device_id: str) -> api.Decoder:
        """A decoder of lines that hold a number and nothing else. It gives each."""
        return LineDecoder(device_id, A_NUMBER, "value", "")

    async def run(self, emit: api.Emit) -> None:
        """Read values until cancelled."""
        line = await self.ports.serial(self._sensor.port, baud=self._sensor.baud)
        self._decoder, telling = self._begin()
        self._telling = telling
        reading: asyncio.Future[bytes] | None = None
        try:
            await emit(Attached(device=self.device_id, mono_ns=self.ports.now_ns()))
            while True:
                reading = reading or asyncio.ensure_future(line.read())
                await asyncio.wait([reading], timeout=telling.due_s(self.ports.now_ns()))
                now_ns = self.ports.now_ns()
                if reading.done():
                    telling.hear(self._decoder.feed(reading.result(), now_ns))
                    reading = None
                if self._decoder.slow:
                    hint = "`pattern` takes too long for a line of this sensor: make it stricter"
                    raise DeviceMisconfigured("pattern_slow", self.device_id, hint)
                if (measurement := telling.take(now_ns)) is not None:
                    await emit(measurement)
        finally:
            if reading is not None:
                reading.cancel()
            line.close()

    def _begin(self) -> tuple[LineDecoder, Telling]:
        sensor = self._sensor
        decoder = LineDecoder(self.device_id, sensor.pattern, sensor.quantity, sensor.unit)
        every_ns, least_ns = int(sensor.every_s * NS), int(sensor.least_s * NS)
        return decoder, Telling(every_ns, least_ns, sensor.worth_telling)

    def counters(self) -> dict[str, int]:
        """Lines without a value, and values that were not worth telling."""
        return {
            "junk_bytes": self._decoder.junk_bytes,
            "lines_skipped": self._decoder.lines_skipped,
            "values_not_told": self._telling.not_told,
        }


class Telling:
    """Which of many values are told: the newest, now and then, and one that has moved at once.

    The newest is never given up: when it was too early for it, it is told later.
    """

    def __init__(self, every_ns: int, least_ns: int, worth_telling: float | None) -> None:
        self.not_told = 0
        self._every_ns = every_ns
        self._least_ns = min(least_ns, every_ns)
        self._worth_telling = worth_telling
        self._told: Measurement | None = None
        self._told_ns = 0
        self._newest: Measurement | None = None

    def hear(self, measurements: list[Measurement]) -> None:
        """Take what was measured."""
        if measurements:
            self.not_told += len(measurements) - (self._newest is None)
            self._newest = measurements[-1]

    def due_s(self, now_ns: int) -> float | None:
        """When the newest value is to be told; None if there is none."""
        return None if self._newest is None else max(0, self._due_ns(self._newest) - now_ns) / NS

    def take(self, now_ns: int) -> Measurement | None:
        """The newest value, if it is time."""
        newest = self._newest
        if newest is None or now_ns < self._due_ns(newest):
            return None
        self._told, self._told_ns, self._newest = newest, now_ns, None
        return newest

    def _due_ns(self, newest: Measurement) -> int:
        if self._told is None:
            return newest.mono_ns
        worth = self._worth_telling
        moved = worth is not None and abs(newest.value - self._told.value) > worth
        return self._told_ns + (self._least_ns if moved else self._every_ns)


class LineDecoder:
    """Bytes to one `Measurement` a line. Holds at most a line of `LINE_CHARS` bytes.

    `slow`: the pattern took longer for a line than any should.
    """

    def __init__(self, device_id: str, pattern: str, quantity: str, unit: str) -> None:
        self.junk_bytes = self.lines_skipped = 0
        self.slow = False
        self._device = device_id
        self._pattern = line_pattern(pattern)
        self._quantity, self._unit = quantity, unit
        self._held = b""
        self._too_long = False

    def feed(self, data: bytes, now_ns: int) -> list[Measurement]:
        """The values whose lines `data` completes."""
        *lines, self._held = LINE_END.split(self._held + data)
        found = []
        for line in lines:
            value = None if self._too_long or len(line) > LINE_CHARS else self._value(line)
            if value is not None:
                found.append(
                    Measurement(
                        device=self._device,
                        mono_ns=now_ns,
                        quantity=self._quantity,
                        value=value,
                        unit=self._unit,
                    )
                )
            elif line or self._too_long:
                self.junk_bytes += len(line) + 1
                self.lines_skipped += 1
            self._too_long = False
        if self._too_long or len(self._held) > LINE_CHARS:
            self.junk_bytes += len(self._held)
            self._held, self._too_long = b"", True
        return found

    def _value(self, line: bytes) -> float | None:
        if self.slow:
            return None
        began_s = time.thread_time()
        match = self._pattern.search(line.decode(errors="replace"))
        self.slow = time.thread_time() - began_s > SLOW_S
        try:
            value = float((match[1] or "").replace(",", ".")) if match is not None else math.nan
        except ValueError:
            return None
        return value if math.isfinite(value) else None
