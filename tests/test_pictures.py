"""The folder of pictures: once each, there before it is named, gone before an answer would be."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.errors import NotDurable
from agent.lesson.errors import LessonRefused
from agent.lesson.events import Picture
from agent.pictures import MAX_PICTURE_BYTES, Named, PictureStore

SAMPLES = Path(__file__).parent / "samples"
JPEG = (SAMPLES / "baseline.jpg").read_bytes()


def distinct(number: int, size_bytes: int = 100_000) -> bytes:
    """Pictures that differ in what follows their end."""
    return JPEG + number.to_bytes(4, "big") * (size_bytes // 4)


class Shelf:
    """A store, and the names that lessons have given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "pictures"
        self.room = True
        self.old: list[str] = []
        self.held: list[str] = []
        self.store = PictureStore(
            self.folder,
            bound_bytes=1_000_000,
            named=lambda: Named(self.old, self.held),
            has_room=lambda: self.room,
        )

    async def take(self, content: bytes, piece_bytes: int = 3_000) -> Picture:
        async def pieces() -> AsyncIterator[bytes]:
            for at in range(0, len(content), piece_bytes):
                yield content[at : at + piece_bytes]

        async with self.store.taking(pieces()) as picture:
            assert (self.folder / picture.sha256).read_bytes() == content
            await self.store.tidy()  # nobody names it yet
            self.old.append(picture.sha256)
        return picture

    async def refused(self, content: bytes) -> str:
        with pytest.raises((LessonRefused, NotDurable)) as refusal:
            await self.take(content)
        return str(getattr(refusal.value, "code", ""))

    @property
    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


async def test_a_picture_is_kept_once_under_its_hash_for_the_agent_alone(shelf: Shelf) -> None:
    picture = await shelf.take(JPEG)
    again = await shelf.take(JPEG, piece_bytes=7)
    assert picture == again
    assert picture.sha256 == hashlib.sha256(JPEG).hexdigest()
    assert picture.size_bytes == len(JPEG)
    assert (picture.media_type, picture.width_px, picture.height_px) == ("image/jpeg", 40, 30)
    path = shelf.store.path(picture.sha256)
    assert path is not None
    assert shelf.files == {path.name}
    assert path.stat().st_mode & 0o777 == 0o600
    assert shelf.folder.stat().st_mode & 0o777 == 0o700


async def test_what_is_refused_leaves_nothing_behind(shelf: Shelf) -> None:
    await shelf.take(JPEG)
    before = shelf.files
    assert await shelf.refused(b"MZ" + bytes(200_000)) == "picture_unknown"
    assert await shelf.refused(JPEG[:-200]) == "picture_cut_off"
    assert await shelf.refused(JPEG + bytes(MAX_PICTURE_BYTES)) == "picture_too_large"
    shelf.room = False
    assert await shelf.refused(distinct(1)) == "pictures_no_room"
    assert shelf.files == before


async def test_a_line_that_breaks_off_leaves_nothing_behind(shelf: Shelf) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield distinct(1, 400_000)
        raise ConnectionResetError

    with pytest.raises(NotDurable):
        async with shelf.store.taking(broken()):
            raise AssertionError
    assert shelf.files == set()


async def test_pictures_of_nobody_and_halves_of_an_earlier_run_go(shelf: Shelf) -> None:
    kept, left = await shelf.take(distinct(1)), await shelf.take(distinct(2))
    (shelf.folder / "0011223344556677.part").write_bytes(b"half")
    shelf.old.remove(left.sha256)
    await shelf.store.tidy()
    assert shelf.files == {kept.sha256}


async def test_beyond_the_bound_the_oldest_go_and_what_is_shown_now_never(shelf: Shelf) -> None:
    pictures = [await shelf.take(distinct(number)) for number in range(12)]
    assert shelf.files == {one.sha256 for one in pictures[3:]}
    shelf.held, shelf.old = [one.sha256 for one in pictures[3:]], []
    assert await shelf.refused(distinct(99, 300_000)) == "pictures_full"
    assert shelf.files == set(shelf.held)


async def test_where_the_disk_is_short_old_pictures_make_room(shelf: Shelf) -> None:
    pictures = [await shelf.take(distinct(number)) for number in range(5)]
    shelf.held = [shelf.old.pop()]
    left_bytes = await shelf.store.tidy(free_bytes=150_000)
    assert shelf.files == {one.sha256 for one in pictures[2:]}
    assert left_bytes == sum(path.stat().st_size for path in shelf.folder.iterdir())
    await shelf.store.tidy(free_bytes=10_000_000)
    assert shelf.files == set(shelf.held)


async def test_a_folder_that_cannot_be_written_is_said_clearly(shelf: Shelf) -> None:
    shelf.folder.write_text("a file where the folder should be")
    assert await shelf.refused(JPEG) == "not_durable"
