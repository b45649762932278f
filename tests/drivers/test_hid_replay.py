"""HID drivers through the kernel's names: found by USB id in sysfs, opened as /dev/hidraw0.

umockdev stands in for sysfs and device, and checks each report that is written.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.decoders import recordings
from drivers.hidraw import NO_REPORT_NUMBER
from drivers.protocols.iclicker import lcd_lines

pytestmark = pytest.mark.needs("umockdev")
ROOT = Path(__file__).parents[2]
LCD = [
    line + text.encode() for line, text in zip((b"\1\x13", b"\1\x14"), lcd_lines(None), strict=True)
]
START = [
    b"\1\x10\x21\x41", b"\1\x2a\x21\x41\5", b"\1\x12", b"\1\x16", b"\1\x15", b"\1\x2d",
    b"\1\x17\4", b"\1\x17\3", b"\1\x16", *LCD,
]  # fmt: skip


def device(vendor: str, product: str) -> str:
    """One HID device on USB, as umockdev describes it."""
    usb = f"{vendor}:{product}"
    hid = f"/devices/pci0000:00/usb1/1-1/1-1:1.0/0003:{usb}.0001"
    uevent = f"HID_ID=0003:0000{vendor}:0000{product}\\nHID_NAME=Acme\\nHID_UNIQ=\\n"
    return (
        f"P: {hid}\nE: SUBSYSTEM=hid\nA: uevent={uevent}\n\n"
        f"P: {hid}/hidraw/hidraw0\nN: hidraw0\nE: DEVNAME=/dev/hidraw0\nE: SUBSYSTEM=hidraw\n"
        f"L: device=../../../0003:{usb}.0001\n"
    )


def line(kind: bytes, data: bytes) -> bytes:
    """A line of umockdev's script: r is what the device sends, w what it must be told first."""
    escaped = b""
    for byte in data:
        if byte == ord("^"):
            escaped += b"^`"
        else:
            escaped += b"^" + bytes((byte + 64,)) if byte < 32 else bytes((byte,))
    return kind + b" 0 " + escaped + b"\n"


def replay(
    folder: Path, script: bytes, driver: str, usb: str, *, presses: int, **options: object
) -> list[str]:
    (folder / "device").write_text(device(*usb.upper().split(":")), encoding="ascii")
    (folder / "script").write_bytes(script)
    told = subprocess.run(
        [
            "umockdev-run", "-d", str(folder / "device"),
            "-s", f"/dev/hidraw0={folder / 'script'}",
            "--", sys.executable, "-m", "tests.drivers.hid_replay",
            driver, usb, str(presses), json.dumps(options),
        ],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=50,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    attached, *lines = told.stdout.splitlines()
    assert json.loads(attached)["kind"] == "Attached"
    return lines


def test_an_iclicker_base_is_started_and_its_votes_are_read(tmp_path: Path) -> None:
    poll = next(one for one in recordings.of_driver("clicker.iclicker") if one.name == "a_poll")
    script = b""
    for command in START:
        script += line(b"w", NO_REPORT_NUMBER + command.ljust(64, b"\0"))
        script += line(b"r", (command[:2] + b"\xaa").ljust(64, b"\0"))
    for at in range(0, len(poll.data), 64):
        script += line(b"r", poll.data[at : at + 64])
    told = replay(
        tmp_path, script, "clicker.iclicker", "1881:0150", presses=len(poll.lines), settle_s=0
    )
    assert told == poll.lines


def test_an_xes_receiver_is_read(tmp_path: Path) -> None:
    (recording,) = recordings.of_driver("clicker.xes")
    reports = [recording.data[at : at + 256] for at in range(0, len(recording.data), 256)]
    script = b"".join(line(b"r", one) for one in reports)
    told = replay(tmp_path, script, "clicker.xes", "0483:5a4c", presses=len(recording.lines))
    assert told == recording.lines
