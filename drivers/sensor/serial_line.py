"""A sensor of the room that writes one value a line: temperature, CO2, a scale.

Which part of a line is the value, the settings say: a regular expression with one group. There is
no check against lost bytes in such a line, so the stricter the pattern, the better. A value is told
at most once a minute, unless it has moved by more than `worth_telling`. A line on which for seconds
nothing fits is said to be garbled: its speed or its pattern is wrong.
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
from drivers.protocols.hearing import Hearing
from drivers.protocols.telling import NS, Telling
from drivers.readings import Attached, Measurement

A_NUMBER = r"^\s*([-+]?\d+(?:[.,]\d+)?)\s*$"
LINE_END = re.compile(rb"[\r\n]")
SLOW_S = 0.25


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
    FITS = api.Fits("serial", asks=("quantity", "unit"))

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
        self._telling, is_ready = telling, False
        hearing = Hearing(self._sensor.port, self.ports.now_ns() / NS, answers=False)
        reading: asyncio.Future[bytes] | None = None
        try:
            while True:
                reading = reading or asyncio.ensure_future(line.read())
                await asyncio.wait([reading], timeout=self._pause_s(hearing))
                now_ns = self.ports.now_ns()
                if reading.done():
                    data, reading = reading.result(), None
                    found = self._decoder.feed(data, now_ns)
                    telling.hear(found)
                    hearing.hear(len(data), len(found), now_ns / NS)
                if self._decoder.slow:
                    hint = "`pattern` takes too long for a line of this sensor: make it stricter"
                    raise DeviceMisconfigured("pattern_slow", self.device_id, hint)
                hearing.check(now_ns / NS)
                if not is_ready and (is_ready := hearing.is_ready(now_ns / NS)):
                    await emit(Attached(device=self.device_id, mono_ns=now_ns))
                if is_ready and (measurement := telling.take(now_ns)) is not None:
                    await emit(measurement)
        finally:
            if reading is not None:
                reading.cancel()
            line.close()

    def _pause_s(self, hearing: Hearing) -> float | None:
        """How long nothing need be done if nothing comes."""
        now_ns = self.ports.now_ns()
        due_s = self._telling.due_s(now_ns)
        if hearing.heard:
            return due_s
        return hearing.deadline_s(now_ns / NS) - now_ns / NS

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
