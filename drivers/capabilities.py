"""Abilities that some devices have. A driver has one by having its methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import msgspec

from drivers.readings import Token

if TYPE_CHECKING:  # loaded when something is flashed
    from firmware_bridge.image import FirmwareImage, FlashStep

Verdict = Literal["accepted", "changed", "rejected"]


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What became of one press, once that is durable.

    Attributes:
        verdict: accepted (counts), changed (replaces this keypad's earlier answer) or rejected.
        code: why it was rejected, e.g. "no_question_open"; "" otherwise.
    """

    verdict: Verdict
    code: str = ""


class QuestionView(msgspec.Struct, frozen=True, kw_only=True):
    """What a device may know of the open question: never the key.

    Attributes:
        question: its number in the lesson, from 1.
        kind: "single", "multiple", "true_false", "number", "buzz", "text" or "order".
            Who knows no way to answer a kind takes no answer to it.
        options: how many options it has; 0 for a number, a buzz-in and a text.
        answered: how many respondents have answered so far.
    """

    question: int
    kind: str
    options: int
    answered: int


class KeypadState(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a keypad last said of itself; None where it does not.

    Attributes:
        rssi_dbm: strength of its signal at the receiver.
        power: state of its battery, in the maker's own measure.
    """

    rssi_dbm: int | None = None
    power: int | None = None


@runtime_checkable
class KnowsKeypads(Protocol):
    """Knows how its keypads are."""

    def keypads(self) -> dict[str, KeypadState]:
        """The state of each keypad heard of, by its id. Must not block or raise."""


@runtime_checkable
class Confirms(Protocol):
    """Can tell the person who pressed what became of it."""

    def confirm(self, outcomes: Sequence[tuple[Token, Outcome]]) -> None:
        """Called after the commit only, for refused presses too. Must not block or raise."""


@runtime_checkable
class Polls(Protocol):
    """Must be told what is open."""

    def show(self, view: QuestionView | None) -> None:
        """Called after `Attached`, when the open question changes, and now and then with the count.

        Must not block or raise.
        """


@runtime_checkable
class Reports(Protocol):
    """Knows how far what it emitted is complete. Other devices emit a press as it comes."""

    def complete_ns(self) -> int:
        """Every press made before this time has been emitted. By the host's CLOCK_BOOTTIME."""


@runtime_checkable
class Locatable(Protocol):
    """Can make itself seen or heard."""

    def locate(self) -> None:
        """Blink or beep for a few seconds. Must not block or raise."""


@runtime_checkable
class Flashable(Protocol):
    """Bears firmware that can be replaced."""

    async def flash(
        self,
        image: FirmwareImage,
        tell: Callable[[FlashStep], None],
        *,
        change_keypads: bool = False,
        inherited: Sequence[int] = (),
    ) -> str:
        """Write `image` and hear from the device that it runs; its version. Not while `run` runs.

        `tell` hears how far it is. `change_keypads`: even if the image is for other keypads than
        the device serves. `inherited`: descriptors to be left open in the program that
        writes.

        Raises:
            FlashError: `NothingChanged` and `WrongBoard` where the device is as it was, `CutOff`
                where it must be flashed again, and can be.
            DeviceLost, DeviceMisconfigured: its port cannot be opened.
        """
