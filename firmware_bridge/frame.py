"""Frames on a byte line: COBS, a CRC-16, and a 0x00 at the end of each (see PROTOCOL.md)."""

from binascii import crc_hqx

CRC_START = 0xFFFF
CRC_BYTES = 2
FULL_RUN = 254  # bytes that one COBS code byte can stand before
MAX_BODY_BYTES = 128
MAX_FRAME_BYTES = MAX_BODY_BYTES + CRC_BYTES + 1  # one COBS code byte suffices


def cobs_encode(data: bytes) -> bytes:
    """Data without any 0x00 in it, 1 byte in 254 longer at most."""
    out = bytearray()
    position, end = 0, len(data)
    while True:
        zero = data.find(0, position, position + FULL_RUN)
        stop = min(position + FULL_RUN, end) if zero < 0 else zero
        out.append(stop - position + 1)
        out += data[position:stop]
        if zero < 0 and stop == end:
            return bytes(out)
        position = stop if zero < 0 else zero + 1


def cobs_decode(block: bytes) -> bytes:
    """Undo `cobs_encode`; raise ValueError when `block` is cut or not COBS."""
    out = bytearray()
    position, end = 0, len(block)
    while position < end:
        code = block[position]
        stop = position + code
        if code == 0 or stop > end:
            raise ValueError(f"COBS code {code} at byte {position} of {end}")
        out += block[position + 1 : stop]
        position = stop
        if code <= FULL_RUN and position < end:
            out.append(0)
    return bytes(out)


def encode_frame(body: bytes) -> bytes:
    """`body` (1 to MAX_BODY_BYTES) as it goes over the line, delimiter included."""
    if not 0 < len(body) <= MAX_BODY_BYTES:
        raise ValueError(f"a frame's body has 1 to {MAX_BODY_BYTES} bytes, not {len(body)}")
    return cobs_encode(body + crc_hqx(body, CRC_START).to_bytes(CRC_BYTES, "big")) + b"\0"


class FrameDecoder:
    """Bytes in any portions to frame bodies; skips what is no frame and counts it.

    Holds at most MAX_FRAME_BYTES between calls. `junk_bytes` counts every byte skipped so far,
    `junk_frames` the delimited pieces that failed; empty pieces (0x00 0x00) are idle line.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False
        self.junk_bytes = 0
        self.junk_frames = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies of the frames that `data` completes, in order."""
        *pieces, self._rest = (self._rest + data).split(b"\0")
        bodies: list[bytes] = []
        for piece in pieces:
            if self._skipping:  # the end of a piece whose beginning was too long to keep
                self._skipping = False
                self._junk(piece)
            elif piece:
                body = self._body(piece)
                if body is None:
                    self._junk(piece)
                else:
                    bodies.append(body)
        if self._skipping or len(self._rest) > MAX_FRAME_BYTES:
            self.junk_bytes += len(self._rest)
            self._rest = b""
            self._skipping = True
        return bodies

    def _junk(self, piece: bytes) -> None:
        self.junk_bytes += len(piece)
        self.junk_frames += 1

    @staticmethod
    def _body(piece: bytes) -> bytes | None:
        if len(piece) > MAX_FRAME_BYTES:
            return None
        try:
            content = cobs_decode(piece)
        except ValueError:
            return None
        # A CRC over content and its own big-endian CRC is 0.
        if len(content) <= CRC_BYTES or crc_hqx(content, CRC_START):
            return None
        return content[:-CRC_BYTES]
