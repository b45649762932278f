"""Why a receiver was not flashed, by what follows from it."""

from firmware_bridge.messages import ProtocolError


class FlashError(ProtocolError):
    """Why a receiver was not flashed.

    Attributes:
        code: a stable word that pages translate.
        where: the file and line, the port or the receiver.
        hint: what to do, in one English sentence.
    """

    def __init__(self, code: str, where: str, hint: str) -> None:
        super().__init__(f"{where}: {code}: {hint}")
        self.code = code
        self.where = where
        self.hint = hint


class ImageInvalid(FlashError, ValueError):
    """The file is not one that may be written: take another."""


class NothingChanged(FlashError):
    """The receiver is as it was."""


class WrongBoard(NothingChanged, ValueError):
    """The image is for another board, or for other keypads."""


class BootloaderSilent(NothingChanged, ConnectionError):
    """No bootloader answered."""


class CutOff(FlashError, ConnectionError):
    """Writing had begun and did not end: the receiver can be flashed again, and must be."""


FLASH_AGAIN = "it holds no firmware that runs now; its bootloader is whole: flash it again"
