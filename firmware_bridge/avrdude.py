"""Writing an AVR's flash with avrdude, so that a cut at any point leaves what can be flashed again.

The bootloader starts whatever is in flash when nobody talks to it. So the first page, where the
chip starts, is written as one that does nothing, then all the rest, and the real first page last:
firmware that is not all there is never run. The bootloader itself is never written.
"""

import asyncio
import contextlib
import fcntl
import os
import re
import shutil
import tempfile
import termios
from collections.abc import Callable, Sequence
from pathlib import Path

from firmware_bridge.boards import Board, Bootloader
from firmware_bridge.flash_errors import (
    FLASH_AGAIN,
    BootloaderSilent,
    CutOff,
    FlashError,
    NothingChanged,
    WrongBoard,
)
from firmware_bridge.image import Chunk, FirmwareImage, hex_text, split_first_page

PROGRAM = "avrdude"
STALL_S = 10.0
"""It says each fiftieth of the way, and each try; what says nothing for so long is stuck."""
LOOK_S = 0.5
"""So often is looked whether the port is still there: avrdude does not mind that it is not."""
KEPT_OUTPUT_BYTES = 16_384
_STEP = re.compile(rb"(Writing|Reading) \| (#*)")
_BAR = 50
_PARK, _BODY, _FIRST = "park.hex", "body.hex", "first.hex"

Tell = Callable[[str, int], None]
"""Told how far it is: "writing" or "verifying", and per cent."""


def program() -> str:
    """Where avrdude is.

    Raises:
        NothingChanged: it is not installed.
    """
    found = shutil.which(PROGRAM)
    if found is None:
        hint = "it writes the firmware and is not installed: apt-get install avrdude"
        raise NothingChanged("tool_missing", PROGRAM, hint)
    return found


async def write(
    port: str, image: FirmwareImage, tell: Tell, *, inherited: Sequence[int] = ()
) -> None:
    """Write and verify. `inherited`: descriptors that stay open as long as it writes.

    Raises:
        BootloaderSilent, WrongBoard, NothingChanged: the receiver is as it was.
        CutOff: it is not, and can be flashed again.
    """
    avrdude = program()
    try:
        await _write(avrdude, port, image, tell, inherited)
    except FlashError:
        raise
    except OSError as error:  # no room for its files, or it cannot be started
        raise NothingChanged("flash_failed", port, f"nothing was changed ({error})") from error


async def _write(
    avrdude: str, port: str, image: FirmwareImage, tell: Tell, inherited: Sequence[int]
) -> None:
    silent = BootloaderSilent("bootloader_silent", port, "the image fits no bootloader")
    with tempfile.TemporaryDirectory(prefix="flash-") as folder:
        _lay_out(Path(folder), image)
        for bootloader in image.board.bootloaders:
            if image.end > bootloader.starts_at:
                continue
            drop_modem_lines(port)
            writing = _Writing(port, image.board, bootloader, tell)
            try:
                await writing.run(avrdude, folder, inherited)
            except BootloaderSilent as error:
                silent = error
            else:
                return
    raise silent


def _lay_out(folder: Path, image: FirmwareImage) -> None:
    first, rest = split_first_page(image)
    board = image.board
    parked = (board.park * board.page_bytes)[: board.page_bytes]
    (folder / _PARK).write_text(hex_text((Chunk(0, parked),)), encoding="ascii")
    (folder / _BODY).write_text(hex_text(rest), encoding="ascii")
    (folder / _FIRST).write_text(hex_text((Chunk(0, first),)), encoding="ascii")


def is_there(port: str) -> bool:
    """Whether the port is there: unplugged, its device file goes."""
    return os.path.exists(port)


def drop_modem_lines(port: str) -> None:
    """Let DTR and RTS fall: their rise at the next opening resets the board into its bootloader.

    Raises:
        NothingChanged: the port cannot be opened.
    """
    try:
        line = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as error:
        hint = f"the port cannot be opened ({error.strerror})"
        raise NothingChanged("port_unusable", port, hint) from error
    try:
        settings = termios.tcgetattr(line)
        settings[2] |= termios.HUPCL
        termios.tcsetattr(line, termios.TCSANOW, settings)
        both = (termios.TIOCM_DTR | termios.TIOCM_RTS).to_bytes(4, "little")
        with contextlib.suppress(OSError):  # a pseudo-terminal has neither
            fcntl.ioctl(line, termios.TIOCMBIC, both)
    except termios.error as error:
        hint = f"it is no serial port ({error.args[-1]})"
        raise NothingChanged("port_unusable", port, hint) from error
    finally:
        os.close(line)


class _Writing:
    """One run of avrdude."""

    def __init__(self, port: str, board: Board, bootloader: Bootloader, tell: Tell) -> None:
        self._port, self._board, self._bootloader = port, board, bootloader
        self._tell = tell
        self._output = b""
        self._bars = 0
        self._told = ("", -1)

    async def run(self, avrdude: str, folder: str, inherited: Sequence[int]) -> None:
        writes = [f"-Uflash:w:{folder}/{name}:i" for name in (_PARK, _BODY, _FIRST)]
        process = await asyncio.create_subprocess_exec(
            avrdude,
            *("-c", "arduino", "-p", self._board.part, "-P", self._port),
            *("-b", str(self._bootloader.baud), "-D", *writes),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.defpath, "LC_ALL": "C", "HOME": folder},  # nobody's own settings
            pass_fds=tuple(inherited),
        )
        try:
            trouble = await self._follow(process.stderr)
            if trouble:
                raise self._trouble(trouble)
            status = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if status < 0:
            raise self._trouble(f"it was ended by signal {-status}")
        if status > 0:
            raise self._trouble(self._last_line())

    async def _follow(self, stderr: asyncio.StreamReader | None) -> str:
        """Hear it to its end; why it must be ended, or ""."""
        quiet_s = 0.0
        while stderr is not None:
            try:
                async with asyncio.timeout(LOOK_S):
                    piece = await stderr.read(4096)
            except TimeoutError:
                quiet_s += LOOK_S
                if not is_there(self._port):
                    return "the port is gone"
                if quiet_s >= STALL_S:
                    return "it says nothing any more"
                continue
            if not piece:
                break
            quiet_s = 0.0
            self._output = (self._output + piece)[-KEPT_OUTPUT_BYTES:]
            self._progress()
        return ""

    def _progress(self) -> None:
        steps = _STEP.findall(self._output)
        if not steps:
            return
        word, bar = steps[-1]
        if [one for one, _ in steps].count(b"Writing") != 2:  # noqa: PLR2004 (the body)
            return
        phase = "writing" if word == b"Writing" else "verifying"
        now = (phase, 100 * min(len(bar), _BAR) // _BAR)
        if now != self._told:
            self._told = now
            self._tell(*now)

    @property
    def _begun(self) -> bool:
        return b"Writing | " in self._output

    def _last_line(self) -> str:
        lines = [line.strip() for line in self._output.decode("utf-8", "replace").splitlines()]
        told = [
            line
            for line in lines
            if line and "TIOCM" not in line and "done.  Thank you" not in line
        ]
        return told[-1].removeprefix("avrdude: ") if told else "it said nothing"

    def _trouble(self, said: str) -> FlashError:
        output, port = self._output, self._port
        if self._begun:
            return CutOff("flash_cut_off", port, f"{FLASH_AGAIN} (avrdude: {said})")
        if b"device signature" in output and b"expected signature" in output.lower():
            found = re.search(rb"device signature = (?:0x)?([0-9a-fA-F]{6})", output)
            chip = found[1].decode().upper() if found else "another"
            hint = (
                f"nothing was changed: its chip is {chip}, and the image is for"
                f" {self._board.signature.hex().upper()} ({self._board.name})"
            )
            return WrongBoard("board_differs", port, hint)
        if b"not in sync" in output or b"not responding" in output:
            hint = (
                "nothing was changed: no bootloader answers; does the board start anew when the"
                " port is opened (no capacitor at RESET), and has it an Arduino bootloader?"
            )
            return BootloaderSilent("bootloader_silent", port, hint)
        return NothingChanged("flash_failed", port, f"nothing was changed (avrdude: {said})")
