"""Serial ports, on pseudo-terminals."""

import asyncio
import os
import pty
import termios
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.errors import DeviceLost, DeviceMisconfigured
from drivers.serial import MAX_UNSENT_BYTES, SerialLine, keep_modem_lines


class Far:
    """The far end of a serial port."""

    def __init__(self) -> None:
        self.master, slave = pty.openpty()
        tty.setraw(slave)
        os.set_blocking(self.master, False)
        self.path = os.ttyname(slave)
        self._slave = slave

    def unplug(self) -> None:
        if self.master >= 0:
            os.close(self.master)
            os.close(self._slave)
            self.master = -1

    async def read_exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            try:
                data += os.read(self.master, 65_536)
            except BlockingIOError:
                await asyncio.sleep(0.001)
        return data


@pytest.fixture
def far() -> Iterator[Far]:
    end = Far()
    yield end
    end.unplug()


async def read_exactly(line: SerialLine, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += await line.read()
    return data


async def test_bytes_go_both_ways(far: Far) -> None:
    line = SerialLine(far.path, 9600)
    os.write(far.master, b"\x00\xffhello")
    assert await read_exactly(line, 7) == b"\x00\xffhello"
    line.write(b"\x11\x13\r\n")
    assert await far.read_exactly(4) == b"\x11\x13\r\n"
    line.close()


async def test_the_speed_is_set(far: Far) -> None:
    line = SerialLine(far.path, 9600)
    assert termios.tcgetattr(far.master)[4:6] == [termios.B9600, termios.B9600]
    line.close()


async def test_closing_drops_no_modem_line(far: Far) -> None:
    """HUPCL would reset many boards when the port is next opened."""
    before = termios.tcgetattr(far.master)
    before[2] |= termios.HUPCL
    termios.tcsetattr(far.master, termios.TCSANOW, before)
    line = SerialLine(far.path, 9600)
    assert not termios.tcgetattr(far.master)[2] & termios.HUPCL
    line.close()
    assert not termios.tcgetattr(far.master)[2] & termios.HUPCL


async def test_only_hupcl_is_cleared(far: Far) -> None:
    before = termios.tcgetattr(far.master)
    keep_modem_lines(far.master)
    before[2] &= ~termios.HUPCL
    assert termios.tcgetattr(far.master) == before


async def test_a_port_that_goes_away_ends_a_waiting_read(far: Far) -> None:
    line = SerialLine(far.path, 9600)
    reading = asyncio.create_task(line.read())
    await asyncio.sleep(0)
    far.unplug()
    with pytest.raises(DeviceLost, match="port_gone"):
        await reading
    with pytest.raises(DeviceLost, match="port_gone"):
        await line.read()
    with pytest.raises(DeviceLost, match="port_gone"):
        line.write(b"x")
    line.close()


async def test_a_closed_line_is_lost_and_may_be_closed_again(far: Far) -> None:
    line = SerialLine(far.path, 9600)
    reading = asyncio.create_task(line.read())
    await asyncio.sleep(0)
    line.close()
    line.close()
    with pytest.raises(DeviceLost):
        await reading
    with pytest.raises(DeviceLost):
        line.write(b"x")


async def test_a_cancelled_read_leaves_the_line_usable(far: Far) -> None:
    line = SerialLine(far.path, 9600)
    reading = asyncio.create_task(line.read())
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    os.write(far.master, b"still here")
    assert await read_exactly(line, 10) == b"still here"
    line.close()


async def test_what_the_port_does_not_take_at_once_follows(far: Far) -> None:
    line = SerialLine(far.path, 115_200)
    data = bytes(range(256)) * 200
    for at in range(0, len(data), 1000):
        line.write(data[at : at + 1000])
    assert await far.read_exactly(len(data)) == data
    line.close()


async def test_a_port_that_takes_nothing_is_given_up(far: Far) -> None:
    line = SerialLine(far.path, 115_200)
    line.write(bytes(MAX_UNSENT_BYTES))
    with pytest.raises(DeviceLost, match="port_stuck"):
        line.write(bytes(MAX_UNSENT_BYTES))
    line.close()


async def test_a_missing_port_is_lost(tmp_path: Path) -> None:
    with pytest.raises(DeviceLost, match="port_missing"):
        SerialLine(str(tmp_path / "ttyUSB7"), 9600)


async def test_a_port_in_use_is_lost(far: Far) -> None:
    line = SerialLine(far.path, 9600)
    with pytest.raises(DeviceLost, match="port_in_use"):
        SerialLine(far.path, 9600)
    line.close()
    SerialLine(far.path, 9600).close()


async def test_a_file_is_no_serial_port(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("no port")
    with pytest.raises(DeviceMisconfigured, match="port_unfit"):
        SerialLine(str(file), 9600)


@pytest.fixture
def forbidden(far: Far) -> Iterator[str]:
    """A port that nobody may open. Root may open every port, so the test is somebody else."""
    os.chmod(far.path, 0)
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    yield far.path
    os.seteuid(before)


async def test_a_port_without_permission_is_for_a_person(forbidden: str) -> None:
    with pytest.raises(DeviceMisconfigured, match="port_forbidden"):
        SerialLine(forbidden, 9600)


async def test_no_descriptor_is_left_behind(far: Far) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        line = SerialLine(far.path, 9600)
        reading = asyncio.create_task(line.read())
        await asyncio.sleep(0)
        line.close()
        with pytest.raises(DeviceLost):
            await reading
    assert len(os.listdir("/proc/self/fd")) == before
