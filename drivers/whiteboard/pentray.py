"""A whiteboard's tray: a switch under each pen and the eraser, wired to one of our receivers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from drivers import api
from drivers.on_receiver import MessageDecoder, OnReceiver, ReceiverOptions
from drivers.ports import Ports
from drivers.readings import Reading, ToolLifted
from firmware_bridge.connection import Event
from firmware_bridge.message_table import MessageType
from firmware_bridge.messages import FromReceiver, Switches

MAX_TOOLS = 4
PEN_AND_ERASER = ("pen", "eraser")
ToolName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,19}$")]


class PenTrayOptions(ReceiverOptions):
    """Settings of one tray."""

    tools: tuple[ToolName, ...] = Field(
        default=PEN_AND_ERASER,
        min_length=1,
        max_length=MAX_TOOLS,
        description='What lies on each switch, from the receiver\'s pin A0 on: "eraser" wipes,'
        ' "black", "red", "blue" and "green" draw in that colour',
    )
    lifted_when: Literal["open", "closed"] = Field(
        default="open", description="How a switch is while its tool is away"
    )


class PenTray(OnReceiver):
    """One tray."""

    Options: ClassVar[type[api.Options]] = PenTrayOptions
    hears: ClassVar[tuple[type[Event], ...]] = (Switches,)
    needs: ClassVar[MessageType] = MessageType.SWITCHES

    def __init__(self, device_id: str, options: PenTrayOptions, *, ports: Ports) -> None:
        super().__init__(device_id, options, ports=ports)
        self._tray = Tray(device_id, options.tools, options.lifted_when)

    @classmethod
    def decoder(cls, device_id: str) -> api.Decoder:
        """A decoder of a tray with one pen and an eraser."""
        return PenTrayDecoder(device_id)

    def readings(self, event: Event) -> Sequence[Reading]:
        """What was lifted or put back."""
        now_ns = self.ports.now_ns()
        return self._tray.changes(event, now_ns) if isinstance(event, Switches) else ()


class PenTrayDecoder(MessageDecoder):
    """What a receiver sent, to tools lifted and put back."""

    def __init__(self, device_id: str) -> None:
        super().__init__(device_id)
        self._tray = Tray(device_id, PEN_AND_ERASER, "open")

    def said(self, message: FromReceiver, now_ns: int) -> Sequence[Reading]:
        """What was lifted or put back."""
        return self._tray.changes(message, now_ns) if isinstance(message, Switches) else ()


class Tray:
    """Where the tools are. A receiver says all of its switches, again and again."""

    def __init__(
        self, device: str, tools: Sequence[str], lifted_when: Literal["open", "closed"]
    ) -> None:
        self._device = device
        self._tools = tools
        self._lifted_when_closed = lifted_when == "closed"
        self._lifted: dict[str, bool] = {}

    def changes(self, switches: Switches, now_ns: int) -> list[ToolLifted]:
        """What has changed; at first, where each tool is."""
        changed: list[ToolLifted] = []
        for bit, tool in enumerate(self._tools):
            lifted = bool(switches.closed >> bit & 1) == self._lifted_when_closed
            if self._lifted.get(tool) is not lifted:
                self._lifted[tool] = lifted
                changed.append(
                    ToolLifted(device=self._device, mono_ns=now_ns, tool=tool, lifted=lifted)
                )
        return changed
