"""Bytes that no device sends: noise, recordings with errors in them, and pieces of recordings."""

from __future__ import annotations

import random
import time
import tracemalloc
from collections.abc import Iterator
from typing import NamedTuple

from agent.commands import decode
from benchmarks.decoders import recordings
from benchmarks.decoders.oracles import ORACLES, name_of, names_of
from benchmarks.decoders.recordings import Recording

BLOCK_BYTES = 32_768
OVERLAP_BYTES = 1_024
"""More than the longest frame: an oracle sees that much of the block before."""
MOST_HELD_BYTES = 2 * 1024 * 1024
"""A decoder holds less, whatever it was fed: one remembers its newest 1,024 keypads."""


class Tally(NamedTuple):
    """What a decoder made of it.

    Attributes:
        fed_bytes: how many bytes it was given.
        readings: how many readings it gave.
        of_noise: those that it gave of random bytes, where a check was met by chance.
        wrong: those that no intact frame justifies, None if no oracle says.
        held_bytes: the most memory held after a block, the block with it; 0 if not measured.
        took_s: time in the decoder.
    """

    fed_bytes: int
    readings: int
    of_noise: int
    wrong: int | None
    held_bytes: int
    took_s: float


def mutated(data: bytes, chance: random.Random) -> bytes:
    """With some bits flipped, and some bytes lost, doubled or put in."""
    out = bytearray(data)
    for _ in range(max(1, len(out) // chance.choice((30, 200, 1000)))):
        at = chance.randrange(len(out))
        match chance.randrange(4):
            case 0:
                out[at] ^= 1 << chance.randrange(8)
            case 1:
                del out[at : at + chance.randint(1, 9)]
            case 2:
                out[at:at] = out[at : at + chance.randint(1, 64)]
            case _:
                out[at:at] = chance.randbytes(chance.randint(1, 9))
    return bytes(out)


def spliced(data: bytes, chance: random.Random) -> bytes:
    """Pieces of it, from anywhere to anywhere."""
    out = bytearray()
    while len(out) < len(data):
        at = chance.randrange(len(data))
        out += data[at : at + chance.randint(1, 300)]
    return bytes(out)


def blocks(name: str, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Blocks for a driver, kind by kind, without end."""
    recorded = b"".join(one.data for one in recordings.of_driver(name))
    long = recorded * (BLOCK_BYTES // len(recorded) + 1)
    while True:
        yield "noise", chance.randbytes(BLOCK_BYTES)
        yield "mutated", mutated(long, chance)
        yield "spliced", spliced(long, chance)


def pieces(data: bytes, chance: random.Random) -> Iterator[bytes]:
    """As a line hands bytes out: a few, or many."""
    most = chance.choice((16, 300, 4096))
    at = 0
    while at < len(data):
        size = chance.randint(1, most)
        yield data[at : at + size]
        at += size


def fuzz(name: str, total_bytes: int, *, seed: int = 1, memory: bool = False) -> Tally:
    """Feed a driver's decoder, from one end to the other. `memory`: see what it holds, slowly."""
    if memory:
        tracemalloc.start()
    try:
        return _fuzz(name, total_bytes, random.Random(seed))
    finally:
        if memory:
            tracemalloc.stop()


def _fuzz(name: str, total_bytes: int, chance: random.Random) -> Tally:
    oracle = ORACLES.get(name)
    fed = readings = of_noise = wrong = held = 0
    took_s, before = 0.0, b""
    start_bytes = tracemalloc.get_traced_memory()[0]
    decoder = decode.decoder_of(name, "fuzzed")
    for kind, block in blocks(name, chance):
        if fed >= total_bytes:
            break
        said: set[str] = set()
        for piece in list(pieces(block, chance)):
            fed += len(piece)
            start_s = time.perf_counter()
            found = list(decoder.feed(piece, fed * 1_000_000))
            took_s += time.perf_counter() - start_s
            readings += len(found)
            of_noise += len(found) if kind == "noise" else 0
            said.update(*map(names_of, found))
        if oracle is not None:
            wrong += len(said - oracle(before[-OVERLAP_BYTES:] + block))
        before = block
        said.clear()
        held = max(held, tracemalloc.get_traced_memory()[0] - start_bytes)
    return Tally(fed, readings, of_noise, None if oracle is None else wrong, held, took_s)


class Segment(NamedTuple):
    """The bytes of a recording up to a reading and since the one before, and what is then said."""

    data: bytes
    names: frozenset[str]


def segments(recording: Recording) -> list[Segment]:
    """A recording's."""
    found: list[Segment] = []
    decoder, start = decode.decoder_of(recording.driver, "fuzzed"), 0
    for at in range(len(recording.data)):
        said = decoder.feed(recording.data[at : at + 1], at * 1_000_000)
        if said:
            names = frozenset(map(name_of, said))
            found.append(Segment(recording.data[start : at + 1], names))
            start = at + 1
    return found


def garbage(data: bytes, chance: random.Random) -> bytes:
    """Something short that does not end with a frame, or only by chance. `data`: a recording."""
    match chance.randrange(4):
        case 0:
            return chance.randbytes(chance.randint(1, 600))
        case 1:
            return bytes((chance.randrange(256),)) * chance.randint(1, 300)
        case 2:  # the beginning of a frame, or its middle
            at = chance.randrange(len(data))
            return data[at : at + chance.randint(1, 200)]
        case _:
            return chance.randbytes(chance.randint(1, 100)) + data[: chance.randint(1, 40)]


def frames_to_recover(name: str, junk: bytes, after: list[Segment], most: int) -> int:
    """How many segments of a recording must follow junk until one is read, at most `most` + 1.

    A reading counts as read if it was given at all: one that the junk holds is then a repeat.
    """
    decoder = decode.decoder_of(name, "fuzzed")
    said = set(map(name_of, decoder.feed(junk, 0)))
    for count, segment in enumerate(after[:most], 1):
        said |= set(map(name_of, decoder.feed(segment.data, count * 10_000_000_000)))
        if segment.names <= said:
            return count
    return most + 1
