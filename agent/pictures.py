"""The pictures that lessons show, by what is in them: one file each, named by its SHA-256.

An event or a record names a picture; its bytes are here alone. Whoever keeps one takes it with
`taking` and records its name in the body: until then it is on the disk, by name too, and stays.
What nobody names any more is deleted, and where room is short the pictures of old lessons are: they
go before an answer ever would. So a picture that is named may be gone, and its readers say so.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import os
import secrets
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from agent.errors import NotDurable
from agent.lesson.errors import LessonRefused
from agent.lesson.events import Picture
from agent.lesson.model import State
from agent.lesson.picture_head import PictureInvalid, PictureReader
from agent.private_file import make_folder, sync_folder

log = logging.getLogger(__name__)

FOLDER = "pictures"
MAX_PICTURE_BYTES = 10 * 1024 * 1024
AT_ONCE_BYTES = 256 * 1024
"""So much of a picture is in memory at most, beside what has come meanwhile."""
PART = ".part"


class PicturesRefused(LessonRefused):
    """No room for a picture."""


class Named(NamedTuple):
    """The pictures that something names.

    Attributes:
        old: may be given up where room is short, the first ones first.
        held: never given up.
    """

    old: Sequence[str]
    held: Collection[str]


def of_lessons(state: State) -> Named:
    """The pictures of all lessons; those of the open one are held."""
    newest_first: dict[str, None] = {}
    for span in sorted(state.spans.values(), key=lambda span: span.first, reverse=True):
        newest_first |= dict.fromkeys(reversed(span.pictures))
    span_now = None if state.lesson is None else state.spans.get(state.lesson.id)
    held = frozenset(() if span_now is None else span_now.pictures)
    return Named([one for one in reversed(newest_first) if one not in held], held)


class PictureStore:
    """A folder of pictures. Used in the loop; the disk is waited for in threads."""

    def __init__(
        self,
        folder: Path,
        *,
        bound_bytes: int,
        named: Callable[[], Named],
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        """Take everything, open nothing.

        Args:
            folder: made with the first picture.
            bound_bytes: what all pictures may take.
            named: what may not be deleted.
            has_room: whether the disk has room for more than answers.
        """
        self._folder = folder
        self._bound_bytes = bound_bytes
        self._named = named
        self._has_room = has_room
        self._deleting = asyncio.Lock()
        self._files = threading.Lock()
        self._held: Counter[str] = Counter()
        self._fresh: set[str] = set()
        self._parts: set[str] = set()

    def path(self, sha256: str) -> Path | None:
        """Where a picture lies; None if it was given up."""
        path = self._folder / sha256
        return path if path.is_file() else None

    @asynccontextmanager
    async def taking(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[Picture]:
        """Keep a picture; in the body it is on the disk, and whatever names it is recorded.

        Raises:
            PictureInvalid: it is none that the board takes, or longer than `MAX_PICTURE_BYTES`.
            PicturesRefused: no room.
            NotDurable: it could not be written.
        """
        if not self._has_room():
            raise _no_room()
        part = _Part(self._folder)
        self._parts.add(part.name)
        sha256 = ""
        try:
            picture = await self._write(part, pieces)
            await self._make_room(picture.size_bytes, but=picture.sha256)
            self._held[picture.sha256] += 1
            sha256 = picture.sha256
            await asyncio.to_thread(self._keep, part, sha256)
            yield picture
        except OSError as error:
            if isinstance(error, NotDurable):  # of what the body records
                raise
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise _no_room() from error
            hint = "the disk did not take it; send it again"
            raise NotDurable("not_durable", str(self._folder), hint) from error
        finally:
            part.discard()
            self._parts.discard(part.name)
            self._held[sha256] -= 1
            self._held += Counter()  # without those at nought

    async def _write(self, part: _Part, pieces: AsyncIterator[bytes]) -> Picture:
        taken, waiting, waiting_bytes = 0, [], 0
        async for piece in pieces:
            taken += len(piece)
            if taken > MAX_PICTURE_BYTES:
                raise too_large()
            waiting.append(piece)
            waiting_bytes += len(piece)
            if waiting_bytes >= AT_ONCE_BYTES:
                await asyncio.to_thread(part.write, waiting)
                waiting, waiting_bytes = [], 0
        return await asyncio.to_thread(part.finish, waiting)

    def _keep(self, part: _Part, sha256: str) -> None:
        with self._files:
            self._fresh.add(sha256)
            part.rename(sha256)

    async def _make_room(self, size_bytes: int, *, but: str) -> None:
        if size_bytes + await self._delete(self._bound_bytes - size_bytes, 0, but) > (
            self._bound_bytes
        ):
            hint = "all room for pictures is taken by this lesson; end it, or take smaller ones"
            raise PicturesRefused("pictures_full", "pictures", hint)

    async def tidy(self, *, free_bytes: int = 0) -> int:
        """Delete what nobody names; then old ones beyond the bound, and until so much is free.

        The bytes that are left.

        Raises:
            OSError: the disk refused it.
        """
        return await self._delete(self._bound_bytes, free_bytes, "")

    async def _delete(self, bound_bytes: int, free_bytes: int, but: str) -> int:
        async with self._deleting:
            self._fresh = {*self._held, but}  # with what is kept from here on
            named, parts = self._named(), frozenset(self._parts)
            return await asyncio.to_thread(
                self._delete_files, named, parts, bound_bytes, free_bytes
            )

    def _delete_files(
        self, named: Named, parts: Collection[str], bound_bytes: int, free_bytes: int
    ) -> int:
        if not self._folder.is_dir():
            return 0
        with os.scandir(self._folder) as entries:
            sizes = {one.name: one.stat().st_size for one in entries if one.name not in parts}
        wanted = {*named.old, *named.held}
        gone = [name for name in sizes if name not in wanted]
        left = sum(sizes.values()) - sum(sizes[name] for name in gone)
        given_up = 0
        for name in named.old:
            if left <= bound_bytes and given_up >= free_bytes:
                break
            if name in sizes:
                gone.append(name)
                left -= sizes[name]
                given_up += sizes[name]
        for name in gone:
            with self._files:
                if name not in self._fresh and name not in self._parts:
                    (self._folder / name).unlink(missing_ok=True)
        if gone:
            sync_folder(self._folder)
        if given_up:
            log.info("pictures of old lessons are deleted: %d bytes", given_up)
        return left


class _Part:
    """A picture on its way to the disk. In threads but for `discard`."""

    def __init__(self, folder: Path) -> None:
        self.name = f"{secrets.token_hex(8)}{PART}"
        self._path = folder / self.name
        self._reader = PictureReader()
        self._digest = hashlib.sha256()
        self._size_bytes = 0
        self._file: int | None = None

    def write(self, pieces: Sequence[bytes]) -> None:
        """Take so much of it."""
        if self._file is None:
            make_folder(self._path.parent, mode=0o700)
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(self._file, "ab", closefd=False) as file:
            for piece in pieces:
                self._reader.feed(piece)
                self._digest.update(piece)
                self._size_bytes += len(piece)
                file.write(piece)

    def finish(self, pieces: Sequence[bytes]) -> Picture:
        """Take the rest; all of it is on the disk."""
        self.write(pieces)
        head = self._reader.finish()
        assert self._file is not None  # noqa: S101 (opened by `write`)
        os.fsync(self._file)
        return Picture(
            sha256=self._digest.hexdigest(),
            media_type=head.media_type,
            size_bytes=self._size_bytes,
            width_px=head.width_px,
            height_px=head.height_px,
        )

    def rename(self, sha256: str) -> None:
        """It has its name, also after a power cut."""
        self._path.rename(self._path.with_name(sha256))
        sync_folder(self._path.parent)

    def discard(self) -> None:
        """Close it; if it was not renamed, it is gone."""
        if self._file is not None:
            os.close(self._file)
            self._path.unlink(missing_ok=True)


def too_large() -> PictureInvalid:
    """The refusal of a picture that is too long."""
    hint = f"at most {MAX_PICTURE_BYTES // 1024 // 1024} MB; scale it down"
    return PictureInvalid("picture_too_large", "picture", hint)


def _no_room() -> PicturesRefused:
    hint = "the disk is nearly full and is kept for answers; tell the school's IT"
    return PicturesRefused("pictures_no_room", "pictures", hint)
