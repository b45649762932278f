"""A disk as a power cut leaves it, worked out from a record.

What is believed of the file system is the least that POSIX promises:

- The bytes of a file are on disk once the file was synced (fsync or fdatasync) after they were
  written. Its size is one of them.
- A name (made, renamed, removed) is on disk once its folder was synced. Syncing the file is not
  enough, though ext4 happens to keep the name then too.
- Of what was not synced, anything may be on disk: each write or not, in any order, and of a write
  each sector of 512 bytes or not. A sector itself is never torn.
- After a sync that failed, what it should have written is lost for good, although it can still be
  read until the power goes: Linux marks such pages clean. A later sync that succeeds says nothing
  about them; only writing them again does. (In the mode "torn" a part of them did reach the disk.)
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

from benchmarks.powercut import record as rec
from benchmarks.powercut.record import Entry

SECTOR_BYTES = 512
TORN_WRITES = 0.3
"""Of the unsynced writes that reached the disk so many are torn."""
STALE_INDEX_BYTES = 32_768
_T = TypeVar("_T")


@dataclass
class _File:
    """What is on disk, and what was done since."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Entry] = field(default_factory=list)

    def sync(self) -> None:
        for change in self.pending:
            _apply(self.durable, change)
        self.pending = []


@dataclass
class _Folder:
    durable: dict[str, int] = field(default_factory=dict)
    current: dict[str, int] = field(default_factory=dict)
    pending: list[dict[str, int | None]] = field(default_factory=list)
    """Changes of names, each as a whole: a name and its node, None when it is gone."""

    def change(self, names: dict[str, int | None]) -> None:
        _rename(self.current, names)
        self.pending.append(names)

    def sync(self) -> None:
        self.durable = dict(self.current)
        self.pending = []


def _apply(content: bytearray, change: Entry) -> None:
    if change.op == rec.TRUNCATE:
        del content[change.offset :]
        content += bytes(change.offset - len(content))
    else:
        end = change.offset + len(change.data)
        if len(content) < change.offset:
            content += bytes(change.offset - len(content))
        content[change.offset : end] = change.data


def _rename(names: dict[str, int], change: dict[str, int | None]) -> None:
    for name, node in change.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


class Node(NamedTuple):
    """A file or a folder before the record began; all of it is on disk."""

    inode: int
    content: bytes | dict[str, Node]


def look_at(path: Path) -> Node:
    """A folder as it is now."""
    inode = path.stat().st_ino
    if not path.is_dir():
        return Node(inode, path.read_bytes())
    return Node(inode, {one.name: look_at(one) for one in sorted(path.iterdir())})


class Disk:
    """One folder of a disk, advanced entry by entry, and cut wherever one likes."""

    def __init__(self, before: Node, *, seed: int = 0, torn: bool = False) -> None:
        """Begin with what is on disk before the record.

        Args:
            before: the recorded folder.
            seed: of what chance decides in the mode "torn".
            torn: whether a part of what was not synced survives; else nothing of it.
        """
        self._torn = torn
        self._rng = random.Random(seed)
        self._nodes: list[_File | _Folder] = []
        self._by_inode: dict[int, int] = {}
        self._root = self._take(before)

    def _take(self, node: Node) -> int:
        if isinstance(node.content, bytes):
            return self._add(_File(bytearray(node.content)), node.inode)
        names = {name: self._take(one) for name, one in node.content.items()}
        return self._add(_Folder(dict(names), names), node.inode)

    def _add(self, node: _File | _Folder, inode: int) -> int:
        self._nodes.append(node)
        self._by_inode[inode] = len(self._nodes) - 1
        return len(self._nodes) - 1

    def advance(self, entry: Entry) -> None:
        """One more call was carried out."""
        if entry.op == rec.MARK:
            return
        if entry.op in (rec.CREATE, rec.FOLDER):
            made = _Folder() if entry.op == rec.FOLDER else _File()
            folder, name = self._find(entry.data)
            folder.change({name: self._add(made, entry.inode)})
        elif entry.op == rec.UNLINK:
            folder, name = self._find(entry.data)
            folder.change({name: None})
        elif entry.op == rec.RENAME:
            (old, old_name), (new, new_name) = map(self._find, entry.data.split(b"\0"))
            node = old.current[old_name]
            if old is new:
                old.change({old_name: None, new_name: node})
            else:
                old.change({old_name: None})
                new.change({new_name: node})
        else:
            self._change(self._nodes[self._by_inode[entry.inode]], entry)

    def _change(self, node: _File | _Folder, entry: Entry) -> None:
        if entry.op == rec.SYNC:
            node.sync()
        elif isinstance(node, _File):
            if entry.op == rec.SYNC_FAILED:
                self._drop(node)
            else:
                node.pending.append(entry)

    def _drop(self, node: _File) -> None:
        """A sync failed: what was to be written is lost, but for a part of it when torn."""
        survivors = self._survivors(node.pending) if self._torn else []
        for change in survivors:
            _apply(node.durable, change)
        node.pending = []

    def _find(self, path: bytes) -> tuple[_Folder, str]:
        *parents, name = path.decode().split("/")
        node = self._nodes[self._root]
        for parent in parents:
            assert isinstance(node, _Folder)
            node = self._nodes[node.current[parent]]
        assert isinstance(node, _Folder)
        return node, name

    # -- the cut ------------------------------------------------------------------------------

    def cut(self, folder: Path) -> None:
        """Write into an empty folder what the disk holds when the power goes now."""
        self._write(self._nodes[self._root], folder)

    def _write(self, node: _File | _Folder, path: Path) -> None:
        if isinstance(node, _Folder):
            path.mkdir(exist_ok=True)
            names = dict(node.durable)
            if self._torn:
                for change in self._some(node.pending):
                    _rename(names, change)
            for name, number in names.items():
                self._write(self._nodes[number], path / name)
        elif path.name.endswith("-shm"):
            # SQLite's index of the log is no durable state: there may be any rubbish.
            path.write_bytes(self._rng.randbytes(STALE_INDEX_BYTES) if self._torn else b"")
        else:
            content = node.durable
            if self._torn and node.pending:
                content = bytearray(content)
                for one in self._survivors(node.pending):
                    _apply(content, one)
            path.write_bytes(content)

    def _some(self, changes: list[_T]) -> list[_T]:
        """Those of them that happen to be on disk."""
        share = self._rng.choice((0.0, self._rng.random(), 1.0))
        return [one for one in changes if self._rng.random() < share]

    def _survivors(self, changes: list[Entry]) -> list[Entry]:
        some = self._some(changes)
        self._rng.shuffle(some)
        survivors: list[Entry] = []
        for change in some:
            if change.op == rec.WRITE and self._rng.random() < TORN_WRITES:
                survivors += [one for one in _sectors(change) if self._rng.random() < 0.5]
            else:
                survivors.append(change)
        return survivors


def _sectors(write: Entry) -> list[Entry]:
    """A write in pieces that a disk does not tear."""
    pieces = []
    at, end = write.offset, write.offset + len(write.data)
    while at < end:
        upto = min(end, (at // SECTOR_BYTES + 1) * SECTOR_BYTES)
        data = write.data[at - write.offset : upto - write.offset]
        pieces.append(Entry(rec.WRITE, write.inode, at, data))
        at = upto
    return pieces
