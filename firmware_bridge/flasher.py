"""Flashing a receiver: who is there, write and verify, and hear from it that it runs."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Protocol

from firmware_bridge import avrdude
from firmware_bridge.boards import BOARDS, Keypads
from firmware_bridge.flash_errors import CutOff, WrongBoard
from firmware_bridge.frame import FrameDecoder, encode_frame
from firmware_bridge.image import FirmwareImage, FlashStep, Phase
from firmware_bridge.link import ByteLine
from firmware_bridge.message_table import MessageType
from firmware_bridge.messages import (
    ForeignHello,
    Hello,
    HelloRequest,
    Malformed,
    decode_from_receiver,
)

BEFORE_S = 2.0
"""So long may a receiver take to say who it is; one without firmware never will."""
AFTER_S = 15.0
ASK_AGAIN_S = 0.5


class ClosableLine(ByteLine, Protocol):
    """A line of bytes that can be closed."""

    def close(self) -> None:
        """Close it; safe to call twice."""


IN_WORDS: dict[Keypads, str] = {"bus": "the keypad bus", "radio": "ResponseCards by radio"}
"""Keypads, for people."""

OpenLine = Callable[[], Awaitable[ClosableLine]]
Tell = Callable[[FlashStep], None]


async def flash(
    port: str,
    image: FirmwareImage,
    tell: Tell,
    *,
    open_line: OpenLine,
    wanted: Keypads | None = None,
    change_keypads: bool = False,
    inherited: Sequence[int] = (),
) -> Hello | ForeignHello:
    """Write `image` to the receiver at `port`; what it says of itself afterwards.

    `wanted`: the keypads that it must serve, where that is known; else it is asked for which ones
    its firmware is. Others are refused unless `change_keypads`.

    Nobody else may use the port meanwhile. `inherited`: descriptors that stay open in the program
    that writes, so that a hold outlives this process as long as that one.

    Raises:
        WrongBoard, NothingChanged: the receiver is as it was.
        CutOff: it is not; it can be flashed again, and must be.
    """
    tell(FlashStep("asking"))
    before = await greet(open_line, BEFORE_S)
    was = ""
    if before is not None:
        was = _version(before)
        if before.board != image.board.number:
            name = BOARDS[before.board].name if before.board in BOARDS else str(before.board)
            hint = f"nothing was changed: it is a {name}, and the image is for {image.board.name}"
            raise WrongBoard("board_differs", port, hint)
    served = wanted or _served(before)
    if served not in (None, image.keypads) and not change_keypads:
        hint = (
            f"nothing was changed: the receiver serves {IN_WORDS[served]}, and the image is for"
            f" {IN_WORDS[image.keypads]}: its keypads would be silent"
        )
        raise WrongBoard("keypads_differ", port, hint)
    tell(FlashStep("entering", was=was))
    await avrdude.write(
        port,
        image,
        lambda phase, percent: tell(FlashStep(_phase(phase), percent, was)),
        inherited=inherited,
    )
    tell(FlashStep("starting", was=was))
    after = await greet(open_line, AFTER_S)
    if after is None:
        hint = "it was written and verified, and does not say so; take it off the USB and on again"
        raise CutOff("receiver_silent", port, hint)
    if after.firmware != image.firmware:
        hint = f"it was written with {image.version}, and says {_version(after)}; flash it again"
        raise CutOff("version_differs", port, hint)
    tell(FlashStep("done", was=was))
    return after


async def greet(open_line: OpenLine, wait_s: float) -> Hello | ForeignHello | None:
    """Who is there, of whatever version; None if nobody says so within `wait_s`."""
    line = await open_line()
    frames = FrameDecoder()
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                return await _hello(line, frames)
        return None
    finally:
        line.close()


async def _hello(line: ByteLine, frames: FrameDecoder) -> Hello | ForeignHello:
    while True:
        # To a bootloader, the 0x00 in front is no command: it gives up and starts the firmware.
        line.write(b"\0" + encode_frame(HelloRequest().encode()))
        with suppress(TimeoutError):
            async with asyncio.timeout(ASK_AGAIN_S):
                while True:
                    for body in frames.feed(await line.read()):
                        with suppress(Malformed):
                            message = decode_from_receiver(body)
                            if isinstance(message, Hello | ForeignHello):
                                return message


def _served(hello: Hello | ForeignHello | None) -> Keypads | None:
    """The keypads that its firmware is for, where it says so: one for the radio can be tuned."""
    if not isinstance(hello, Hello):
        return None
    return "radio" if MessageType.RADIO in dict(hello.table) else "bus"


def _version(hello: Hello | ForeignHello) -> str:
    return ".".join(map(str, hello.firmware))


def _phase(word: str) -> Phase:
    return "verifying" if word == "verifying" else "writing"
