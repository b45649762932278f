"""The boards that our receivers are built on, and what writing firmware to each needs."""

from dataclasses import dataclass
from typing import Literal

Tool = Literal["avrdude", "none"]
Keypads = Literal["bus", "radio"]
"""What the presses of a receiver come from: the keypad bus, or ResponseCards by radio."""

KEYPADS: dict[int, Keypads] = {1: "bus", 2: "radio"}
"""As the firmware's imprint numbers them."""


@dataclass(frozen=True)
class Bootloader:
    """A bootloader that a board may carry.

    Attributes:
        baud: the speed that it listens at.
        starts_at: its first address; firmware must end below.
    """

    baud: int
    starts_at: int


@dataclass(frozen=True)
class Board:
    """One kind of receiver.

    Attributes:
        number: as HELLO and the firmware's imprint name it.
        signature: the chip's own, 3 bytes; b"" where there is none.
        bootloaders: tried in this order.
        park: machine code that makes the chip do nothing, wherever it lies.
    """

    number: int
    name: str
    tool: Tool
    part: str = ""
    signature: bytes = b""
    flash_bytes: int = 0
    page_bytes: int = 0
    bootloaders: tuple[Bootloader, ...] = ()
    park: bytes = b""


ATMEGA328P = Board(
    number=1,
    name="ATmega328P",
    tool="avrdude",
    part="m328p",
    signature=bytes.fromhex("1E950F"),
    flash_bytes=32_768,
    page_bytes=128,
    # Optiboot of Uno and newer Nano boards; the 2 KiB one of older Nano boards.
    bootloaders=(Bootloader(115_200, 0x7E00), Bootloader(57_600, 0x7800)),
    park=bytes.fromhex("F894FFCF"),  # cli; rjmp .-2
)
VIRTUAL = Board(number=2, name="virtual receiver", tool="none")

BOARDS = {board.number: board for board in (ATMEGA328P, VIRTUAL)}
