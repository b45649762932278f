"""Virtual ZKXL receivers with their clickers: one speaks frames, one the JSON dialect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from drivers.protocols import zkxl_frames as frames
from drivers.protocols.zkxl_frames import Frame, Inner
from drivers.protocols.zkxl_objects import ObjectReader
from drivers.protocols.zkxl_stream import ZkxlStream
from drivers.sim.serial_port import VirtualPort

UID = "00C1A55E"
CAPACITY = 120
NOT_LISTED = 0xFF


class Asked(NamedTuple):
    """A question as the clickers were asked it."""

    sign: int
    number: int
    kind: int
    mask: int


class VirtualZkxl:
    """A receiver that speaks frames, on `port`.

    Attributes:
        asked: the questions that clickers were sent, in order.
        ended: how often they were told that it is over.
        whitelist: clickers that may answer while `filtering`.
        silent: it neither hears nor says anything.
        ignores: TYPEs that it does not answer.
        busy: so many of the next questions are refused as busy.
    """

    def __init__(self, *, capacity: int = CAPACITY) -> None:
        self.port = VirtualPort(self.feed)
        self.asked: list[Asked] = []
        self.ended = 0
        self.heartbeats: list[bytes] = []
        self.whitelist: list[bytes] = []
        self.filtering = False
        self.forwarding = False
        self.attending = False
        self.silent = False
        self.ignores: set[int] = set()
        self.busy = 0
        self._capacity = capacity
        self._stream = ZkxlStream()
        self._sign = 0

    def feed(self, data: bytes) -> None:
        """Bytes from the host."""
        for frame in self._stream.feed(data, 0):
            known = isinstance(frame, Frame) and frame.type not in self.ignores
            if isinstance(frame, Frame) and known and not self.silent:
                self._sign = frame.sign
                self._take(frame)

    def _take(self, frame: Frame) -> None:
        said = b"\0"
        match frame.type:
            case frames.SEND:
                said = self._send(frame)
            case frames.ADD:
                uids = [frame.data[at : at + 4] for at in range(1, len(frame.data), 4)]
                if len(self.whitelist) + len(uids) > self._capacity:
                    self._say(frames.ERROR, bytes((frames.ERROR_FULL, frame.type)))
                    return
                self.whitelist += uids
            case frames.CLEAR:
                self.whitelist.clear()
            case frames.FILTER_ON | frames.FILTER_OFF:
                self.filtering = frame.type == frames.FILTER_ON
            case frames.FORWARD:
                self.forwarding = frame.data == b"\x01"
            case frames.ATTEND | frames.ATTEND_STOP:
                self.attending = frame.type == frames.ATTEND
            case frames.INFO:
                names = b"DTQ-V2".ljust(15, b"\0") + b"WHTY".ljust(8, b"\0")
                said = bytes.fromhex(UID) + b"\x01\x02\x03" + names + b"\0\0"
            case frames.HEARTBEAT:
                self.heartbeats.append(frame.data)
                return
            case frames.STOP:
                pass
            case _:
                self._say(frames.ERROR, bytes((0xFF, frame.type)))
                return
        self._say(frame.type, said)

    def _send(self, frame: Frame) -> bytes:
        state = bytes((self.filtering, len(self.whitelist)))
        if self.busy:
            self.busy -= 1
            return b"\x01" + state
        inner = frames.decode_inner(frame.data)
        if inner is not None and inner.type == frames.FINISH:
            self.ended += 1
        elif inner is not None and inner.type == frames.QUESTIONS:
            count, number, asked = inner.data
            if count == 1:
                self.asked.append(Asked(frame.sign, number, asked >> 6, asked & 0x3F))
        return b"\0" + state

    def _say(self, kind: int, data: bytes, sign: int | None = None) -> None:
        self.port.send(frames.encode(Frame(kind, self._sign if sign is None else sign, data)))

    def answer(self, uid: str, *said: tuple[int, int], sign: int | None = None) -> None:
        """A clicker answers: numbers of questions, and bytes of kind and mask."""
        number = bytes.fromhex(uid)
        if not self.forwarding or (self.filtering and number not in self.whitelist):
            return
        data = bytes((len(said),)) + b"".join(map(bytes, said))
        inner = frames.encode_inner(Inner(number, frames.ANSWERS, data))
        self._say(frames.UPLOAD, inner, sign)

    def lay(self, uid: str) -> None:
        """Lay a clicker on the coil."""
        if self.attending:
            place = bytes((NOT_LISTED,)) + bytes.fromhex(uid)
            self._say(frames.CARD, place + b"2026014".ljust(20, b"\0"))

    def report_delivery(self, delivered: Sequence[str], undelivered: Sequence[str]) -> None:
        """Say which clickers have the question, and which have not."""
        for kind, uids in ((frames.DELIVERED, delivered), (frames.NOT_DELIVERED, undelivered)):
            if uids:
                data = b"".join(b"\xff" + bytes.fromhex(uid) for uid in uids)
                self._say(kind, data)


class VirtualZkxlJson:
    """A receiver that speaks the JSON dialect, on `port`. `asked`: the objects it was told."""

    def __init__(self) -> None:
        self.port = VirtualPort(self.feed)
        self.asked: list[dict[str, Any]] = []
        self._held = b""

    def feed(self, data: bytes) -> None:
        """Bytes from the host."""
        self._held += data
        while self._held:
            said, size = ObjectReader().read(self._held, 0)
            if not size:
                return
            if said is not None:
                self.asked.append(said)
            self._held = self._held[size:]

    def answer(
        self, card_id: str, *said: tuple[str, int, str], rssi_dbm: int = -59, extra: str = ""
    ) -> None:
        """A clicker's answers so far: kind, number and key of each. `extra`: more of the object."""
        given = ",".join(
            f"{{'type':'{kind}','id':'{n}','answer':'{key}'}}" for kind, n, key in said
        )
        text = (
            f"{{'fun':'update_answer_list','card_id':'{card_id}','rssi':'{rssi_dbm}',"
            f"'update_time':'2026-11-24 09:10:37:816',{extra}'answers':[{given}]}}"
        )
        self.port.send(text.encode())
