"""A zip, of which no more than a bound is unpacked: what it says of its size is not believed."""

from __future__ import annotations

import io
import zipfile
import zlib
from types import TracebackType
from typing import Self

from agent.files.errors import FileInvalid

MAX_ENTRIES = 1_000
MAX_ENTRY_BYTES = 4 * 1024 * 1024
MAX_TOTAL_BYTES = 8 * 1024 * 1024


def is_zip(data: bytes) -> bool:
    """Whether it begins as a zip does."""
    return data.startswith(b"PK\x03\x04") or data.startswith(b"PK\x05\x06")


class Archive:
    """The files in a zip, by name. A context manager."""

    def __init__(self, data: bytes) -> None:
        """Look at its list.

        Raises:
            FileInvalid: it is no zip, or has too many files.
        """
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
            raise FileInvalid("zip_broken", "pack it once more and send it again") from error
        infos = self._zip.infolist()
        if len(infos) > MAX_ENTRIES:
            raise FileInvalid("file_too_large", f"at most {MAX_ENTRIES} files in a package")
        self._infos = {info.filename.replace("\\", "/"): info for info in infos}
        self._left_bytes = MAX_TOTAL_BYTES

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._zip.close()

    @property
    def names(self) -> list[str]:
        """Its files in the order of its list, without folders."""
        return [name for name in self._infos if not name.endswith("/")]

    def read(self, name: str) -> bytes:
        """One file.

        Raises:
            KeyError: there is none of that name.
            FileInvalid: it is damaged, locked, or unpacks to too much.
        """
        info = self._infos[name]
        bound = min(MAX_ENTRY_BYTES, self._left_bytes)
        try:
            with self._zip.open(info) as file:
                data = file.read(bound + 1)
        except RuntimeError as error:  # a password
            raise FileInvalid("zip_locked", f"{name} has a password; send it without") from error
        except (
            zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError,
        ) as error:  # fmt: skip
            raise FileInvalid("zip_broken", f"{name} cannot be unpacked") from error
        if len(data) > bound:
            hint = f"unpacked at most {MAX_TOTAL_BYTES // 1024 // 1024} MB, and half that a file"
            raise FileInvalid("file_too_large", hint)
        self._left_bytes -= len(data)
        return data
