"""A school that costs next to nothing: an MQTT 5 endpoint that acknowledges every batch.

For floods and drains, in a process of its own: it parses PUBLISH, inflates the batch, reads its
last number, answers with PUBACK and the receipt, and keeps what came. `School` starts the process;
`python -m benchmarks.rig.school` is the process. It ends when its standard input does.
"""

from __future__ import annotations

import argparse
import os
import re
import select
import socket
import struct
import sys
import time
import zlib
from pathlib import Path
from typing import IO, Self

import msgspec

from agent.wire.codec import JSON_ZLIB
from agent.wire.payloads import Receipt, encode
from benchmarks.rig.receiver import now_ns
from benchmarks.rig.worker import Worker

HOST = "127.0.0.1"
ETHERNET_SEGMENT_BYTES = 1448
"""What a TCP segment carries on Ethernet; on loopback it would be 64 KiB, and headers seem free."""
HEADER_BYTES = 20 + 20 + 12
"""IP, TCP and its timestamps, a segment."""
CONNACK = bytes.fromhex("20 03 00 00 00")
PINGRESP = b"\xd0\x00"
_EPOCH = re.compile(rb'"epoch":(\d+)')
_SEQ = re.compile(rb'"seq":(\d+)')
_INFO = struct.Struct("<8B24I4Q6I")
RECORD = struct.Struct("<qHI")
"""Before each kept payload: when it came, length of its content type, its length."""


class Taken(msgspec.Struct):
    """What has come so far, and what it cost.

    Attributes:
        events: by the numbers of the batches, repeats left out.
        repeated: batches that had come before, or partly.
        published_bytes: of the PUBLISH packets of batches.
        up_bytes: all that the board sent, with MQTT, TCP and IP.
        down_bytes: all that it was sent, the same.
    """

    events: int = 0
    batches: int = 0
    repeated: int = 0
    gaps: int = 0
    first_ns: int = 0
    last_ns: int = 0
    published_bytes: int = 0
    up_bytes: int = 0
    down_bytes: int = 0
    cpu_s: float = 0.0
    epoch: int = 0
    upto: int = 0


class _Peer:
    """One connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = bytearray()

    def fileno(self) -> int:
        return self.sock.fileno()


class Stub:
    """The endpoint itself."""

    def __init__(self, port: int, keep: IO[bytes] | None) -> None:
        self._listener = socket.create_server((HOST, port))
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, ETHERNET_SEGMENT_BYTES)
        self._peers: list[_Peer] = []
        self._keep = keep
        self._closed_up = self._closed_down = 0
        self.taken = Taken()

    def serve(self, orders: IO[bytes]) -> None:
        """Work until `orders` ends; each line of it is answered with what has come so far."""
        while True:
            watched: list[_Peer | socket.socket | IO[bytes]] = [
                self._listener,
                orders,
                *self._peers,
            ]
            readable = select.select(watched, [], [])[0]
            for one in readable:
                if one is self._listener:
                    sock, _ = self._listener.accept()
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._peers.append(_Peer(sock))
                elif one is orders:
                    if not os.read(orders.fileno(), 4096):
                        return
                    self._report()
                elif isinstance(one, _Peer):
                    self._read(one)

    def _report(self) -> None:
        taken = self.taken
        taken.cpu_s = time.process_time()
        taken.up_bytes, taken.down_bytes = self._closed_up, self._closed_down
        for peer in self._peers:
            up, down = wire_bytes(peer.sock)
            taken.up_bytes += up
            taken.down_bytes += down
        if self._keep is not None:
            self._keep.flush()
        print(msgspec.json.encode(taken).decode(), flush=True)

    def _read(self, peer: _Peer) -> None:
        try:
            data = peer.sock.recv(262_144)
        except OSError:
            data = b""
        if not data:
            up, down = wire_bytes(peer.sock)
            self._closed_up += up
            self._closed_down += down
            self._peers.remove(peer)
            peer.sock.close()
            return
        peer.buffer += data
        buffer, answer, start = peer.buffer, b"", 0
        while True:
            length, body = _length(buffer, start)
            if body == 0 or len(buffer) < body + length:
                break
            answer += self._packet(buffer[start], bytes(buffer[body : body + length]), body - start)
            start = body + length
        del buffer[:start]
        if answer:
            peer.sock.sendall(answer)

    def _packet(self, head: int, body: bytes, head_bytes: int) -> bytes:
        kind = head >> 4
        if kind == 3:
            return self._published(head, body, head_bytes)
        if kind == 1:
            return CONNACK
        if kind == 8:
            return b"\x90\x04" + body[:2] + b"\x00\x00"
        if kind == 12:
            return PINGRESP
        return b""

    def _published(self, head: int, body: bytes, head_bytes: int) -> bytes:
        at_ns = now_ns()
        place = 2 + int.from_bytes(body[:2], "big")
        topic = body[2:place]
        mid = body[place : place + 2] if head & 6 else b""
        length, place = _length(body, place + len(mid), head=0)
        content_type = _content_type(body[place : place + length])
        answer = b"\x40\x02" + mid if mid else b""
        if not topic.endswith(b"/up/b"):
            return answer
        payload = body[place + length :]
        if self._keep is not None:
            self._keep.write(RECORD.pack(at_ns, len(content_type), len(payload)))
            self._keep.write(content_type + payload)
        taken = self.taken
        taken.batches += 1
        taken.published_bytes += head_bytes + len(body)
        taken.first_ns = taken.first_ns or at_ns
        taken.last_ns = at_ns
        epoch, first, last = span(content_type, payload)
        if epoch != taken.epoch:
            taken.epoch, taken.upto = epoch, first - 1
        if first > taken.upto + 1:
            taken.gaps += 1
        if first <= taken.upto:
            taken.repeated += 1
        taken.events += max(0, last - max(taken.upto, first - 1))
        taken.upto = max(taken.upto, last)
        return answer + _receipt(topic[:-4] + b"dn/ack", epoch, taken.upto)


def span(content_type: bytes, payload: bytes) -> tuple[int, int, int]:
    """Epoch, first and last number of a batch."""
    json = zlib.decompress(payload) if content_type == JSON_ZLIB.encode() else payload
    epoch, first = _EPOCH.search(json), _SEQ.search(json)
    last = _SEQ.match(json, json.rfind(b'"seq":'))
    assert epoch is not None
    assert first is not None
    assert last is not None
    return int(epoch[1]), int(first[1]), int(last[1])


def wire_bytes(sock: socket.socket) -> tuple[int, int]:
    """What this connection cost so far, with TCP and IP headers: received, sent."""
    info = _INFO.unpack(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO.size))
    acked, received = info[34:36]
    segments_out, segments_in = info[36:38]
    return received + segments_in * HEADER_BYTES, acked + segments_out * HEADER_BYTES


def _length(data: bytes | bytearray, start: int, *, head: int = 1) -> tuple[int, int]:
    """A packet's length and where its body begins; 0 where it has not all come."""
    length = shift = 0
    for place in range(start + head, min(start + head + 4, len(data))):
        length |= (data[place] & 0x7F) << shift
        if not data[place] & 0x80:
            return length, place + 1
        shift += 7
    return 0, 0


def _content_type(properties: bytes) -> bytes:
    """The one property that the board sends with a batch."""
    if properties[:1] != b"\x03":
        return b""
    return properties[3 : 3 + int.from_bytes(properties[1:3], "big")]


def _receipt(topic: bytes, epoch: int, upto: int) -> bytes:
    payload = encode(Receipt(epoch=epoch, upto=upto))
    kind = b"application/json"
    properties = b"\x03" + len(kind).to_bytes(2, "big") + kind
    body = len(topic).to_bytes(2, "big") + topic + bytes((len(properties),)) + properties + payload
    assert len(body) < 1 << 14
    return bytes((0x30, len(body) & 127 | 128, len(body) >> 7)) + body


class School:
    """The process, as the benchmark sees it. A context manager."""

    def __init__(self, port: int, *, keep: Path | None = None) -> None:
        """Take everything, start nothing. `keep`: where the payloads are kept, for `batches`."""
        self.port = port
        self.keep = keep
        arguments = [f"--port={port}"] + ([] if keep is None else [f"--keep={keep}"])
        self._worker = Worker("benchmarks.rig.school", *arguments)

    @property
    def url(self) -> str:
        return f"mqtt://{HOST}:{self.port}"

    def __enter__(self) -> Self:
        """Start it; return when it listens."""
        self._worker.__enter__()
        self._worker.heard()
        return self

    def __exit__(self, *exc: object) -> None:
        """End it."""
        self._worker.__exit__(*exc)

    @property
    def pid(self) -> int:
        return self._worker.pid

    def taken(self) -> Taken:
        """What has come so far."""
        self._worker.tell()
        return msgspec.json.decode(self._worker.heard(), type=Taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    keep = arguments.keep.open("wb") if arguments.keep else None
    stub = Stub(arguments.port, keep)
    print("{}", flush=True)
    stub.serve(sys.stdin.buffer)


if __name__ == "__main__":
    main()
