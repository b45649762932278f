"""Which messages there are and how each is laid out: what receiver and host must agree on.

`MESSAGES` holds one line of layout for each. HELLO carries the CRC of each line as the firmware was
built with, so the two sides cannot disagree unnoticed. firmware/messages.h is generated from here:
`python -m firmware_bridge.message_table`.
"""

import sys
from binascii import crc_hqx
from enum import IntEnum

PROTOCOL_MAJOR = 1
PROTOCOL_MINOR = 1
TICK_NS = 100_000  # the receiver's clock counts 100 us
MAX_KEY_BYTES = 12
MAX_PRESSES_IN_FRAME = 8
MAX_OUTCOMES_IN_FRAME = 64
MAX_WIEGAND_BITS = 64


class MessageType(IntEnum):
    """First byte of a body; 0x01 to 0x3F from the receiver, 0x41 to 0x7F from the host."""

    HELLO = 0x01
    PRESSES = 0x02
    TIME = 0x03
    STATUS = 0x04
    WIEGAND = 0x10
    SWITCHES = 0x11
    HELLO_REQUEST = 0x41
    OUTCOMES = 0x42
    TIME_REQUEST = 0x43
    STATUS_REQUEST = 0x44
    SHOW = 0x45
    LOCATE = 0x46
    READERS = 0x50
    RADIO = 0x51


MESSAGES: dict[MessageType, str] = {
    MessageType.HELLO: (
        "major:u8 minor:u8 firmware:u8[3] board:u8 serial:u8[8] boot:u16 ring_boot:u16 clock:u32"
        " ring_capacity:u16 ring_waiting:u16 first_seq:u32 refused:u32 lost:u32"
        " table_count:u8 (type:u8 layout_crc:u16)[table_count]"
    ),
    MessageType.PRESSES: (
        "boot:u16 first_seq:u32 count:u8"
        " (time:u32 keypad:u8[4] key_length:u8 key:ascii[key_length])[count]"
    ),
    MessageType.TIME: "token:u8 received:u32 sent:u32",
    MessageType.STATUS: (
        "boot:u16 ring_waiting:u16 refused:u32 lost:u32 resent:u32 junk_frames:u32"
        " overruns:u32 shown:u16"
    ),
    MessageType.WIEGAND: "number:u8 bit_count:u8 bits:u8[8]",
    MessageType.SWITCHES: "closed:u8",
    MessageType.HELLO_REQUEST: "",
    MessageType.OUTCOMES: "boot:u16 first_seq:u32 count:u8 code:u8[count]",
    MessageType.TIME_REQUEST: "token:u8",
    MessageType.STATUS_REQUEST: "",
    MessageType.SHOW: "number:u16 kind:u8 options:u8",
    MessageType.LOCATE: "seconds:u8",
    MessageType.READERS: "wiegand:u8",
    MessageType.RADIO: "channel:u8 address:u8[3]",
}

ABILITIES = {
    MessageType.WIEGAND,
    MessageType.SWITCHES,
    MessageType.READERS,
    MessageType.RADIO,
}
"""Messages that firmware may do without: it says in HELLO that it has them."""

LAYOUT_CRC: dict[int, int] = {
    kind: crc_hqx(f"{kind.name} {layout}".encode(), 0xFFFF) for kind, layout in MESSAGES.items()
}


def skew(table: tuple[tuple[int, int], ...]) -> list[str]:
    """In what a receiver's message table differs from ours, by name; [] when it fits.

    Messages that only the receiver knows do no harm: a newer minor version has them. Nor do
    abilities that it lacks: only what would use them is refused.
    """
    theirs = dict(table)
    differences: list[str] = []
    for kind in MessageType:
        if kind not in theirs:
            if kind in ABILITIES:
                continue
            differences.append(f"{kind.name} is missing")
        elif theirs[kind] != LAYOUT_CRC[kind]:
            differences.append(f"{kind.name} is laid out differently")
    return differences


def c_header() -> str:
    """firmware/messages.h, whole."""
    lines = [
        "/* Generated: python -m firmware_bridge.message_table > firmware/messages.h */",
        "#ifndef MESSAGES_H",
        "#define MESSAGES_H",
        "",
        f"#define PROTOCOL_MAJOR {PROTOCOL_MAJOR}",
        f"#define PROTOCOL_MINOR {PROTOCOL_MINOR}",
        f"#define MAX_KEY_BYTES {MAX_KEY_BYTES}",
        f"#define MAX_PRESSES_IN_FRAME {MAX_PRESSES_IN_FRAME}",
        f"#define MAX_OUTCOMES_IN_FRAME {MAX_OUTCOMES_IN_FRAME}",
        f"#define MAX_WIEGAND_BITS {MAX_WIEGAND_BITS}",
        "",
    ]
    for kind, layout in MESSAGES.items():
        lines.append(f"/* {layout or '(empty)'} */")
        lines.append(f"#define MSG_{kind.name} 0x{kind:02X}")
    rows = {
        kind: f"    0x{kind:02X}, 0x{crc & 0xFF:02X}, 0x{crc >> 8:02X}"
        for kind, crc in LAYOUT_CRC.items()
    }
    radio = rows.pop(MessageType.RADIO)
    lines += ["", "#ifdef RADIO", f"#define RADIO_ROW , \\\n{radio}", "#define RADIO_MESSAGES 1"]
    lines += ["#else", "#define RADIO_ROW", "#define RADIO_MESSAGES 0", "#endif"]
    lines += [f"#define MESSAGE_COUNT ({len(rows)} + RADIO_MESSAGES)", "#define MESSAGE_TABLE \\"]
    lines.append(", \\\n".join(rows.values()) + " RADIO_ROW")
    lines += ["", "#endif", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(c_header())
