"""PC/SC readers, through pcscd and pyscard, on the asyncio loop.

Imported only where a room has such a reader: pyscard is an extra.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

try:
    from smartcard import scard
except ImportError as error:  # the extra is not installed, or the system's library is not
    scard = None
    _MISSING = str(error)

from drivers.blocking import GRACE_S, BlockingThread
from drivers.errors import DeviceLost, DeviceMisconfigured, DriverError

Result = TypeVar("Result")

LOOK_MS = 500
"""So long one wait for a card lasts, and closing at most."""
CALL_S = 10.0
"""No call takes so long, even with a slow card: pcscd hangs."""
TRIES, RETRY_S = 4, 0.15

PRESENT = 0x0020
GONE = 0x0001 | 0x0004 | 0x0008
"""The reader is to be ignored, unknown or not available: it was pulled."""
COUNT = 0xFFFF_0000
"""How many cards came and went: tells a card from one put in its place unseen."""

OK = 0
TIMEOUT = 0x8010_000A
NO_READERS = 0x8010_002E
FORBIDDEN = 0x8010_006A
NO_SERVICE = {0x8010_0003, 0x8010_0013, 0x8010_001D, 0x8010_001E}
"""Also an invalid handle and a broken line: pcscd was started anew."""
NO_READER = {0x8010_0009, 0x8010_0017, NO_READERS}
RETRIED = {0x8010_000B, 0x8010_0067, 0x8010_0068}
"""Another program has the card, or has just reset it."""
NO_ANSWER = RETRIED | {
    0x8010_000C, 0x8010_000F, 0x8010_0016, 0x8010_0065, 0x8010_0066, 0x8010_0069,
    0x8010_002F,
}  # fmt: skip
"""Taken away, mute, or of no protocol that the reader knows."""


class PcscSlot:
    """One open reader, a `CardSlot`. Everything of pyscard runs in a thread of its own."""

    def __init__(self, thread: BlockingThread, context: Any, name: str, call_s: float) -> None:
        """For `open`, which is how one is made."""
        self.name = name
        self._call_s = call_s
        self._thread = thread
        self._context = context
        self._state = 0
        self._looked = False
        self._unanswered = False

    @classmethod
    async def open(cls, port: str, *, call_s: float = CALL_S, grace_s: float = GRACE_S) -> PcscSlot:
        """Find the reader.

        `call_s`: so long pcscd may take for an answer; `grace_s`: for one that nobody waits for.

        Raises:
            DeviceLost: it is not there, or pcscd is not, or does not answer.
            DeviceMisconfigured: pyscard is not installed, no permission, or several fit `port`.
        """
        where = port or "PC/SC"
        if scard is None:
            hint = f"install classroom-agent with its extra `cards` ({_MISSING})"
            raise DeviceMisconfigured("library_missing", where, hint)
        thread = BlockingThread(f"pcsc {port}", grace_s=grace_s)
        if BlockingThread.is_left_behind(thread.name):
            raise _silent(where)
        context = None
        try:
            context = await _within(thread, lambda: _establish(where), call_s, where)
            names = await _within(thread, lambda: _readers(context, where), call_s, where)
            return cls(thread, context, choose(names, port), call_s)
        except BaseException:
            await thread.close(_release(context))
            raise

    async def change(self) -> bytes | None:
        """Wait until a card is laid down or taken away; its ATR, None when there is none now.

        pcscd may be late to see that a card is gone, and miss that another lies in its place. So
        a card that gave no answer is news again a little later.
        """
        while True:
            state, atr = await self._call(self._look)
            there, before = state & (PRESENT | COUNT), self._state & (PRESENT | COUNT)
            news = there != before or not self._looked or (self._unanswered and state & PRESENT)
            self._state, self._looked, self._unanswered = state, True, False
            if news:
                return atr if state & PRESENT else None

    async def ask(self, command: bytes) -> bytes:
        """Send an APDU to the card that lies there; its answer, or b"" if it gave none."""
        answer = await self._call(lambda: self._transmit(command))
        self._unanswered = not answer
        return answer

    async def close(self) -> None:
        """Let go of the reader."""
        await self._thread.close(_release(self._context))

    async def _call(self, function: Callable[[], Result]) -> Result:
        return await _within(self._thread, function, self._call_s, self.name)

    # -- in the thread ------------------------------------------------------------------------

    def _look(self) -> tuple[int, bytes]:
        wait_ms = LOOK_MS if self._looked else 0
        asked = [(self.name, self._state)]
        result, states = scard.SCardGetStatusChange(self._context, wait_ms, asked)
        if _code(result) != TIMEOUT:
            _check(result, self.name)
        _, state, atr = states[0]
        if state & GONE:
            raise _gone(self.name)
        return state & ~scard.SCARD_STATE_CHANGED, bytes(atr)

    def _transmit(self, command: bytes) -> bytes:
        result, answer = self._transmit_once(command)
        for _ in range(TRIES - 1):
            if _code(result) not in RETRIED:
                break
            time.sleep(RETRY_S)
            result, answer = self._transmit_once(command)
        if _code(result) in NO_ANSWER:
            return b""
        _check(result, self.name)
        return answer

    def _transmit_once(self, command: bytes) -> tuple[int, bytes]:
        protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        shared = scard.SCARD_SHARE_SHARED
        result, card, protocol = scard.SCardConnect(self._context, self.name, shared, protocols)
        if _code(result) != OK:
            return result, b""
        try:
            form = scard.SCARD_PCI_T0 if protocol == scard.SCARD_PROTOCOL_T0 else scard.SCARD_PCI_T1
            result, answer = scard.SCardTransmit(card, form, list(command))
            return result, bytes(answer)
        finally:
            scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD)


def readers() -> list[str]:
    """The names of the readers that pcscd knows; none without pcscd, or without the library."""
    if scard is None:
        return []
    try:
        context = _establish("PC/SC")
    except DriverError:
        return []
    try:
        return _readers(context, "PC/SC")
    except DriverError:
        return []
    finally:
        scard.SCardReleaseContext(context)


def choose(names: Sequence[str], port: str) -> str:
    """The reader that `port` means: its name or a part of it, or the only reader with "".

    Raises:
        DeviceLost: none fits.
        DeviceMisconfigured: several fit.
    """
    if port in names:
        return port
    found = [name for name in names if port.casefold() in name.casefold()]
    if not found:
        there = f"there are: {', '.join(names)}" if names else "pcscd knows no reader"
        hint = f"plug the reader in, or correct `port`; {there}"
        raise DeviceLost("port_missing", port or "PC/SC", hint)
    if len(found) > 1:
        hint = f"give more of the name of one of them as `port`: {', '.join(found)}"
        raise DeviceMisconfigured("port_ambiguous", port or "PC/SC", hint)
    return found[0]


async def _within(
    thread: BlockingThread, function: Callable[[], Result], call_s: float, where: str
) -> Result:
    try:
        return await thread.call(function, timeout_s=call_s)
    except TimeoutError as error:
        raise _silent(where) from error


def _establish(where: str) -> Any:
    result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    _check(result, where)
    return context


def _readers(context: Any, where: str) -> list[str]:
    result, names = scard.SCardListReaders(context, [])
    if _code(result) == NO_READERS:
        return []
    _check(result, where)
    return list(names)


def _release(context: Any) -> Callable[[], object] | None:
    return None if context is None else lambda: scard.SCardReleaseContext(context)


def _code(result: int) -> int:
    """Results are signed where C's long has 32 bits."""
    return result & 0xFFFF_FFFF


def _check(result: int, where: str) -> None:
    code = _code(result)
    if code != OK:
        raise refusal(code, where)


def refusal(code: int, where: str) -> DriverError:
    """What a result of PC/SC calls for, when it is not about a card."""
    if code == FORBIDDEN:
        hint = "allow the agent's user in polkit: see systemd/polkit-1"
        return DeviceMisconfigured("pcscd_forbidden", where, hint)
    if code in NO_SERVICE:
        hint = "pcscd does not run: install it, or start pcscd.socket; it is tried again"
        return DeviceLost("pcscd_away", where, hint)
    if code in NO_READER:
        return _gone(where)
    return DeviceLost("port_gone", where, f"pcscd gave {code:#010x}; it is tried again")


def _gone(where: str) -> DeviceLost:
    return DeviceLost("port_gone", where, "check the cable; it is tried again")


def _silent(where: str) -> DeviceLost:
    hint = "pcscd has stopped answering: restart it; it is tried again"
    return DeviceLost("pcscd_silent", where, hint)
